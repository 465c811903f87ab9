"""What a run may learn: an operation's table, a sequence task, or the samples of the linear model."""

from groklab.tasks.samples import Samples, SamplesSettings
from groklab.tasks.sequences.settings import SequenceSettings
from groklab.tasks.sequences.task import SequenceTask
from groklab.tasks.settings import ProblemSettings
from groklab.tasks.task import Task

Problem = Task | SequenceTask | Samples
"""Anything a run may learn: `name`, `vocabulary`, `length`, `classes` and `group` say how to build a learner."""


def problem_of(settings: ProblemSettings) -> Problem:
    """What settings stand for. Raises `Mistake` for an operation or a modulus that is not known."""
    match settings:
        case SequenceSettings():
            return SequenceTask.of(settings)
        case SamplesSettings():
            return Samples(settings)
        case _:
            return Task.of(settings)
