"""A handful of the built-in measures, here and in processes elsewhere, so that each compiles little."""

from typing import Any

from groklab.engines import preparing
from groklab.measures import built_in

NAMES = (
    *("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "trig_share"),
    *("restricted_loss", "excluded_loss_by_frequency"),
)


def take_few() -> None:
    """Has studies of this process take those measures alone."""
    few = tuple(measure for measure in built_in() if measure.name in NAMES)
    preparing.built_in = lambda: few


class Few:
    """Has every process that it is sent to take few measures."""

    def __reduce__(self) -> tuple[Any, ...]:
        return arrived, ()


def arrived() -> Few:
    take_few()
    return Few()
