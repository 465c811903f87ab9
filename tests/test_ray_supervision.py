"""What the supervisor and the driver of the Ray engine do when things fail, with what Ray says made up."""

import asyncio
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray import cloudpickle, exceptions

import groklab as gl
from groklab import cli_plan
from groklab.cli_how import How
from groklab.engines.cluster import calls, driver, supervisor
from groklab.engines.cluster.job import Ending, Job, Outcome, Planned, Report
from groklab.engines.cluster.machines import Machine, fits, fitted
from groklab.engines.interruption import AT_ONCE
from groklab.errors import Caution
from groklab.models import TransformerSettings
from groklab.store.place import Place
from groklab.studies import Study
from groklab.tasks import SplitSettings, TaskSettings
from groklab.training import Run, Schedule, Tick

RUN = Run(
    task=TaskSettings(operation="add", modulus=7),
    split=SplitSettings(fraction=0.6),
    model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
    seed=0,
    steps=10,
    logging=Schedule(every=5, growth=1),
    checkpoints=Schedule(every=5, growth=1),
)
STUDY = Study(name="test/one", scale="laptop", runs=(RUN,))
NOTHING = Tick(done=0, trained=0, memorised=0, grokked=0, doing="training")
GIB = 2**30


class Made(supervisor.Supervisor):
    """A supervisor without Ray: tasks end as told, with as many steps committed; pauses are written down."""

    def __init__(self, *ends: tuple[Ending, int]) -> None:
        planned = Planned(name="a", members=(0, 1), after=(), finished=False, cores=2, gpus=0, memory=GIB, tick=NOTHING)
        self.batch = supervisor._Batch(planned=planned, tick=NOTHING)
        self.ends, self.step, self.begun = list(ends), 0, 0
        self.pauses: list[float] = []
        self._stopping = self.stops = False
        self._known = ()

    async def _committed(self, batch: Any) -> int:
        self._stopping = self.stops
        return self.step

    async def _trained(self, batch: Any) -> Outcome:
        self.begun += 1
        kind, self.step = self.ends.pop(0)
        return Outcome(kind=kind, words="why")

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def finished(made: Made) -> supervisor._Batch:
    asyncio.run(made._finish(made.batch))
    return made.batch


def test_a_batch_lost_four_times_without_a_commit_in_between_is_given_up() -> None:
    ends: list[tuple[Ending, int]] = [("lost", 0)] * 3 + [("lost", 10)] * 4
    batch = finished(made := Made(*ends))
    assert made.begun == 7
    assert batch.given_up == "why (4 times, without a commit in between)"
    assert finished(Made(*ends[:6], ("done", 20))).given_up == ""


def test_a_batch_in_other_hands_is_asked_for_ever_more_seldom() -> None:
    taken: list[tuple[Ending, int]] = [("taken", 0)] * 6
    finished(made := Made(*taken, ("taken", 5), ("done", 9)))
    assert made.pauses == [2, 4, 8, 16, 30, 30, 2]


def test_no_task_is_begun_after_a_cancel_that_came_while_the_store_was_read() -> None:
    made = Made(("done", 1))
    made.stops = True
    finished(made)
    assert made.begun == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.OutOfMemoryError("killed"), "out of memory: its machine had too little left"),
        (exceptions.WorkerCrashedError(), "its process was killed, or died"),
    ],
)
def test_what_ray_has_lost_is_a_loss_with_its_reason(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost() -> None:
        raise error

    remote = SimpleNamespace(remote=lambda *given: lost())
    monkeypatch.setattr(calls, "task", lambda *given, **needs: remote)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(current_actor=None))
    made = Made()
    made._pieces = ()
    outcome = asyncio.run(supervisor.Supervisor._trained(made, made.batch))
    assert (outcome.kind, outcome.words) == ("lost", words)


def test_a_task_that_ray_begins_anew_only_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_attempt", lambda: 1)
    assert calls.train((), "a", 1, None).kind == "lost"
    monkeypatch.setattr(calls, "_attempt", lambda: 4)
    with pytest.raises(RuntimeError, match="lost 4 times"):
        calls.plan((), ())


def machine(cores: int, gpus: int = 0, memory: int = GIB) -> Machine:
    return Machine(identifier="", name="", cores=cores, gpus=gpus, memory=memory)


def test_a_task_asks_for_no_more_than_a_living_machine_has() -> None:
    known = (machine(0, memory=9 * GIB), machine(2, memory=3 * GIB), machine(4, memory=GIB), machine(1, gpus=1))
    assert fitted(known, 8, 0, 5 * GIB) == (4, GIB)
    assert fitted(known, 2, 0, 5 * GIB) == (2, 3 * GIB)
    assert fitted(known, 1, 1, 0) == (1, 0)
    assert fitted((), 8, 0, GIB) == (8, GIB)
    assert fits(known, 4, 0, GIB)
    assert not fits(known, 4, 0, 2 * GIB)
    assert not fits(known[:3], 1, 1, 0)
    assert supervisor._waiting(2, 1, 3 * GIB // 2).startswith(
        "no machine of the cluster has 2 cores and 1 GPU and 1.5 GiB of memory"
    )


