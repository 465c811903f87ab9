"""The view that fits what is learned."""

from jaxtyping import Array, Float

from groklab.measures.sample_view import SampleTable, SampleView
from groklab.measures.sequence_view import SequenceTable, SequenceView
from groklab.measures.view import Labels, View
from groklab.models import Learner, LearnerSettings, LinearSettings, skeleton
from groklab.tasks import Problem, Samples, SequenceTask

Table = Labels | SequenceTable | SampleTable
"""What a measure must know of a run's training and test set, by what is learned."""


def view_of(model: Learner, problem: Problem, table: Table, key: Float[Array, "frequency"] | None = None) -> View:
    """A network and what it learns as measures see them; `key` as for `View`."""
    match problem, table:
        case SequenceTask(), SequenceTable():
            return SequenceView(model, problem, table)
        case Samples(), SampleTable():
            return SampleView(model, problem)
        case _, Labels():
            return View(model, problem, table, key)
        case _:
            raise TypeError(f"{type(table).__name__} is no table of {problem.name}")


def outline_of(settings: LearnerSettings, problem: Problem) -> View:
    """A view of a network without numbers, for asking what measures would fit."""
    match problem:
        case SequenceTask():
            return SequenceView(skeleton(settings, problem.vocabulary, problem.length), problem, None)
        case Samples():
            return SampleView(skeleton(settings, problem.vocabulary, problem.length), problem)
        case _:
            assert not isinstance(settings, LinearSettings)
            return View.outline(settings, problem)
