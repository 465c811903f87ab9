"""The plan of a study: what is left, what it costs, and how machines share it. No time is asserted."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import groklab as gl
from fake_study import experiment, known  # noqa: F401
from groklab import cli_plan
from groklab.cli import main
from groklab.cli_how import How
from groklab.engines import estimate as estimating
from groklab.engines import preparing, shapes
from groklab.engines.calibration import Rate, calibrate
from groklab.engines.estimate import BatchEstimate, Estimate, estimate, stored
from groklab.engines.preparing import Prepared, prepare
from groklab.engines.shapes import Shape, between, to_measure
from groklab.measures import built_in
from groklab.models import MLPSettings
from groklab.store import Reader
from groklab.store.place import Place
from groklab.studies import Study, catalogue
from groklab.sweeps import read
from groklab.training import Run
from groklab.training.applicable import applicable
from groklab.training.state import initial_model, initial_state, to_arrays

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


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(SWEEP)
    return path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stands for the measurement: every shape costs `RATE` and 1,000 bytes; the number of runs of those measured."""
    found: list[int] = []
    monkeypatch.setattr(shapes, "APART", 1.0)
    monkeypatch.setattr(estimating, "calibrate", lambda batch, measures: found.append(len(batch.runs)) or RATE)
    monkeypatch.setattr(estimating, "demand", lambda runs, measures: 1000)
    return found


def prepared_of(study: Study, place: Path) -> Prepared:
    return prepare(study, place)


def interrupted(study: Study, place: Path, when: Callable[[gl.engines.Progress], bool]) -> None:
    """Trains until `when`; what was committed by then is kept, at every logged step."""

    def watch(progress: gl.engines.Progress) -> None:
        if when(progress):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gl.run(study, place, watch=watch, commit_seconds=0.0)


def batch_of(name: str, hours: float, *after: str) -> BatchEstimate:
    shape = Shape(like=Run(), runs=2, examples=10)
    cost = {"steps": 5, "run_steps": 10, "memory": 7, "storage": 11}
    return BatchEstimate(name=name, shape=shape, seconds=3600 * hours, after=after, **cost)


def estimate_of(*batches: BatchEstimate) -> Estimate:
    return Estimate(
        batches=batches, run_steps_done=3, measured=(), device="cpu", processor="a processor", cores=2, load=0.5
    )


def test_sums_over_batches() -> None:
    whole = estimate_of(batch_of("a", 3), batch_of("b", 2))
    assert (whole.run_steps, whole.seconds, whole.memory, whole.storage) == (20, 5 * 3600, 7, 22)
    assert estimate_of().hours(3) == 0


@pytest.mark.parametrize(("workers", "hours"), [(1, 11), (2, 6), (3, 4), (4, 4), (9, 4)])
def test_workers_take_the_longest_batch_that_may_begin(workers: int, hours: float) -> None:
    # Two workers: a (3 h) and b (3 h), then c and d (2 h each) from hour 3 to 5, then e from 5 to 6. Three workers: c
    # from 0 to 2, d from 2 to 4, e from 3 to 4.
    batches = [batch_of("e", 1, "a"), batch_of("d", 2), batch_of("c", 2), batch_of("b", 3), batch_of("a", 3)]
    assert estimate_of(*batches).hours(workers) == pytest.approx(hours)


def test_children_wait_for_their_parents_and_done_ones_keep_nobody_waiting() -> None:
    chain = [batch_of("a", 1), batch_of("b", 2, "a"), batch_of("c", 3, "b")]
    assert estimate_of(*chain).hours(5) == pytest.approx(6)
    assert estimate_of(batch_of("a", 0), *chain[1:], batch_of("d", 4)).hours(2) == pytest.approx(5)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        estimate_of(*chain).hours(0)


