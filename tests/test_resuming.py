"""Studies killed, interrupted and started again end as undisturbed ones do, bit for bit."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import groklab as gl
from groklab.engines import preparing
from groklab.measures import built_in
from groklab.studies import Study

SMALL = {
    "modulus": 7,
    "split.fraction": 0.6,
    "d_model": 8,
    "d_mlp": 16,
    "heads": 2,
    "steps": 1200,
    "logging.every": 10,
    "checkpoints.every": 100,
}

MEASURES = (
    *("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "trig_share", "matrix_norm"),
    *("restricted_loss", "restricted_loss_by_reading", "excluded_loss", "excluded_loss_by_frequency"),
)

TRAIN = """
import sys
import test_resuming
import groklab as gl
test_resuming.measure_less()
gl.run(test_resuming.study(), sys.argv[1], commit_seconds=float(sys.argv[2]))
"""
DIE_MEASURING = """
import os, signal, sys
import test_resuming
import groklab as gl
left = int(sys.argv[3])
def watch(progress):
    global left
    left -= progress.doing == "measuring"
    if not left:
        os.kill(os.getpid(), int(sys.argv[2]))
test_resuming.measure_less()
gl.run(test_resuming.study(), sys.argv[1], watch=watch)
"""


def study() -> Study:
    return gl.studies.nanda.mainline("laptop", seeds=3).replace(SMALL)


def measure_less() -> None:
    """Only some of the built-in measures, of every kind, so that each process compiles little."""
    few = tuple(measure for measure in built_in() if measure.name in MEASURES)
    preparing.built_in = lambda: few


@pytest.fixture(autouse=True, scope="module")
def measured_less() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "built_in", preparing.built_in)
        measure_less()
        yield


def start(folder: Path, commit_seconds: float) -> subprocess.Popen[str]:
    """The study in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(folder), str(commit_seconds)],
        cwd=Path(__file__).parent,
        stderr=subprocess.PIPE,
        text=True,
    )


def committed(folder: Path) -> int:
    """Steps committed so far, -1 before the first commit."""
    try:
        record = gl.open(folder)
        return max((status.step for status in record.statuses), default=-1) if record.provenance else -1
    except gl.StoreError:
        return -1


def everything(folder: Path) -> dict[str, np.ndarray]:
    """All that training left: measures, checkpoints, and the last training state."""
    record = gl.open(folder)
    found = {name: values.values for name, values in record.metrics().variables.items()}
    for run in range(len(record.runs)):
        for step in record.steps(run):
            for name, weights in gl.models.named_parameters(record.model(run, step)).items():
                found[f"{run}@{step}/{name}"] = np.asarray(weights)
    saved = record._reader.saved(next(iter(record._reader.manifest.batches)))
    assert saved is not None
    return found | {f"state/{name}": values for name, values in saved.arrays.items()}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("undisturbed") / "store"
    gl.run(study(), folder)
    found = everything(folder)
    assert found["train_accuracy"][:, -1].min() == 1.0
    assert np.isfinite(found["restricted_loss"][:, [0, -1]]).all()
    return found


def test_killed_at_any_moment_it_goes_on_bit_for_bit(undisturbed: dict[str, np.ndarray], tmp_path: Path) -> None:
    """With a commit at every logged step, about half of the kills land in the middle of one."""
    folder, moments, reached = tmp_path / "store", random.Random(5), -1
    for _ in range(5):
        process = start(folder, commit_seconds=0.0)
        while committed(folder) <= reached and process.poll() is None:
            time.sleep(0.02)
        time.sleep(moments.uniform(0.0, 0.4))
        process.kill()
        _, words = process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0), words
        now = committed(folder)
        assert now >= reached
        reached = now
    gl.run(study(), folder)
    assert_same(everything(folder), undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_commits_and_goes_on(
    number: signal.Signals, undisturbed: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """Commits are far apart here: what is there after the signal was committed because of it."""
    folder = tmp_path / "store"
    process = start(folder, commit_seconds=1e9)
    while not (folder / "batches").is_dir():
        time.sleep(0.02)
    time.sleep(1.0)
    process.send_signal(number)
    time.sleep(0.1)
    process.send_signal(number)
    _, words = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.fail("the study was over before it was interrupted; make it longer")
    assert "KeyboardInterrupt" in words
    gl.run(study(), folder)
    assert_same(everything(folder), undisturbed)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_ended_while_it_measures_afterwards_it_does_so_again(
    number: signal.Signals, undisturbed: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """At the third compiled call: training is committed, and nothing of what was measured afterwards is."""
    folder = tmp_path / "store"
    command = [sys.executable, "-c", DIE_MEASURING, str(folder), str(int(number)), "3"]
    process = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    assert process.returncode != 0, process.stderr
    record = gl.open(folder)
    assert all(status.ended for status in record.statuses)
    assert not {"restricted_loss", "key_frequency"} & set(record.metrics().data_vars)
    assert np.isfinite(record.metrics()["train_loss"][:, -1]).all()
    gl.run(study(), folder)
    assert_same(everything(folder), undisturbed)


def test_a_study_that_is_done_is_not_trained_again(tmp_path: Path) -> None:
    small = study().replace({"steps": 20})
    gl.run(small, tmp_path / "store")
    before = everything(tmp_path / "store")
    ticks: list[gl.engines.Progress] = []
    gl.run(small, tmp_path / "store", watch=ticks.append)
    assert [(tick.done, tick.trained) for tick in ticks] == [(3 * 20, 0)]
    assert_same(everything(tmp_path / "store"), before)


def test_other_settings_into_the_same_folder_are_refused(tmp_path: Path) -> None:
    small = study().replace({"steps": 20})
    gl.run(small, tmp_path / "store")
    with pytest.raises(gl.StoreError, match=r"weight_decay: 1\.5 -> 0\.5.*choose another --out"):
        gl.run(small.replace({"weight_decay": 0.5}), tmp_path / "store")


def test_a_run_can_start_from_another(tmp_path: Path) -> None:
    """The parent is trained once, although two children start from it, and they start from its final weights."""
    import dataclasses

    parent = study().runs[0].replace({"steps": 50})
    sizes = (20, 25)
    children = [
        dataclasses.replace(parent, start=parent, split=gl.tasks.SplitSettings(size=size, seed=0), steps=30)
        for size in sizes
    ]
    record = gl.run(Study(name="test/children", scale="laptop", runs=tuple(children)), tmp_path / "store")
    assert record.runs == (parent, *children)
    for child in (1, 2):
        before, after = record.model(0, -1), record.model(child, 0)
        for name, weights in gl.models.named_parameters(before).items():
            np.testing.assert_array_equal(weights, gl.models.named_parameters(after)[name])
    assert record.metrics()["train_size"].values.tolist() == [29, 20, 25]


def test_only_a_later_second_signal_interrupts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from groklab.engines import interruption

    moments = iter([0.0, 0.5, 3.0])
    monkeypatch.setattr(interruption.time, "monotonic", lambda: next(moments))
    with interruption.interruptions() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt, match="at once"):
            signal.raise_signal(signal.SIGINT)
