"""A batch trained from its last commit to its end: steps, measures, checkpoints, statuses, commits."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import numpy as np
from jaxtyping import Float, Int

from groklab.measures import Measure
from groklab.models import Model, named_parameters
from groklab.tasks import Split, Task
from groklab.training.milestones import grokked, memorised
from groklab.training.plan import Batch
from groklab.training.state import data_of, from_arrays, initial_model, initial_state, take, to_arrays
from groklab.training.status import Status
from groklab.training.step import advancing, measuring
from groklab.training.stopping import ending

DECISIVE = ("train_accuracy", "test_accuracy", "sum_of_squares")
"""The measures from which statuses are decided."""

CALL_SECONDS = 0.5
"""About how long one compiled call may take, so that progress shows and an interruption is obeyed soon."""


class Sink(Protocol):
    """Where a batch in training is kept: one transaction a commit."""

    def state(self) -> "Saved | None":
        """What was last committed, nothing for a batch that has not begun."""
        ...

    def history(self, names: Sequence[str]) -> tuple[Int[np.ndarray, "step"], dict[str, np.ndarray]]:
        """The committed logged steps, and measures (run, step) by name."""
        ...

    def commit(
        self,
        *,
        step: int,
        logged_steps: Int[np.ndarray, "step"],
        measures: dict[str, np.ndarray],
        checkpoints: dict[int, dict[str, np.ndarray]],
        state: dict[str, np.ndarray],
        meta: dict[str, Any],
        runs: Sequence[int],
    ) -> None:
        """Adds measures (run, step, ...) and checkpoints (run, ...) of `runs`, replaces state (of all) and meta."""
        ...


class Saved(Protocol):
    """What a sink gives back."""

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The training state."""
        ...

    @property
    def meta(self) -> Mapping[str, Any]:
        """What was said of it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Tick:
    """How far a batch is, told at every logged step."""

    step: int
    """Steps taken by the runs still in training."""
    done: int
    """Run-steps that are done with: those taken, and those that runs ended early will never take."""
    trained: int
    """Run-steps taken by this process."""
    memorised: int
    """Runs that have memorised."""
    grokked: int
    """Runs that have grokked."""
    doing: str
    """`compiling`, `training` or `committing`."""


@dataclass(kw_only=True)
class _Uncommitted:
    """What was measured and kept since the last commit."""

    steps: list[int] = field(default_factory=list)
    measures: list[dict[str, np.ndarray]] = field(default_factory=list)
    checkpoints: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)


class Trainer:
    """Takes one batch to its end. Everything it needs to go on is in the sink; a second trainer goes on bit for bit."""

    def __init__(
        self,
        batch: Batch,
        measures: tuple[Measure, ...],
        starts: Callable[[], list[Model]],
        sink: Sink,
        *,
        session: dict[str, Any],
        watch: Callable[[Tick], None] = lambda tick: None,
        interrupted: Callable[[], bool] = lambda: False,
        commit_seconds: float = 15.0,
    ) -> None:
        """`starts` gives the initial networks (called only for a batch not begun), `session` is provenance."""
        self.batch, self.sink, self.session = batch, sink, dict(session)
        self.watch, self.interrupted, self.commit_seconds = watch, interrupted, commit_seconds
        run, task = batch.runs[0], Task.of(batch.runs[0].task)
        self.kept = set(run.checkpoints.steps(run.steps).tolist())
        self.marks = np.union1d(run.logging.steps(run.steps), run.checkpoints.steps(run.steps))
        self.splits = [Split.of(task, run.split, run.data_seed) for run in batch.runs]
        self.advance, self.measure = advancing(run, task), measuring(task, measures)
        self.all_data = data_of(batch.runs, self.splits)
        self.new = _Uncommitted()
        self.trained, self.calls = 0, 1
        self._resume(starts)
        self.spent = sum(session["seconds"] for session in self.sessions)

    def _resume(self, starts: Callable[[], list[Model]]) -> None:
        """The last committed state, or the state before the first step."""
        saved = self.sink.state()
        self.steps: list[int] = []
        self.past: dict[str, list[np.ndarray]] = {name: [] for name in DECISIVE}
        if saved is None:
            self.state = initial_state(self.batch.runs, starts())
            self.full = to_arrays(self.state)
            waiting = Status(state="waiting", step=0, sentence="not begun")
            self.statuses = [waiting] * len(self.batch.runs)
            self.sessions: list[dict[str, Any]] = []
        else:
            self.full = dict(saved.arrays)
            self.statuses = [Status(**status) for status in saved.meta["statuses"]]
            self.sessions = list(saved.meta["sessions"])
            steps, history = self.sink.history(DECISIVE)
            self.steps = steps.tolist()
            self.past = {name: list(history[name].T) for name in DECISIVE}
        self._enter(np.flatnonzero([not status.ended for status in self.statuses]))

    def _enter(self, active: Int[np.ndarray, "active"]) -> None:
        """Takes the rows of the runs still in training to the device."""
        self.active = active
        like = initial_state(self.batch.runs, [initial_model(run) for run in self.batch.runs])
        self.state = take(from_arrays(like, self.full), active)
        self.data = take(self.all_data, active)

    @property
    def step(self) -> int:
        """Steps taken by the active runs."""
        return int(self.state.step)

    def train(self) -> list[Status]:
        """Trains until every run has ended or an interruption is asked for; all of it is committed then."""
        began = self.committed = time.monotonic()
        self.began = began
        if len(self.active):
            self._tick("compiling")
            if not self.steps:
                self._log()
        while len(self.active) and not self.interrupted():
            self._advance(int(self.marks[np.searchsorted(self.marks, self.step, side="right")]))
            if self.step in self.marks:
                self._log()
                self._tick("training")
            if time.monotonic() - self.committed > self.commit_seconds:
                self._commit()
        if self.new.steps or self.step not in self.steps:
            self._commit()
        return self.statuses

    def _advance(self, target: int) -> None:
        """Steps up to the next mark, in calls short enough to be interrupted between."""
        while self.step < target and not self.interrupted():
            count = min(self.calls, target - self.step)
            started = time.monotonic()
            self.state = jax.block_until_ready(self.advance(self.state, self.data, count))
            seconds = time.monotonic() - started
            self.trained += count * len(self.active)
            self.calls = max(1, min(2 * self.calls, int(count * CALL_SECONDS / max(seconds, 1e-6))))

    def _log(self) -> None:
        """Measures the active runs; at a step of the checkpoint schedule keeps weights and lets ended runs go."""
        step = self.step
        rows: dict[str, np.ndarray] = jax.device_get(self.measure(self.state, self.data))
        self.steps.append(step)
        for name in DECISIVE:
            row = np.full(len(self.batch.runs), np.nan, np.float32)
            row[self.active] = rows[name]
            self.past[name].append(row)
        self.new.steps.append(step)
        self.new.measures.append(rows)
        budget = self.batch.runs[0].stop.seconds
        out_of_time = budget is not None and self.spent + time.monotonic() - self.began > budget
        if step in self.kept or out_of_time:
            self.new.checkpoints[step] = jax.device_get(named_parameters(self.state.model))
        self._decide(step, out_of_time)

    def _decide(self, step: int, out_of_time: bool) -> None:
        """Brings the statuses up to date; where weights are kept, runs that have ended leave the batch."""
        steps = np.array(self.steps)
        diverged = np.asarray(self.state.diverged)
        past = {name: np.stack(self.past[name], axis=1) for name in DECISIVE}
        leaving: list[int] = []
        for place, number in enumerate(self.active):
            history = {name: values[number] for name, values in past.items()}
            status = ending(
                self.batch.runs[number], steps, history, diverged=int(diverged[place]), out_of_time=out_of_time
            )
            if status.ended and step not in self.new.checkpoints:
                continue
            self.statuses[number] = status
            if status.ended:
                leaving.append(number)
        if leaving:
            self._commit()
            self._enter(np.setdiff1d(self.active, leaving))

    def _gather(self) -> None:
        """Writes the active runs' rows into the whole state."""
        for path, values in to_arrays(self.state).items():
            if values.ndim:
                self.full[path] = self.full[path].copy()
                self.full[path][self.active] = values
            else:
                self.full[path] = values

    def _commit(self) -> None:
        """One transaction with everything since the last."""
        self._tick("committing")
        self._gather()
        seconds = time.monotonic() - self.began
        session = self.session | {"seconds": round(seconds, 3), "run_steps": self.trained}
        names = list(self.new.measures[0]) if self.new.measures else []
        self.sink.commit(
            step=self.step,
            logged_steps=np.array(self.new.steps, dtype=np.int64),
            measures={name: np.stack([rows[name] for rows in self.new.measures], axis=1) for name in names},
            checkpoints=self.new.checkpoints,
            state=self.full,
            meta={
                "statuses": [vars(status) for status in self.statuses],
                "sessions": [*self.sessions, session],
            },
            runs=[self.batch.members[number] for number in self.active],
        )
        self.new = _Uncommitted()
        self.committed = time.monotonic()

    def _tick(self, doing: str) -> None:
        """Tells how far the batch is."""
        past = {name: np.stack(values, axis=1) for name, values in self.past.items() if values}
        steps = self.batch.runs[0].steps
        ended = len(self.batch.runs) - len(self.active)
        self.watch(
            Tick(
                step=self.step,
                done=ended * steps + len(self.active) * self.step,
                trained=self.trained,
                memorised=int(memorised(past["train_accuracy"]).any(axis=1).sum()) if past else 0,
                grokked=int(grokked(past["test_accuracy"]).any(axis=1).sum()) if past else 0,
                doing=doing,
            )
        )