def test_the_plan_counts_what_there_is_to_do(sweep: Path, tmp_path: Path, measured: list[int]) -> None:
    place = tmp_path / "store"
    found = estimate(prepared_of(read(sweep), place), place)
    # Sizes 15 and 40 do not share a batch: two batches of 3 decays x 2 seeds, 40 steps each. A batch is logged at 5
    # steps, and 6 x 3 networks are kept.
    assert [(one.shape.runs, one.shape.examples, one.steps, one.run_steps) for one in found.batches] == [
        (6, 15, 40, 240),
        (6, 40, 40, 240),
    ]
    assert (found.run_steps, found.run_steps_done, found.memory) == (480, 0, 1000)
    assert [one.seconds for one in found.batches] == [40 * 1.0 + 5 * 0.5 + 18 * 0.25] * 2
    assert found.hours(2) == pytest.approx(47 / 3600)
    assert measured == [6, 6]
    assert len(found.measured) == 2
    assert not place.exists()


def test_a_budget_in_seconds_bounds_the_time(sweep: Path, tmp_path: Path, measured: list[int]) -> None:
    place = tmp_path / "store"
    found = estimate(prepared_of(read(sweep).replace({"stop.seconds": 10}), place), place)
    assert [one.seconds for one in found.batches] == [10 + 18 * 0.25] * 2


def test_what_is_stored_is_counted(sweep: Path, tmp_path: Path) -> None:
    batch = prepared_of(read(sweep), tmp_path / "store").batches[0]
    # One network: embeddings 8 x 8, positions 3 x 8, four of 2 x 8 x 4, 8 x 16 + 16 in, 16 x 8 + 8 out, logits 8 x 8.
    network = 4 * (64 + 24 + 256 + 144 + 136 + 64)
    state = to_arrays(initial_state(batch.runs, [initial_model(run) for run in batch.runs]))
    bare = 6 * 3 * network + sum(array.nbytes for array in state.values())
    assert stored(batch, (), {}) == bare
    fitting, coordinates = applicable(batch.runs[0])
    by_name = {measure.name: measure for measure in fitting}
    assert stored(batch, (by_name["train_loss"],), coordinates) == bare + 6 * 5 * 4
    # Three frequencies mod 7, of the three kept networks of each run.
    assert stored(batch, (by_name["excluded_loss_by_frequency"],), coordinates) == bare + 6 * 3 * 3 * 4


def test_what_is_done_is_subtracted(sweep: Path, tmp_path: Path, measured: list[int]) -> None:
    study, place = read(sweep), tmp_path / "store"
    interrupted(study, place, lambda progress: progress.done > 100)
    first, second = (Reader(place).saved(name, arrays=False) for name in Reader(place).manifest.batches)
    assert first is not None
    assert 0 < first.step < 40
    assert second is None
    found = estimate(prepared_of(study, place), place)
    assert [one.run_steps for one in found.batches] == [6 * (40 - first.step), 240]
    assert found.run_steps_done == 6 * first.step
    logged = sum(step > first.step for step in (0, 10, 20, 30, 40))
    assert found.batches[0].seconds == (40 - first.step) * 1.0 + logged * 0.5 + 18 * 0.25

    interrupted(study, place, lambda progress: progress.doing == "measuring")
    found = estimate(prepared_of(study, place), place)
    assert [one.run_steps for one in found.batches] == [0, 240]
    assert found.batches[0].seconds == 18 * 0.25

    gl.run(study, place)
    measured.clear()
    found = estimate(prepared_of(study, place), place)
    assert (found.run_steps, found.run_steps_done, found.seconds, found.memory) == (0, 480, 0, 0)
    assert (measured, found.measured) == ([], ())


def test_the_measurement_is_of_training_itself(sweep: Path, tmp_path: Path) -> None:
    place, said = tmp_path / "store", list[str]()
    known_rates: estimating.Known = {}
    prepared = prepared_of(read(sweep), place)
    found = estimate(prepared, place, known=known_rates, say=said.append)
    assert 1 <= len(known_rates) == len(said) <= 2
    assert "6 runs of add:7" in said[0]
    for rate, memory in known_rates.values():
        assert rate.step > 0
        assert rate.logged > 0
        assert rate.kept > 0
        assert memory > 0
    assert all(one.seconds > 0 and one.memory > 0 and math.isfinite(one.seconds) for one in found.batches)
    assert not place.exists()
    said.clear()
    assert estimate(prepared, place, known=known_rates, say=said.append).batches == found.batches
    assert said == []


