"""The plan of a study: what is left, what it costs, and how machines share it. No time is asserted."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

import groklab as gl
from groklab.engines import estimate as estimating
from groklab.engines.calibration import calibrate
from groklab.engines.estimate import estimate, stored
from groklab.engines.preparing import Prepared, prepare
from groklab.engines.shapes import Shape
from groklab.models import MLPSettings
from groklab.store import Reader
from groklab.studies import Study
from groklab.sweeps import read
from groklab.training import Run
from groklab.training.applicable import applicable
from groklab.training.state import initial_model, initial_state, to_arrays
from planned_sweep import batch_of, estimate_of, made_up_measurement, measured_less, written_sweep  # noqa: F401


def prepared_of(study: Study, place: Path) -> Prepared:
    return prepare(study, place)


def interrupted(study: Study, place: Path, when: Callable[[gl.engines.Progress], bool]) -> None:
    """Trains until `when`; what was committed by then is kept, at every logged step."""

    def watch(progress: gl.engines.Progress) -> None:
        if when(progress):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gl.run(study, place, watch=watch, commit_seconds=0.0)


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
