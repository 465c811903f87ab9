"""Several processes train one study in this engine's way: each batch by one, and the dataset is the same."""

import io
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

import derived_study
import groklab as gl
from everything import assert_same, everything
from few_measures import take_few
from groklab.display import Display
from groklab.engines import Progress, preparing
from groklab.engines.preparing import prepare
from groklab.models import TransformerSettings
from groklab.store import BatchWriter, Folder
from groklab.studies import Study, catalogue
from groklab.tasks import SplitSettings, TaskSettings
from groklab.training import Intervention, Run, Schedule

PARENTS = tuple(
    Run(
        task=TaskSettings(operation="add", modulus=7),
        split=SplitSettings(fraction=0.6),
        model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
        seed=seed,
        steps=4000 + 100 * seed,
        logging=Schedule(every=200, growth=1),
        checkpoints=Schedule(every=1000, growth=1),
    )
    for seed in range(3)
)
"""Of different lengths, and so a batch each."""
CHILDREN = tuple(
    replace(run, start=run, split=SplitSettings(size=20, seed=0), steps=run.steps - 100) for run in PARENTS[:2]
)
STUDY = Study(name="test/shared", scale="laptop", runs=(*PARENTS, *CHILDREN))
SHARE = """
import os, sys
import test_sharing
import groklab as gl
test_sharing.take_few()
told = []
record = gl.run(test_sharing.STUDY, sys.argv[1], watch=told.append)
print(told[-1].trained, told[-1].done, flush=True)
os._exit(0)
"""


@pytest.fixture(autouse=True, scope="module")
def measured_less() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "built_in", preparing.built_in)
        take_few()
        yield


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("alone") / "store"
    gl.run(STUDY, folder)
    return everything(folder)


def test_two_processes_share_a_study(alone: dict[str, np.ndarray], tmp_path: Path) -> None:
    folder = tmp_path / "store"
    command = [sys.executable, "-c", SHARE, str(folder)]
    started = [
        subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=240) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    trained, done = np.array([list(map(int, out.split())) for out, _ in said]).T
    total = sum(run.steps for run in STUDY.runs)
    # No step was taken twice, and both saw the end.
    assert trained.sum() == total
    assert done.tolist() == [total, total]
    record = gl.open(folder)
    assert len(record.provenance) == len(STUDY.runs)
    assert sum(session["run_steps"] for session in record.provenance) == total
    assert_same(everything(folder), alone)


class Held:
    """A batch that this test holds until it is waited for."""

    def __init__(self, folder: Path, number: int, study: Study = STUDY) -> None:
        prepared = prepare(study, folder)
        self.store = Folder(folder, prepared.manifest)
        name = next(batch.name for batch in prepared.batches if number in batch.members)
        self.writer: BatchWriter = self.store.batch(name, [], {})
        self.waited: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        """Watches, and gives the batch back at the second time that it is waited for."""
        if progress.doing == "waiting":
            self.waited.append(progress)
            if len(self.waited) == 2:
                self.store.close()


def test_what_another_holds_is_waited_for_and_taken_over(alone: dict[str, np.ndarray], tmp_path: Path) -> None:
    """The first run's batch is held: its child waits with it, and all others are trained meanwhile."""
    held = Held(tmp_path / "store", 0)
    gl.run(STUDY, tmp_path / "store", watch=held)
    first = held.waited[0]
    assert first.done == sum(run.steps for number, run in enumerate(STUDY.runs) if number not in (0, 3))
    assert first.holder.startswith("process ")
    assert_same(everything(tmp_path / "store"), alone)


def test_a_fork_waits_until_its_reference_is_measured(tmp_path: Path) -> None:
    """When it is changed may be read off what is measured once the reference has ended."""
    reference = PARENTS[0]
    fork = replace(reference, intervention=Intervention(change="decay", at=1000))
    study = Study(name="test/forks", scale="laptop", runs=(reference, fork))

    def stop(progress: Progress) -> None:
        if progress.doing == "measuring":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        gl.run(study, tmp_path / "store", watch=stop)
    states = [status.state for status in gl.open(tmp_path / "store").statuses]
    assert states == ["finished", "waiting"]
    held = Held(tmp_path / "store", 0, study)
    record = gl.run(study, tmp_path / "store", watch=held)
    assert [progress.done for progress in held.waited] == [reference.steps] * 2
    assert [status.state for status in record.statuses] == ["finished"] * 2


@pytest.fixture(scope="module")
def deriving(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, xr.Dataset]:
    """A study that derives something, trained, without what it derived; and that."""
    folder = tmp_path_factory.mktemp("deriving") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalogue(), derived_study.NAME, derived_study.experiment())
        derived = gl.run(derived_study.STUDY, folder).derived()
    shutil.rmtree(folder / "derived")
    return folder, derived


@pytest.fixture
def trained(
    deriving: tuple[Path, xr.Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, xr.Dataset]:
    """The same in a folder of its own; the study is known."""
    monkeypatch.setitem(catalogue(), derived_study.NAME, derived_study.experiment())
    return shutil.copytree(deriving[0], tmp_path / "store"), deriving[1]


def test_what_another_derives_is_waited_for(trained: tuple[Path, xr.Dataset]) -> None:
    """Held until it is waited for the second time, and not derived twice."""
    folder, derived = trained
    store = Folder(folder, gl.open(folder)._reader.manifest)
    writer, waited = store.derived(), list[Progress]()

    def watch(progress: Progress) -> None:
        if progress.doing == "waiting":
            waited.append(progress)
            if len(waited) == 2:
                writer.commit(derived)
                store.close()

    record = gl.run(derived_study.STUDY, folder, watch=watch)
    assert waited[0].holder.startswith("process ")
    xr.testing.assert_identical(record.derived(), derived)
    assert not any(progress.doing == "measuring" for progress in waited)


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_what_is_derived_outlives_an_interruption(asked: signal.Signals, trained: tuple[Path, xr.Dataset]) -> None:
    """Asked for while it is computed, it ends at once, leaves nothing, and the next one computes it anew."""
    folder, derived = trained

    def disturbed(record: gl.Record) -> xr.Dataset:
        signal.raise_signal(asked)
        time.sleep(60)
        raise AssertionError("it went on")

    catalogue()[derived_study.NAME] = derived_study.experiment(disturbed)
    with pytest.raises(KeyboardInterrupt):
        gl.run(derived_study.STUDY, folder)
    with pytest.raises(gl.Mistake, match="nothing computed of its networks together"):
        gl.open(folder).derived()
    catalogue()[derived_study.NAME] = derived_study.experiment()
    xr.testing.assert_identical(gl.run(derived_study.STUDY, folder).derived(), derived)


def test_whoever_waits_can_be_interrupted(tmp_path: Path) -> None:
    small = Study(name="test/one", scale="laptop", runs=(PARENTS[0],))
    store = Folder(tmp_path / "store", prepare(small, tmp_path / "store").manifest)

    def watch(progress: Progress) -> None:
        assert progress.doing == "waiting"
        signal.raise_signal(signal.SIGINT)

    with store, store.batch(next(iter(store.manifest.batches)), [], {}), pytest.raises(KeyboardInterrupt):
        gl.run(small, tmp_path / "store", watch=watch)


def test_the_display_says_who_is_waited_for() -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    display = Display(console)
    counts = {"done": 5, "total": 10, "trained": 0, "runs": 1, "memorised": 0, "grokked": 0}
    display(Progress(doing="waiting", holder="process 7 on mars", **counts))
    display._print_line()
    assert "waiting for process 7 on mars: 5 of 10 run-steps" in console.export_text()
