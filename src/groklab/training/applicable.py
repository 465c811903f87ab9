"""Which measures fit a run."""

from collections.abc import Iterable

import numpy as np

from groklab.measures import Measure, built_in, fitting, outline_of
from groklab.tasks import problem_of
from groklab.training.settings import Run


def applicable(
    run: Run, measures: Iterable[Measure] | None = None
) -> tuple[tuple[Measure, ...], dict[str, np.ndarray]]:
    """The measures that fit the task and the model of a run, and the labels along their dimensions.

    `measures` are those to choose from; nothing means the built-in ones. Raises `Mistake` for a user's function
    that cannot be a measure.
    """
    return fitting(built_in() if measures is None else measures, outline_of(run.model, problem_of(run.task)))
