"""A batch's sink that hands on to trackers what was committed, and nothing else."""

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from jaxtyping import Float, Int

from groklab.errors import Caution
from groklab.tracking.protocol import Curves, Tracker
from groklab.training.plan import Batch
from groklab.training.sink import Saved, Sink


class Kept(Sink, Protocol):
    """A sink that says which curves it holds."""

    def scalars(self) -> list[str]:
        """The names of the measures with one value for each run and step that are there."""
        ...


class Tracked:
    """A sink for the trainer, with trackers beside it; a context manager around all that is written of a batch.

    On entry trackers get what the store holds, with every commit what was committed, and at the end what was measured
    of the kept networks. A tracker that fails is given up for this batch, after one line of warning (`Caution`).
    """

    def __init__(self, sink: Kept, trackers: Sequence[Tracker], batch: Batch) -> None:
        self._sink, self._trackers, self._batch = sink, trackers, batch
        self._open: dict[int, dict[int, Curves]] = {}
        self._fed: set[str] = set()

    def state(self) -> Saved | None:
        """What was last committed."""
        return self._sink.state()

    def history(self, names: Sequence[str]) -> tuple[Int[np.ndarray, "step"], dict[str, np.ndarray]]:
        """The committed logged steps, and measures (run, step) by name."""
        return self._sink.history(names)

    def commit(
        self,
        *,
        step: int,
        logged_steps: Int[np.ndarray, "step"],
        measures: Mapping[str, np.ndarray],
        checkpoints: Mapping[int, Mapping[str, np.ndarray]],
        state: Mapping[str, np.ndarray],
        meta: Mapping[str, Any],
        runs: Sequence[int],
    ) -> None:
        """Commits, and then tells the trackers."""
        self._sink.commit(
            step=step,
            logged_steps=logged_steps,
            measures=measures,
            checkpoints=checkpoints,
            state=state,
            meta=meta,
            runs=runs,
        )
        self._feed(runs, logged_steps, {name: values for name, values in measures.items() if values.ndim == 2})

    def __enter__(self) -> Self:
        for place, tracker in enumerate(self._trackers):
            self._open[place] = {}
            self._guarded(place, lambda place=place, tracker=tracker: self._begin(place, tracker))
        if self._open:
            self._catch_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open and kind is None:
            self._catch_up()
        for place in list(self._open):
            self._guarded(place, lambda place=place: _close(self._open[place]))
        self._open = {}

    def _begin(self, place: int, tracker: Tracker) -> None:
        for number, run in zip(self._batch.members, self._batch.runs, strict=True):
            self._open[place][number] = tracker.open(number, run)

    def _catch_up(self) -> None:
        """Hands on what the store holds and no tracker has had."""
        names = [name for name in self._sink.scalars() if name not in self._fed]
        if names:
            steps, values = self._sink.history(names)
            self._feed(self._batch.members, steps, values)

    def _feed(
        self,
        runs: Sequence[int],
        steps: Int[np.ndarray, "step"],
        scalars: Mapping[str, Float[np.ndarray, "run step"]],
    ) -> None:
        """Hands values on to every tracker; those that are NaN were not measured, or cannot be shown."""
        if not len(steps) or not scalars:
            return
        self._fed |= scalars.keys()
        rows = {number: _rows(steps, scalars, place) for place, number in enumerate(runs)} if self._open else {}
        for place in list(self._open):
            self._guarded(place, lambda place=place: _add(self._open[place], rows))

    def _guarded(self, place: int, doing: Callable[[], None]) -> None:
        """Does it; a tracker that fails in it is given up."""
        try:
            doing()
        except Exception as error:
            for curves in self._open.pop(place).values():
                with contextlib.suppress(Exception):
                    curves.close()
            reason = " ".join(str(error).split()) or type(error).__name__
            words = f"tracking by {self._trackers[place].name} ended ({reason}); training goes on without it"
            # Where warnings are errors it ends here: nothing that a tracker does may stop the training.
            with contextlib.suppress(Caution):
                warnings.warn(words, Caution, stacklevel=2)


def tracked(sink: Kept, trackers: Sequence[Tracker], batch: Batch) -> Tracked:
    """The sink of a batch with trackers beside it, to be used in a `with` block around its training and completing."""
    return Tracked(sink, trackers, batch)


Row = tuple[int, dict[str, float]]


def _rows(steps: np.ndarray, scalars: Mapping[str, np.ndarray], run: int) -> list[Row]:
    """What was measured of a run, a row a step, without what is NaN."""
    columns = {name: values[run].tolist() for name, values in scalars.items()}
    rows = (
        (step, {name: column[place] for name, column in columns.items() if column[place] == column[place]})
        for place, step in enumerate(steps.tolist())
    )
    return [(step, row) for step, row in rows if row]


def _add(opened: Mapping[int, Curves], rows: Mapping[int, list[Row]]) -> None:
    for number, some in rows.items():
        for step, row in some:
            opened[number].add(step, row)
        opened[number].flush()


def _close(opened: Mapping[int, Curves]) -> None:
    for curves in opened.values():
        curves.close()
