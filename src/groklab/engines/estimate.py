"""What a study will cost here: run-steps, time, memory, storage; from its plan and a short measurement."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from groklab.engines.calibration import Rate, calibrate
from groklab.engines.compilations import keep_compilations
from groklab.engines.deriving import underived
from groklab.engines.left import Left, left_of
from groklab.engines.precision import Precision, multiplying
from groklab.engines.shapes import Shape, between, to_measure
from groklab.machine import cores, processor
from groklab.measures import Measure
from groklab.store import Reader, begun
from groklab.store.place import Place
from groklab.tasks import problem_of
from groklab.training import Batch, Run
from groklab.training.applicable import applicable
from groklab.training.memory import demand
from groklab.training.state import outline

if TYPE_CHECKING:
    from groklab.engines.preparing import Prepared

Known = dict[Shape, tuple[Rate, int]]
"""Rates and memory in bytes of the shapes measured so far."""


@dataclass(frozen=True, kw_only=True)
class BatchEstimate:
    """What is left to do of one batch, at most, and what it takes."""

    name: str
    """The batch."""
    shape: Shape
    """What its time depends on."""
    steps: int
    """Steps that it has yet to take."""
    run_steps: int
    """The same for all its runs that have not ended."""
    seconds: float
    """Time on the machine that was measured, compilation left out."""
    memory: int
    """Bytes that it takes on the device, predicted."""
    storage: int
    """Bytes that it takes in the store once it is done, predicted before compression."""
    after: tuple[str, ...]
    """Batches that must be done with before it begins."""

    @property
    def left(self) -> bool:
        """Whether there is anything to do."""
        return self.seconds > 0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is left to do of a study, at most: runs that end early make it less."""

    batches: tuple[BatchEstimate, ...]
    """All batches, those that are done among them."""
    run_steps_done: int
    """Run-steps that are done with."""
    measured: tuple[Shape, ...]
    """The shapes that were measured; the others' time follows from these by their arithmetic."""
    device: str
    """What was measured on."""
    processor: str
    """The machine's processor."""
    cores: int
    """Its cores that this process may use."""
    derivation: bool = False
    """Whether something is still to be computed of all networks together; what that takes is not in the numbers."""
    load: float | None
    """Threads that wanted a core over the minute before, as the system says; nothing where it does not."""

    @property
    def run_steps(self) -> int:
        """Run-steps that are left."""
        return sum(batch.run_steps for batch in self.batches)

    @property
    def seconds(self) -> float:
        """Time for one batch after another on this machine."""
        return sum(batch.seconds for batch in self.batches)

    @property
    def memory(self) -> int:
        """Bytes that the largest batch takes."""
        return max((batch.memory for batch in self.batches), default=0)

    @property
    def storage(self) -> int:
        """Bytes of the whole store once all is done, predicted before compression."""
        return sum(batch.storage for batch in self.batches)

    def hours(self, workers: int = 1) -> float:
        """Hours with so many workers, each as fast as this machine and with one batch at a time.

        The longest batch that can be begun is begun first, by the worker that is free first; a batch waits for those
        that it needs first.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        waiting = {batch.name: batch for batch in self.batches if batch.left}
        ended = {batch.name: 0.0 for batch in self.batches if not batch.left}
        free, running, now = workers, list[tuple[float, str]](), 0.0
        while waiting or running:
            ready = [batch for batch in waiting.values() if all(name in ended for name in batch.after)]
            for batch in sorted(ready, key=lambda batch: -batch.seconds)[:free]:
                heappush(running, (now + batch.seconds, batch.name))
                del waiting[batch.name]
                free -= 1
            now, name = heappop(running)
            ended[name] = now
            free += 1
        return now / 3600

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        whole = {name: getattr(self, name) for name in ("run_steps", "run_steps_done", "seconds", "memory", "storage")}
        machine = {name: getattr(self, name) for name in ("device", "processor", "cores", "load", "derivation")}
        rows = [
            {
                "name": batch.name,
                "runs": batch.shape.runs,
                "examples": batch.shape.examples,
                "measured": batch.shape in self.measured,
                **{name: getattr(batch, name) for name in ("steps", "run_steps", "seconds", "memory", "storage")},
                "after": list(batch.after),
            }
            for batch in self.batches
        ]
        return whole | machine | {"hours": {str(n): self.hours(n) for n in (1, 2, 4, 8)}, "batches": rows}


def estimate(
    prepared: "Prepared",
    place: str | os.PathLike[str] | Place | None = None,
    *,
    precision: Precision = "float32",
    known: Known | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> Estimate:
    """What is left of a study that is prepared, as it stands in the store at `place`; nothing is written.

    A few shapes are trained for about a second each, with `precision`; the others' time follows from theirs. What is
    measured is added to `known`, so that a further study of the same shapes needs no time. `say` is told what goes on.
    """
    keep_compilations()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    known = {} if known is None else known
    fitting = {batch.name: applicable(batch.runs[0], prepared.measures) for batch in prepared.batches}
    reader = Reader(place) if place is not None and begun(place) else None
    left = {batch.name: left_of(batch, reader, fitting[batch.name][0]) for batch in prepared.batches}
    unfinished = [batch for batch in prepared.batches if left[batch.name]]
    shapes = {batch.name: Shape.of(batch) for batch in prepared.batches}
    examples = {shapes[batch.name]: batch for batch in reversed(unfinished)}
    costs: dict[Shape, float] = {}
    for batch in unfinished:
        shape, what = shapes[batch.name], left[batch.name]
        costs[shape] = costs.get(shape, 0.0) + (what.steps + 1) * shape.work
    with multiplying(precision):
        asked = to_measure(costs, known)
        for number, shape in enumerate(asked, start=1):
            batch = examples[shape]
            say(f"measuring how fast this machine is: shape {number} of {len(asked)}, {words(batch)}")
            measures = fitting[batch.name][0]
            known[shape] = (calibrate(batch, measures), demand(batch.runs, measures))
    parents = {run: batch.name for batch in prepared.batches for run in batch.runs}
    batches = [
        _of(batch, shapes[batch.name], left[batch.name], known, parents, *fitting[batch.name])
        for batch in prepared.batches
    ]
    total = sum(run.steps for batch in prepared.batches for run in batch.runs)
    return Estimate(
        batches=tuple(batches),
        run_steps_done=total - sum(batch.run_steps for batch in batches),
        measured=tuple(shape for shape in dict.fromkeys(shapes.values()) if shape in known),
        device=jax.devices()[0].device_kind,
        processor=processor(),
        cores=cores(),
        derivation=underived(prepared.manifest.study, reader),
        load=load,
    )


def words(batch: Batch) -> str:
    """A batch in a few words."""
    return f"{len(batch.runs)} run{'s' * (len(batch.runs) > 1)} of {problem_of(batch.runs[0].task).name}"


def _of(
    batch: Batch,
    shape: Shape,
    left: Left,
    known: Known,
    parents: Mapping[Run, str],
    measures: tuple[Measure, ...],
    coordinates: Mapping[str, np.ndarray],
) -> BatchEstimate:
    seconds, memory = 0.0, 0
    if left:
        step = between(shape, {other: rate.step for other, (rate, _) in known.items()})
        logged = between(shape, {other: rate.logged for other, (rate, _) in known.items()}, _tables)
        kept = between(shape, {other: rate.kept for other, (rate, _) in known.items()}, lambda other: other.table)
        memory = round(between(shape, {other: float(size) for other, (_, size) in known.items()}))
        training = left.runs / len(batch.runs) * (left.steps * step + left.logged * logged)
        budget = batch.runs[0].stop.seconds
        if budget is not None:
            training = min(training, max(0.0, budget - left.spent))
        seconds = training + left.networks * kept
    return BatchEstimate(
        name=batch.name,
        shape=shape,
        steps=left.steps,
        run_steps=left.runs * left.steps,
        seconds=seconds,
        memory=memory,
        storage=stored(batch, measures, coordinates),
        after=tuple(sorted({parents[parent] for run in batch.runs for parent in run.parents})),
    )


def stored(batch: Batch, measures: tuple[Measure, ...], coordinates: Mapping[str, np.ndarray]) -> int:
    """Bytes that a batch takes once it is done, before compression: kept networks, measures, the last state.

    All runs to their last step. `measures` are those that fit, `coordinates` the labels along their dimensions.
    """
    state, run = outline(batch.runs), batch.runs[0]
    kept, logged = run.checkpoints.steps(run.steps), run.logging.steps(run.steps)
    networks = len(kept) * sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state.model))
    last = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    values = sum(
        math.prod(len(coordinates[dim]) for dim in measure.dims)
        * (len(kept) if measure.afterwards else len(np.union1d(kept, logged)))
        for measure in measures
    )
    return networks + last + 4 * len(batch.runs) * values


def _tables(shape: Shape) -> float:
    return shape.runs * shape.table
