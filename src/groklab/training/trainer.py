"""A batch trained from its last commit to its end: steps, measures, checkpoints, statuses, commits."""

import dataclasses
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from groklab.measures import Measure
from groklab.models import Learner, named_parameters
from groklab.tasks import problem_of
from groklab.training.backend import backend, backend_like
from groklab.training.changing import Fork, change
from groklab.training.history import DECISIVE, History
from groklab.training.over_networks import Pieces
from groklab.training.plan import Batch
from groklab.training.problem_data import AnyData, batch_data, seen_at
from groklab.training.sink import Doing, Sink, Tick, Watcher
from groklab.training.state import from_arrays, initial_state, outline, take, to_arrays
from groklab.training.status import Status
from groklab.training.step import measuring
from groklab.training.stopping import ending

CALL_SECONDS = 0.5
"""About how long one compiled call may take, so that progress shows and an interruption is obeyed soon."""
AHEAD_SECONDS = 5.0
"""About how much work is handed to an accelerator before its results are waited for."""


@dataclass(kw_only=True)
class _Uncommitted:
    """What was measured and kept since the last commit."""

    steps: list[int] = field(default_factory=list[int])
    measures: list[dict[str, np.ndarray]] = field(default_factory=list[dict[str, np.ndarray]])
    checkpoints: dict[int, dict[str, np.ndarray]] = field(default_factory=dict[int, dict[str, np.ndarray]])


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """What was measured at a step, perhaps still being computed."""

    step: int
    trained: int
    values: Pieces