def test_networks_of_another_kind_are_measured_too() -> None:
    run = Run().replace({"modulus": 5, "fraction": 0.6, "steps": 10})
    other = Run(task=run.task, split=run.split, model=MLPSettings(d_embed=4, d_mlp=8), steps=10)
    (batch,) = gl.training.plan((other, other.replace({"seed": 1})))
    rate = calibrate(batch, applicable(other)[0][:3], seconds=0.01)
    assert rate.step > 0
    assert rate.logged > 0
    assert Shape.of(batch).family == ("xla", "MLPSettings", 1)


def test_shapes_are_equal_where_only_numbers_differ() -> None:
    runs = [Run().replace({"seed": seed, "weight_decay": seed, "steps": 10 + seed}) for seed in range(2)]
    first, second = (Shape.of(gl.training.plan((run,))[0]) for run in runs)
    assert first == second
    for change in ({"modulus": 59}, {"fraction": 0.4}, {"d_mlp": 64}, {"loss": "log_softmax"}, {"batch_size": 50}):
        assert Shape.of(gl.training.plan((runs[0].replace(change),))[0]) != first


def sized(*widths: int, runs: int = 4) -> list[Shape]:
    return [Shape(like=Run().replace({"d_mlp": width}), runs=runs, examples=1000) for width in widths]


def test_few_shapes_are_measured_and_these_lie_apart() -> None:
    many = sized(*range(100, 2100, 100))
    chosen = to_measure(dict.fromkeys(many, 1.0), ())
    assert len(chosen) == shapes.MOST
    assert {many[0], many[-1]} < set(chosen)
    work = sorted(shape.work for shape in chosen)
    assert all(above / below > shapes.APART for below, above in pairwise(work))
    assert to_measure(dict.fromkeys(many, 1.0), chosen) == []
    assert to_measure(dict.fromkeys(sized(1000, 1010, 1020), 1.0), ()) == sized(1000)
    assert to_measure({}, ()) == []


def test_of_every_family_one_is_measured_the_dearest() -> None:
    layers = [Shape(like=Run().replace({"layers": count}), runs=2, examples=50) for count in range(1, 10)]
    chosen = to_measure({shape: shape.work for shape in layers}, ())
    assert set(chosen) == set(layers)
    two = [Shape(like=Run().replace({"layers": 2}), runs=2, examples=size) for size in (50, 51)]
    assert to_measure({two[0]: 5.0, two[1]: 4.0}, ()) == [two[0]]


def test_times_between_those_measured_follow_the_work() -> None:
    low, middle, high, beyond = sized(100, 400, 1600, 3200)
    power = {shape: 3e-9 * shape.work**0.9 for shape in (low, high)}
    assert between(middle, power) == pytest.approx(3e-9 * middle.work**0.9)
    assert between(high, power) == power[high]
    assert between(beyond, power) == pytest.approx(3e-9 * beyond.work**0.9)
    assert between(low, {middle: power[high], high: power[high]}) == power[high]
    steep = {middle: 1.0, high: 100.0}
    assert between(beyond, steep) == pytest.approx(100.0 * beyond.work / high.work)
    assert between(low, steep) == pytest.approx(low.work / middle.work)
    assert between(low, {middle: 2.0}) == pytest.approx(2.0 * low.work / middle.work)
    assert between(beyond, {high: 2.0}) == pytest.approx(2.0 * beyond.work / high.work)
    assert between(middle, {low: 0.0, high: 0.0}) == 0
    other = Shape(like=Run().replace({"layers": 3}), runs=2, examples=50)
    assert between(middle, {low: 1.0, high: 4.0, other: 1e9}) == between(middle, {low: 1.0, high: 4.0})
    assert between(other, {middle: 2.0}) == pytest.approx(2.0 * other.work / middle.work)