def report(**more: Any) -> Report:
    return Report(**{"progress": None, "over": "", "words": "", "cautions": (), "given_up": ()} | more)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A driver whose supervisor answered once, and then as told; it gives the names of what was asked for."""
    asked: list[str] = []

    def asking(name: str) -> Any:
        return SimpleNamespace(remote=lambda *given: asked.append(name))

    actor = SimpleNamespace(report=asking("report"), cancel=asking("cancel"))
    monkeypatch.setattr(driver, "_supervisor", lambda *given: (actor, report()))
    monkeypatch.setattr(driver, "POLL", 0.0)

    def watch(answers: list[Any], interrupted: bool = False) -> list[str]:
        def get(ref: object, timeout: float) -> Any:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(ray, "get", get)
        job = Job(place="/store", study=STUDY)
        driver._watched(job, lambda progress: None, lambda: interrupted, "cancel")
        return asked

    return watch


def test_work_that_others_ended_is_not_begun_anew(watched: Any) -> None:
    with pytest.raises(gl.GivenUp, match="give the command again to go on"):
        watched([exceptions.ActorDiedError()])


def test_a_supervisor_that_is_silent_is_told_of_once(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "SILENT", -1.0)
    late = exceptions.GetTimeoutError()
    with pytest.warns(Caution, match="has not answered for") as told:
        watched([late, late, late, report(over="done")])
    assert len(told) == 1


def test_a_silent_supervisor_that_is_to_end_is_left(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "SILENT", -1.0)
    with pytest.warns(Caution, match="could not be told to end it"), pytest.raises(KeyboardInterrupt) as caught:
        watched([], interrupted=True)
    assert caught.value.args == (AT_ONCE,)


@pytest.fixture
def beginning(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A driver for which no supervisor begins: asked, Ray raises the error."""

    def begin(error: Exception, interrupted: bool) -> None:
        def get(ref: object, timeout: float) -> Any:
            raise error

        remote = SimpleNamespace(remote=lambda *given: None)
        actor = SimpleNamespace(terms=remote, report=remote)
        options = SimpleNamespace(remote=lambda *given: actor)
        monkeypatch.setattr(ray, "remote", lambda kind: SimpleNamespace(options=lambda **given: options))
        monkeypatch.setattr(ray, "get", get)
        monkeypatch.setattr(driver, "POLL", 0.0)
        monkeypatch.setattr(driver, "BEGINNING", 0.02)
        asked = iter([False])
        driver._supervisor(Job(place="/store", study=STUDY), "me", lambda: next(asked, interrupted), "cancel")

    return begin


def test_supervisors_that_end_again_and_again_are_a_mistake(beginning: Any) -> None:
    with pytest.raises(gl.Mistake, match="ended again and again; see `ray status`"):
        beginning(exceptions.ActorUnavailableError("gone", None), interrupted=False)
    with pytest.raises(gl.Mistake, match="began nothing within"):
        beginning(exceptions.GetTimeoutError(), interrupted=False)


def test_whoever_waits_for_a_supervisor_can_be_interrupted(beginning: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "ENDING", -1.0)
    with pytest.warns(Caution, match="has not begun"), pytest.raises(KeyboardInterrupt):
        beginning(exceptions.GetTimeoutError(), interrupted=True)
    with pytest.raises(KeyboardInterrupt):
        beginning(exceptions.ActorUnavailableError("gone", None), interrupted=True)


def test_a_tracker_travels_with_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users_tracker.py").write_text("class Shown:\n    about = 'mine'\n")
    monkeypatch.syspath_prepend(tmp_path)
    import users_tracker  # pyright: ignore[reportMissingImports]

    module: Any = users_tracker
    pieces = Job(place="/store", study=STUDY, trackers=(module.Shown(),)).packed()
    assert "users_tracker" not in cloudpickle.list_registry_pickle_by_value()
    cloudpickle.register_pickle_by_value(module)
    try:
        Job(place="/store", study=STUDY, trackers=(module.Shown(),)).packed()
        # What the caller has registered stays so.
        assert "users_tracker" in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    monkeypatch.delitem(sys.modules, "users_tracker")
    (tmp_path / "users_tracker.py").unlink()
    (tracker,) = Job.unpacked(pieces).trackers
    assert getattr(tracker, "about", "") == "mine"


def dying(*given: object) -> Any:
    raise BrokenProcessPool


def test_a_planning_process_that_dies_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_plan, "ProcessPoolExecutor", dying)
    with pytest.raises(gl.Mistake, match="the process that plans was killed"):
        cli_plan.first(STUDY, Place.of(tmp_path / "store"), How(engine="ray"))
