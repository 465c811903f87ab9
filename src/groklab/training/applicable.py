"""Which measures fit a run."""

from collections.abc import Iterable

import numpy as np

from groklab.errors import unknown
from groklab.measures import Measure, built_in, fitting, on_request, outline_of
from groklab.tasks import problem_of
from groklab.training.settings import Run


def applicable(
    run: Run, measures: Iterable[Measure] | None = None
) -> tuple[tuple[Measure, ...], dict[str, np.ndarray]]:
    """The measures that fit the task and the model of a run, and the labels along their dimensions.

    `measures` are those to choose from; nothing means the built-in ones. The run's `extra_measures` come besides.
    Raises `Mistake` for a user's function that cannot be a measure, and for extra measures that there are not.
    """
    return fitting_to(run, (*(built_in() if measures is None else measures), *_extra(run)))


def fitting_to(run: Run, measures: Iterable[Measure]) -> tuple[tuple[Measure, ...], dict[str, np.ndarray]]:
    """As `applicable`, of the given measures alone."""
    return fitting(measures, outline_of(run.model, problem_of(run.task)))


def _extra(run: Run) -> Iterable[Measure]:
    known = {measure.name: measure for measure in on_request()}
    for name in dict.fromkeys(run.extra_measures):
        if name not in known:
            raise unknown("extra measure", name, known)
        yield known[name]