class Trainer:
    """Takes one batch to its end. What it needs to go on is in the sink; another trainer goes on bit for bit.

    On the CPU every call is waited for. An accelerator is kept ahead of the host: steps and measures are handed to
    it one after another, and waited for only where something is decided or committed, or after `AHEAD_SECONDS`.
    Both ways give the same bits.

    Runs that have ended leave the batch, at steps of the checkpoint schedule only. These depend on the settings
    alone, not on when commits are made, so that interruptions leave no trace in the result.

    A run's intervention is made when its step is reached, before anything is measured, kept or committed there: what
    the store has of that step and of later ones is the changed run.
    """

    def __init__(
        self,
        batch: Batch,
        measures: tuple[Measure, ...],
        starts: Callable[[], Sequence[Learner]],
        sink: Sink,
        *,
        session: dict[str, Any],
        watch: Watcher = lambda tick: None,
        interrupted: Callable[[], bool] = lambda: False,
        commit_seconds: float = 15.0,
        ahead: bool | None = None,
        forks: Sequence[Fork | None] | None = None,
    ) -> None:
        """`starts` gives the initial networks, asked for only when the batch has not begun.

        Of `measures` those are left out that are computed afterwards. `session` is the provenance of this session,
        `interrupted` is asked often whether to commit and return, and a commit is made at least every
        `commit_seconds`. `ahead` says whether the device is kept ahead of the host; nothing means where it is not
        the CPU. `forks` has for every run with an intervention when it is made, nothing for the others.
        """
        self.batch, self.sink = batch, sink
        self.forks = [None] * len(batch.runs) if forks is None else list(forks)
        if any((fork is None) != (r.intervention is None) for fork, r in zip(self.forks, batch.runs, strict=True)):
            raise ValueError("a fork is given for every run with an intervention, and for no other")
        self.watch, self.interrupted, self.commit_seconds = watch, interrupted, commit_seconds
        self.ahead = jax.default_backend() != "cpu" if ahead is None else ahead
        run, task = batch.runs[0], problem_of(batch.runs[0].task)
        kept = run.checkpoints.steps(run.steps)
        self.kept = set(kept.tolist())
        self.marks = np.union1d(run.logging.steps(run.steps), kept)
        self.measure = measuring(task, tuple(measure for measure in measures if not measure.afterwards))
        self.whole_data = batch_data(batch.runs)
        self.new = _Uncommitted()
        self.trained = 0
        self.measured: list[_Measured] = []
        self.compiling, self.compiled = 0.0, set[tuple[str, int]]()
        self._resume(starts)
        chosen = backend_like(run, task, self.sessions[-1].get("backend")) if self.sessions else backend(run, task)
        self.advance = chosen.advance
        self.session = session | {"backend": chosen.name, "why": chosen.why}

    def train(self) -> list[Status]:
        """Trains until every run has ended or an interruption is asked for; all of it is committed then."""
        self.began = self.committed = time.monotonic()
        if not len(self.active):
            self.tick("training")
        elif not self.history.begun:
            self.tick("compiling")
            self._log()
        while len(self.active) and not self.interrupted():
            mark = int(self.marks[np.searchsorted(self.marks, self.step, side="right")])
            self._advance(mark)
            if self.step == mark:
                self._log()
                if not self.measured:
                    self.tick("training")
            if self._due:
                self._commit()
        if self.measured or self.new.steps or self.step != self.committed_step:
            self._commit()
        return self.statuses

    def _resume(self, starts: Callable[[], Sequence[Learner]]) -> None:
        """The last committed state, or the state before the first step."""
        count = len(self.batch.runs)
        saved = self.sink.state()
        if saved is None:
            self.whole = to_arrays(initial_state(self.batch.runs, starts()))
            self.statuses = [Status(state="waiting", step=0, sentence="not begun")] * count
            self.sessions: list[dict[str, Any]] = []
            self.history = History(count, np.empty(0, int), {})
        else:
            self.whole = dict(saved.arrays)
            self.statuses = [Status(**status) for status in saved.meta["statuses"]]
            self.sessions = list(saved.meta["sessions"])
            self.history = History(count, *self.sink.history(DECISIVE))
        self.spent = sum(session["seconds"] for session in self.sessions)
        self._enter(np.flatnonzero([not status.ended for status in self.statuses]))
        self.committed_step = self.step if saved else -1
        if saved is None:
            self._change()

    def _enter(self, active: Int[np.ndarray, "active"]) -> None:
        """Takes the rows of the runs still in training to the device."""
        self.active = active
        self.state = take(from_arrays(outline(self.batch.runs), self.whole), active)
        self.step = int(self.state.step)
        self.data = take(self._data(), active)
        self.enqueued, self.steps_a_wait = 0, 1

    @property
    def _due(self) -> bool:
        return time.monotonic() - self.committed > self.commit_seconds

    def _data(self) -> AnyData:
        """The data of all runs at this step: with another decay where an intervention has changed it."""
        if not any(self.forks):
            return self.whole_data
        decay = np.array(self.whole_data.weight_decay)
        for number, (run, fork) in enumerate(zip(self.batch.runs, self.forks, strict=True)):
            made = fork is not None and fork.step is not None and fork.step <= self.step
            if made and run.intervention is not None and run.intervention.change == "decay":
                decay[number] *= run.intervention.factor
        return dataclasses.replace(self.whole_data, weight_decay=decay)

    def _change(self) -> None:
        """Makes the interventions of this step."""
        due = [
            (row, self.batch.runs[number], fork)
            for row, number in enumerate(self.active.tolist())
            if (fork := self.forks[number]) is not None and fork.step == self.step
        ]
        if due:
            arrays = {path: np.array(values) for path, values in to_arrays(self.state).items()}
            for row, run, fork in due:
                change(arrays, row, run, fork)
            self.state = take(from_arrays(self.state, arrays), np.arange(len(self.active)))
            self.data = take(self._data(), self.active)

    def _advance(self, mark: int) -> None:
        """Steps up to the next mark, in calls short enough to be interrupted between, or until a commit is due."""
        changes = [fork.step for fork in self.forks if fork is not None and fork.step is not None]
        while self.step < mark and not self.interrupted():
            target = min([mark, *(step for step in changes if step > self.step)])
            count = min(self.steps_a_wait - self.enqueued, target - self.step)
            if not self.enqueued:
                self.waited = time.monotonic()
            with self._noting_compilation("advance"):
                self.state = self.advance(self.state, self.data, count)
            self.step += count
            self.trained += count * len(self.active)
            self.enqueued += count
            self._change()
            if not self.ahead or self.enqueued >= self.steps_a_wait:
                self._wait()
            if self._due:
                return

    def _wait(self) -> None:
        """Waits for everything handed to the device, and settles how much it is handed the next time."""
        for one in self.measured:
            values: dict[str, np.ndarray] = one.values.get()
            self.history.append(one.step, self.active, values)
            self.new.steps.append(one.step)
            self.new.measures.append(values)
            if self.ahead:
                self.tick("training", one)
        self.measured = []
        jax.block_until_ready(self.state)
        if self.enqueued:
            seconds = max(time.monotonic() - self.waited, 1e-6)
            wanted = int(self.enqueued * (AHEAD_SECONDS if self.ahead else CALL_SECONDS) / seconds)
            self.steps_a_wait, self.enqueued = max(1, min(2 * self.steps_a_wait, wanted)), 0

    def _log(self) -> None:
        """Measures the active runs; where weights are kept, runs that have ended leave."""
        with self._noting_compilation("measure"):
            seen = seen_at(self.data.table, np.full(len(self.active), self.step))
            values = self.measure(self.state.model, seen)
        self.measured.append(_Measured(step=self.step, trained=self.trained, values=values))
        out_of_time = self._out_of_time()
        deciding = self.step in self.kept or out_of_time
        if deciding or not self.ahead:
            self._wait()
        if deciding:
            self.new.checkpoints[self.step] = jax.device_get(named_parameters(self.state.model))
            self._decide(out_of_time)

    @contextmanager
    def _noting_compilation(self, what: str) -> Generator[None]:
        """Counts the first call of a program for so many runs as its compilation; calls return before they are done."""
        key, started = (what, len(self.active)), time.monotonic()
        yield
        if key not in self.compiled:
            self.compiled.add(key)
            self.compiling += time.monotonic() - started

    def _out_of_time(self) -> bool:
        budget = self.batch.runs[0].stop.seconds
        return budget is not None and self.spent + time.monotonic() - self.began > budget

    def _decide(self, out_of_time: bool) -> None:
        """Says how the active runs stand; those that have ended leave the batch after a commit."""
        for number, diverged in zip(self.active.tolist(), np.asarray(self.state.diverged).tolist(), strict=True):
            run, (steps, history) = self.batch.runs[number], self.history.of(number)
            self.statuses[number] = ending(
                run, steps, history, diverged=diverged, out_of_time=out_of_time, fork=self.forks[number]
            )
        going_on = [number for number in self.active.tolist() if not self.statuses[number].ended]
        if len(going_on) < len(self.active):
            self._commit()
            self._enter(np.array(going_on, dtype=int))

    def _commit(self) -> None:
        """One transaction with everything since the last."""
        self._wait()
        self.tick("committing")
        for path, values in to_arrays(self.state).items():
            if values.ndim:
                self.whole[path] = np.array(self.whole[path])
                self.whole[path][self.active] = values
            else:
                self.whole[path] = values
        spent = {
            "seconds": round(time.monotonic() - self.began, 3),
            "compiling_seconds": round(self.compiling, 3),
            "run_steps": self.trained,
            "steps_per_second": round(self.trained / max(time.monotonic() - self.began, 1e-6), 1),
        }
        new = self.new
        self.sink.commit(
            step=self.step,
            logged_steps=np.array(new.steps, dtype=np.int64),
            measures={name: np.stack([row[name] for row in new.measures], axis=1) for name in new.measures[0]}
            if new.measures
            else {},
            checkpoints=new.checkpoints,
            state=self.whole,
            meta={
                "statuses": [asdict(status) for status in self.statuses],
                "sessions": [*self.sessions, self.session | spent],
            },
            runs=[self.batch.members[number] for number in self.active],
        )
        self.new = _Uncommitted()
        self.committed, self.committed_step = time.monotonic(), self.step

    def tick(self, doing: Doing, at: _Measured | None = None) -> None:
        """Tells how far the batch is, or was when something was measured."""
        step, trained = (self.step, self.trained) if at is None else (at.step, at.trained)
        steps, ended = self.batch.runs[0].steps, len(self.batch.runs) - len(self.active)
        self.watch(
            Tick(
                done=ended * steps + len(self.active) * step,
                trained=trained,
                memorised=self.history.memorised,
                grokked=self.history.grokked,
                doing=doing,
            )
        )