def test_dry_run_shows_the_plan_and_writes_nothing(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], measured: list[int]
) -> None:
    monkeypatch.chdir(sweep.parent)
    assert main(["run", "tiny.toml", "--dry-run", "--out", "there", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    head = {"path": "there", "study": "sweeps/tiny", "scale": "laptop", "run_steps": 480, "run_steps_done": 0}
    assert head.items() <= document.items()
    assert document["seconds"] == 94
    assert document["hours"]["2"] == pytest.approx(47 / 3600)
    assert [(batch["runs"], batch["seconds"], batch["measured"]) for batch in document["batches"]] == [
        (6, 47, True),
        (6, 47, True),
    ]
    assert main(["run", "tiny.toml", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].strip() == "sweeps/tiny, laptop scale: 12 runs in 2 batches"
    assert "at most 480 run-steps" in out
    assert "about 1:34 on this machine" in out
    assert "0:47 on 2" in out
    assert "1 layer, width 8, 16 neurons" in out
    assert list(sweep.parent.iterdir()) == [sweep]


@pytest.mark.usefixtures("known")
def test_dry_run_of_a_study_and_of_a_paper(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: list[int]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(catalogue(), "fake/tiny", experiment("fake/tiny"))
    assert main(["run", "fake/small", "--seeds", "2", "--dry-run", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert (one["study"], one["path"]) == ("fake/small", "runs/fake-small-laptop")
    assert main(["run", "fake", "--seeds", "2", "--dry-run", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [(one["study"], one["path"]) for one in documents] == [
        ("fake/small", "runs/fake-laptop/small"),
        ("fake/tiny", "runs/fake-laptop/tiny"),
    ]
    # Both have the same shape: it was measured once for one study, and once for the paper.
    assert len(measured) == 2
    assert documents[0]["run_steps"] == one["run_steps"] == sum(run["run_steps"] for run in one["batches"])
    assert main(["run", "fake", "--seeds", "2", "--dry-run"]) == 0
    assert "2 studies: at most" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def planned_elsewhere(studies: list[tuple[Study, Place]], precision: str) -> list[Estimate]:
    """Stands for the plan; its device is the process that made it."""
    assert precision == "tf32"
    return [replace(estimate_of(batch_of("a", 1)), device=f"{len(studies)} in {os.getpid()}")]


def test_for_a_cluster_the_plan_is_made_in_a_process_of_its_own(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # A process that has used an accelerator holds its memory.
    monkeypatch.setattr(cli_plan, "plans", planned_elsewhere)
    found = cli_plan.first(read(sweep), Place.of(sweep.parent / "store"), How(engine="ray", precision="tf32"))
    count, _, process = found.device.partition(" in ")
    assert count == "1"
    assert int(process) != os.getpid()
    out, err = capfd.readouterr()
    assert out == ""
    assert "at most 10 run-steps" in err


def test_a_sweep_shows_its_plan_runs_and_goes_on(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], measured: list[int]
) -> None:
    monkeypatch.chdir(sweep.parent)
    assert main(["run", "tiny.toml", "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert "sweeps/tiny, laptop scale: 12 runs in 2 batches" in err
    assert document["path"] == "runs/sweeps-tiny-laptop"
    assert document["plan"]["run_steps"] == 480
    record = gl.open("runs/sweeps-tiny-laptop")
    assert (record.study, record.runs) == ("sweeps/tiny", read(sweep).runs)
    assert [status.state for status in record.statuses] == ["finished"] * 12
    assert record.findings() == ()
    assert np.unique(record.metrics()["weight_decay"].values).tolist() == [0.5, 1.0, 2.0]

    page = (Path(__file__).parent.parent / "docs" / "sweeps.md").read_text(encoding="utf-8")
    example = page.rpartition("```python\n")[2].partition("```")[0].strip().splitlines()
    names: dict[str, Any] = {"gl": gl}
    exec("\n".join(example[:-1]).replace("runs/phases", "runs/sweeps-tiny-laptop"), names)
    diagram = eval(example[-1], names)
    assert diagram.shape == (3, 2)
    assert diagram.notna().values.all()

    measured.clear()
    assert main(["run", "tiny.toml"]) == 0
    out, err = capsys.readouterr()
    assert "nothing is left to do" in err
    assert "done already" in err
    assert measured == []

    sweep.write_text(SWEEP.replace("[0.5, 1, 2]", "[0.5, 1, 3]"))
    for words in (["--dry-run"], []):
        assert main(["run", "tiny.toml", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "made with other settings: optimiser.weight_decay: 2.0 -> 3.0" in line
        assert "choose another --out" in line
    sweep.write_text(SWEEP.replace("[0.5, 1, 2]", "[0.5, 1]"))
    assert main(["run", "tiny.toml"]) == 2
    assert "number of runs: 12 -> 8" in capsys.readouterr().err
