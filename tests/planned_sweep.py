"""A small sweep whose plan is made, and what stands for the measurement of its speed."""

from pathlib import Path

import pytest

from groklab.engines import estimate as estimating
from groklab.engines import preparing, shapes
from groklab.engines.calibration import Rate
from groklab.engines.estimate import BatchEstimate, Estimate
from groklab.engines.shapes import Shape
from groklab.measures import built_in
from groklab.training import Run

SWEEP = """
study = "nanda/mainline"
seeds = 2

[set]
task.modulus = 7
split.fraction = "null"
model = {d_model = 8, heads = 2, d_mlp = 16}
steps = 40
logging = {every = 10, growth = 1}
checkpoints = {every = 20, growth = 1}

[grid]
weight_decay = [0.5, 1, 2]
split.size = [15, 40]
"""
MEASURES = (
    *("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares"),
    *("excluded_loss", "excluded_loss_by_frequency"),
)
RATE = Rate(step=1.0, logged=0.5, kept=0.25)


@pytest.fixture(autouse=True)
def measured_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some measures, so that little is compiled."""
    few = tuple(measure for measure in built_in() if measure.name in MEASURES)
    monkeypatch.setattr(preparing, "built_in", lambda: few)


@pytest.fixture(name="sweep")
def written_sweep(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(SWEEP)
    return path


@pytest.fixture(name="measured")
def made_up_measurement(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stands for the measurement: every shape costs `RATE` and 1,000 bytes; the number of runs of those measured."""
    found: list[int] = []
    monkeypatch.setattr(shapes, "APART", 1.0)
    monkeypatch.setattr(estimating, "calibrate", lambda batch, measures: found.append(len(batch.runs)) or RATE)
    monkeypatch.setattr(estimating, "demand", lambda runs, measures: 1000)
    return found


def batch_of(name: str, hours: float, *after: str) -> BatchEstimate:
    shape = Shape(like=Run(), runs=2, examples=10)
    cost = {"steps": 5, "run_steps": 10, "memory": 7, "storage": 11}
    return BatchEstimate(name=name, shape=shape, seconds=3600 * hours, after=after, **cost)


def estimate_of(*batches: BatchEstimate) -> Estimate:
    return Estimate(
        batches=batches, run_steps_done=3, measured=(), device="cpu", processor="a processor", cores=2, load=0.5
    )
