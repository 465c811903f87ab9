"""TensorBoard's files of a trained study: read back they are the dataset, whatever happened on the way."""

import csv
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import groklab as gl
from event_files import assert_shown, curves, events, settings
from groklab.engines import preparing
from groklab.errors import Caution
from groklab.measures import built_in
from groklab.studies import Study
from groklab.tracking import TensorBoard, chosen
from tutorials import steps_of

MEASURES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "restricted_loss")
BY_FREQUENCY = ("embedding_norm", "excluded_loss_by_frequency")
SMALL = {
    "modulus": 7,
    "split.fraction": 0.6,
    "d_model": 8,
    "d_mlp": 16,
    "heads": 2,
    "steps": 400,
    "logging.every": 10,
    "checkpoints.every": 100,
}

DIE = """
import os, signal, sys
import test_tracking_tensorboard as here
import groklab as gl
left = 25
def watch(progress):
    global left
    left -= progress.doing == "training"
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
here.measure_less()
gl.run(here.study(), sys.argv[1], watch=watch, commit_seconds=0.0, trackers=here.trackers(sys.argv[1]))
"""


def study() -> Study:
    """Two networks, one batch."""
    return gl.studies.nanda.mainline("laptop", seeds=2).replace(SMALL)


def trackers(out: Any) -> tuple[Any, ...]:
    return chosen(["tensorboard"], out, "nanda/mainline")


def measure_less() -> None:
    few = tuple(measure for measure in built_in() if measure.name in (*MEASURES, *BY_FREQUENCY))
    preparing.built_in = lambda: few


@pytest.fixture(autouse=True, scope="module")
def measured_less() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "built_in", preparing.built_in)
        measure_less()
        yield


def test_the_files_are_the_dataset_also_after_a_kill_and_an_interruption(tmp_path: Path) -> None:
    out = tmp_path / "store"
    board = out / "tracking" / "tensorboard"
    died = subprocess.run(
        [sys.executable, "-c", DIE, str(out)], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    before = curves(board / "run-0001")["train_loss"]
    assert 5 < len(before) < 30

    def stop(progress: gl.engines.Progress) -> None:
        if progress.doing == "training" and progress.done > 600:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        gl.run(study(), out, watch=stop, trackers=trackers(out))
    between = curves(board / "run-0001")["train_loss"]
    assert between[: len(before)] == before
    assert len(between) > len(before)
    gl.run(study(), out, trackers=trackers(out))
    assert {"train_loss", "restricted_loss"} <= assert_shown(out, board)
    assert "embedding_norm" in gl.open(out).metrics()
    assert len(list((board / "run-0001").iterdir())) == 1


def test_settings_stand_in_the_file_once(tmp_path: Path) -> None:
    run = study().runs[1]
    opened = TensorBoard(folder=tmp_path).open(1, run)
    opened.add(0, {"train_loss": 1.5})
    opened.close()
    found = settings(tmp_path / "run-0001")
    assert found["optimiser.weight_decay"] == run.optimiser.weight_decay
    assert found["model.d_model"] == 8
    assert found["task.operation"] == "add"
    assert found["seed"] == 1
    assert "batch_size" not in found
    (path,) = (tmp_path / "run-0001").iterdir()
    kinds = [event.WhichOneof("what") for event in events(path)]
    assert kinds[:2] == ["file_version", "session_log"]
    assert curves(tmp_path / "run-0001") == {"train_loss": [(0, 1.5)]}


def test_a_record_that_was_cut_off_is_replaced(tmp_path: Path) -> None:
    board = TensorBoard(folder=tmp_path)
    opened = board.open(0, study().runs[0])
    for step in range(3):
        opened.add(step, {"train_loss": float(step)})
    opened.close()
    (path,) = (tmp_path / "run-0000").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert curves(tmp_path / "run-0000")["train_loss"] == [(0, 0.0), (1, 1.0)]
    again = board.open(0, study().runs[0])
    again.add(0, {"train_loss": 0.0})
    again.flush()
    assert curves(tmp_path / "run-0000")["train_loss"] == [(0, 0.0)]
    again.close()


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    small = study().replace({"steps": 20})
    with pytest.warns(Caution, match="tracking by tensorboard ended"):
        record = gl.run(small, tmp_path / "store", trackers=[TensorBoard(folder=tmp_path / "file")])
    assert all(status.state == "finished" for status in record.statuses)
    gl.run(small, tmp_path / "alone")
    tracked, alone = record.metrics(), gl.open(tmp_path / "alone").metrics()
    assert tracked.drop_vars("digest", errors="ignore").equals(alone.drop_vars("digest", errors="ignore"))


def test_a_tracker_of_ones_own_works_as_its_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parent.parent / "docs" / "tracking.md"
    (code,) = (step.code for step in steps_of(page) if step.language == "python")
    assert code.count("seeds=2)") == 1
    names: dict[str, Any] = {"__name__": "page", "SMALL": SMALL | {"steps": 20}}
    exec(compile(code.replace("seeds=2)", "seeds=2).replace(SMALL)"), str(page), "exec"), names)
    metrics = gl.open("runs/mainline").metrics()
    for run in (0, 1):
        with open(f"curves/run-{run}.csv", newline="") as file:
            rows = [(int(step), float(value)) for step, name, value in csv.reader(file) if name == "train_loss"]
        assert rows == list(
            zip(metrics["step"].values.tolist(), metrics["train_loss"].values[run].tolist(), strict=True)
        )
    assert isinstance(gl.tracking.chosen(["tensorboard"], "runs/mainline", names["study"].name)[0], TensorBoard)
