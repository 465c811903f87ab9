"""Studies killed, interrupted and started again end as undisturbed ones do, bit for bit."""

import dataclasses
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
from everything import assert_same, everything
from groklab.engines import preparing
from groklab.measures import built_in
from groklab.store import Reader
from groklab.studies import Study
from groklab.training.history import DECISIVE

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
    *("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "matrix_norm"),
    *("restricted_loss", "excluded_loss_by_frequency"),
)
"""Of every kind, and no more, so that each process compiles little."""

TRAIN = """
import os, signal, sys, time
import groklab as gl
from test_resuming import measure_less, study
def watch(progress):
    seen.append(progress.doing)
    times.append(time.monotonic())
    if progress.doing == doing and seen.count(doing) == int(count):
        {then}
folder, commit_seconds, doing, count, given = sys.argv[1:]
seen, times = [], []
measure_less()
gl.run(study(), folder, watch=watch, commit_seconds=float(commit_seconds))
"""
DIE_COMMITTING = "signal.setitimer(signal.ITIMER_REAL, float(given) * (times[-1] - times[seen.index('committing')]))"
"""After a share of what the commit before took. Python does not hear of this signal: the operating system ends the
process, wherever it is."""
DIE = "os.kill(os.getpid(), int(given))"
SAY = "print(progress.done, flush=True)"


def study() -> Study:
    return gl.studies.nanda.mainline("laptop", seeds=3).replace(SMALL)


def measure_less() -> None:
    """Only some of the built-in measures."""
    few = tuple(measure for measure in built_in() if measure.name in MEASURES)
    preparing.built_in = lambda: few


@pytest.fixture(autouse=True, scope="module")
def measured_less() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "built_in", preparing.built_in)
        measure_less()
        yield


def start(
    folder: Path, then: str, *, at: tuple[str, int], given: float = 0, commit_seconds: float = 15.0
) -> subprocess.Popen[str]:
    """The study in a process of its own, which does something the so-many-th time that it is `at` something."""
    arguments = [str(folder), str(commit_seconds), *map(str, at), str(given)]
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN.format(then=then), *arguments],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def committed(folder: Path) -> int:
    """The last step that was committed."""
    reader = Reader(folder)
    saved = [reader.saved(name, arrays=False) for name in reader.manifest.batches]
    return max(-1 if one is None else one.step for one in saved)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "store"
    gl.run(study(), folder)
    found = everything(folder)
    assert found["train_accuracy"][:, -1].min() == 1.0
    assert np.isfinite(found["restricted_loss"][:, [0, -1]]).all()
    return folder


def test_killed_at_any_moment_it_goes_on_bit_for_bit(undisturbed: Path, tmp_path: Path) -> None:
    """With a commit at every logged step: in the middle of one, at its beginning and towards its end, and between."""
    folder, moments, reached = tmp_path / "store", random.Random(5), -1
    shares = [(part + moments.random()) / 3 for part in range(3)]
    kinds = [(DIE_COMMITTING, ("committing", 2), share) for share in shares]
    for then, at, given in (*kinds, (DIE, ("training", 2), int(signal.SIGKILL))):
        process = start(folder, then, at=at, given=given, commit_seconds=0.0)
        _, words = process.communicate(timeout=240)
        assert process.returncode in (-signal.SIGALRM, -signal.SIGKILL), words
        # What was committed before the kill is there.
        assert reached < (reached := committed(folder)) < SMALL["steps"]
    gl.run(study(), folder)
    assert_same(everything(folder), everything(undisturbed))


def test_interrupted_it_commits_and_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    """Commits are far apart here: what is there after a signal was committed because of it."""
    folder, reached = tmp_path / "store", -1
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start(folder, SAY, at=("training", 1), commit_seconds=1e9)
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(number)
        time.sleep(0.1)
        process.send_signal(number)
        _, words = process.communicate(timeout=60)
        if process.returncode == 0:
            pytest.fail("the study was over before it was interrupted; make it longer")
        assert "KeyboardInterrupt" in words
        assert reached < (reached := committed(folder)) < SMALL["steps"]
    gl.run(study(), folder)
    assert_same(everything(folder), everything(undisturbed))


def test_ended_while_it_measures_afterwards_it_does_so_again(undisturbed: Path, tmp_path: Path) -> None:
    """At the third compiled call: training is committed, and nothing of what was measured afterwards is."""
    folder = tmp_path / "store"
    for number in (signal.SIGKILL, signal.SIGINT):
        process = start(folder, DIE, at=("measuring", 3), given=int(number))
        _, words = process.communicate(timeout=240)
        assert process.returncode != 0, words
        record = gl.open(folder)
        assert all(status.ended for status in record.statuses)
        assert not {"restricted_loss", "key_frequency"} & set(record.metrics().data_vars)
        assert np.isfinite(record.metrics()["train_loss"][:, -1]).all()
    gl.run(study(), folder)
    assert_same(everything(folder), everything(undisturbed))


def test_a_study_that_is_done_is_not_trained_again(undisturbed: Path) -> None:
    before, sessions = everything(undisturbed), gl.open(undisturbed).provenance
    ticks: list[gl.engines.Progress] = []
    assert gl.run(study(), undisturbed, watch=ticks.append).provenance == sessions
    assert [(tick.done, tick.trained) for tick in ticks] == [(3 * SMALL["steps"], 0)]
    assert_same(everything(undisturbed), before)


def test_other_settings_into_the_same_folder_are_refused(undisturbed: Path) -> None:
    before = everything(undisturbed)
    with pytest.raises(gl.StoreError, match=r"weight_decay: 1\.5 -> 0\.5.*choose another --out"):
        gl.run(study().replace({"weight_decay": 0.5}), undisturbed)
    assert_same(everything(undisturbed), before)


def test_a_run_can_start_from_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent is trained once, although two children start from it, and they start from its final weights."""
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in DECISIVE))
    parent = study().runs[0].replace({"steps": 50})
    children = [
        dataclasses.replace(parent, start=parent, split=gl.tasks.SplitSettings(size=size, seed=0), steps=30)
        for size in (20, 25)
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
