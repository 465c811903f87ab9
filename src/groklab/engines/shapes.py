"""Batches that cost the same, how much arithmetic they are, and which of them are worth measuring."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from groklab.models import LinearSettings, TransformerSettings
from groklab.tasks import SequenceTask, Task, problem_of
from groklab.training import Batch, OptimiserSettings, Run, Schedule, StopSettings
from groklab.training.backend import backend
from groklab.training.train_size import train_size

MOST = 6
"""Shapes that are measured, unless there are more families."""
APART = 1.2
"""Ratio of work from which on two shapes of a family are worth measuring both."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the time of a batch's step and of its measures depends on."""

    like: Run
    """One of its runs with everything blanked that costs no time."""
    runs: int
    """Runs in the batch."""
    examples: int
    """Examples of a run in a step, padding included."""

    @staticmethod
    def of(batch: Batch) -> "Shape":
        """The shape of a batch."""
        run = batch.runs[0]
        sizes = [train_size(one) for one in batch.runs]
        model = run.model if isinstance(run.model, LinearSettings) else replace(run.model, init_scale=1.0)
        like = replace(
            run,
            split=Run().split,
            model=model,
            optimiser=OptimiserSettings(name=run.optimiser.name, l1=float(run.optimiser.l1 != 0)),
            seed=0,
            steps=0,
            start=None,
            logging=Schedule(),
            checkpoints=Schedule(),
            stop=StopSettings(),
            intervention=None,
        )
        return Shape(like=like, runs=len(batch.runs), examples=run.batch_size or max(sizes))

    @cached_property
    def family(self) -> tuple[str, str, int]:
        """Back end, kind of network, layers: within a family time follows arithmetic."""
        model = self.like.model
        layers = model.layers if isinstance(model, TransformerSettings) else 1
        return (backend(self.like, problem_of(self.like.task)).name, type(model).__name__, layers)

    @cached_property
    def work(self) -> float:
        """Operations of a step of all runs, roughly: three forward passes over the examples."""
        return 3.0 * self.runs * _forward(self.like, self.examples)

    @cached_property
    def table(self) -> float:
        """Operations of a forward pass of one network over all that is measured, roughly: what measures cost follows.

        That is its task's table, or its sequences or samples.
        """
        return _forward(self.like, _measured(self.like))


def to_measure(costs: Mapping[Shape, float], known: Collection[Shape]) -> list[Shape]:
    """Which shapes to measure beside those known: one of each family, then those farthest from all that are measured.

    `costs` has what all batches of a shape cost together, in any unit: of a family that is not known the dearest shape
    is taken. No more than `MOST` altogether, save for families.
    """
    measured, chosen = list(known), list[Shape]()
    while True:
        gaps = {shape: _gap(shape, measured) for shape in costs if shape not in measured}
        if not gaps:
            return chosen
        farthest = max(gaps, key=lambda shape: (gaps[shape], costs[shape]))
        if gaps[farthest] < math.log(APART) or (len(measured) >= MOST and math.isfinite(gaps[farthest])):
            return chosen
        chosen.append(farthest)
        measured.append(farthest)


def between(
    shape: Shape, known: Mapping[Shape, float], work: Callable[[Shape], float] = lambda shape: shape.work
) -> float:
    """What a shape costs, from what others cost: a line in log cost over log work through the two nearest.

    Beyond the least and the most work it rises no faster than the work, and does not fall. Where one alone is known
    the cost is proportional to the work. Those of another family are looked at only where there are none of its own.
    `known` must not be empty.
    """
    if shape in known:
        return known[shape]
    family = [other for other in known if other.family == shape.family] or list(known)
    points = sorted({work(other): known[other] for other in family}.items())
    here = work(shape)
    after = sum(at <= here for at, _ in points)
    nearest, cost = points[max(after - 1, 0)]
    if len(points) == 1:
        return cost * here / nearest
    first = min(max(after - 1, 0), len(points) - 2)
    (low, cheap), (high, dear) = points[first : first + 2]
    if cheap <= 0 or dear <= 0:
        return cost
    slope = math.log(dear / cheap) / math.log(high / low)
    if not 0 < after < len(points):
        slope = min(max(slope, 0.0), 1.0)
    return cost * (here / nearest) ** slope


def _gap(shape: Shape, others: Collection[Shape]) -> float:
    family = [other for other in others if other.family == shape.family]
    return min((abs(math.log(shape.work / other.work)) for other in family), default=math.inf)


def _forward(run: Run, examples: int) -> float:
    """Operations in the matrix products of a forward pass, with the constant part that one layer's shortcut has."""
    task, model = problem_of(run.task), run.model
    if isinstance(model, LinearSettings):
        return 2.0 * task.vocabulary
    c = task.vocabulary if model.classes is None else model.classes
    if not isinstance(model, TransformerSettings):
        return examples * (4.0 * model.d_embed * model.d_mlp + 2 * model.d_mlp * c)
    d, m, z = model.d_model, model.d_mlp, model.heads * model.head_width
    if model.layers == 1 and isinstance(task, Task):
        constant = 2.0 * d * m * c + 2 * z * d * (m + c) + 4 * task.elements * z * (m + c)
        return constant + examples * (2.0 * m * c + 2 * d * c)
    read = task.settings.positions if isinstance(task, SequenceTask) else 1
    return examples * (task.length * model.layers * (8.0 * d * z + 4 * d * m) + read * 2 * d * c)


def _measured(run: Run) -> int:
    """Examples that a measure looks at."""
    task = problem_of(run.task)
    if isinstance(task, SequenceTask):
        return task.settings.test + (task.settings.examples or run.batch_size or 0)
    return task.pairs if isinstance(task, Task) else task.vocabulary
