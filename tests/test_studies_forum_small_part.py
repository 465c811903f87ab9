"""A small part first: steps and examples counted on curves whose fall is known, and one tiny study that is trained."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import groklab as gl
from groklab.engines import preparing
from groklab.findings import Analysis
from groklab.measures import built_in
from groklab.models import TransformerSettings
from groklab.studies import find
from groklab.studies.forum._courses import ALONE, ARMS, AT_ONCE, FIRST, Ways, at_equal, mean_ratio, ratio
from groklab.studies.forum.small_part_first import ways
from groklab.studies.reading import Reading
from groklab.tasks import SplitSettings, TaskSettings
from groklab.training.settings import OptimiserSettings, Run, Schedule
from made_up_record import Values, made_up

NAME = "forum/small_part_first"
MODULE = __import__("groklab.studies.forum.small_part_first", fromlist=["SHARES"])
STEPS = np.arange(0, 10_101, 100)


def falling(rate: float, start: float = 0.0, level: float = 1.0) -> np.ndarray:
    """A test loss that falls by a factor e in 1 / rate steps, from `level` at step `start` on."""
    return level * np.exp(-rate * np.maximum(STEPS - start, 0))


def part_of(run: Run) -> str:
    return MODULE._part_of(run)


def curves(
    first: float = 4e-3,
    at_once: float = 3e-3,
    alone: float = 1e-3,
    ends: int = 1500,
    groks: Callable[[Run], bool] = lambda run: True,
) -> Callable[[Run], Values]:
    """The small part alone falls at its rate, and so does the first part, up to `ends`; the second at another."""

    def values(run: Run) -> Values:
        part = part_of(run)
        wobble = 1 + 0.01 * (run.seed % 3)
        before = math.exp(-alone * wobble * ends)
        last = {"parent": ends, FIRST: 2000, MODULE.AGAIN: 2000, AT_ONCE: 8000, ALONE: 10_100}[part]
        rate = {FIRST: first, AT_ONCE: at_once}.get(part, alone) * wobble
        known = np.where(last >= STEPS, 1.0, np.nan)
        level = before if part in (FIRST, MODULE.AGAIN) else 1.0
        return {
            "train_accuracy": known,
            "test_accuracy": known * np.where((ends <= STEPS) & groks(run), 1.0, 0.1),
            "test_loss": known * falling(rate, level=level),
        }

    return values


def read_of(values: Callable[[Run], Values], seeds: int = 3) -> Reading:
    return Reading(made_up(NAME, values, seeds=seeds, steps=STEPS))  # type: ignore[arg-type]


def analysed(values: Callable[[Run], Values], seeds: int = 3) -> Analysis:
    analysis = find(NAME).analysis
    assert analysis is not None
    return analysis(made_up(NAME, values, seeds=seeds, steps=STEPS))  # type: ignore[arg-type]


def _sentence(seeds: list[Ways]) -> str:
    return MODULE._sooner(seeds, "laptop", "").sentence


def way_of(seed: int = 9) -> Ways:
    found = ways(read_of(curves()), seed)
    assert found is not None
    return found


def test_each_seed_has_its_five_runs_and_the_parts_fit() -> None:
    for scale in ("laptop", "paper"):
        runs = find(NAME)(scale, 2).runs
        for seed in (8, 9):
            found = {part_of(run): run for run in runs if run.seed == seed}
            assert found.keys() == {"parent", *ARMS}
            assert found[FIRST].start == found[MODULE.AGAIN].start == found["parent"]
            # Without its end it is the network on the small part alone.
            assert found["parent"].replace({"after_grokking": None, "steps": found[ALONE].steps}) == found[ALONE]
            assert {run.split.held_out for run in found.values()} == {0.2}


def test_examples_are_counted_batch_by_batch() -> None:
    found = way_of()
    small, whole = found[ALONE].sizes[1], found[AT_ONCE].sizes[1]
    assert (small, whole) == (1392, 2784)
    first = found[FIRST]
    assert (first.turn, first.last) == (1500, 3500)
    assert first.examples(3500) == 1500 * small + 2000 * whole
    assert found[AT_ONCE].examples(7.0) == 7 * whole
    for course in found.values():
        for step in (1.0, 700.0, 1500.0, 2900.0):
            assert course.step(course.examples(step)) == pytest.approx(step)


def test_the_ways_are_compared_after_as_many_steps_and_after_as_many_examples() -> None:
    found = way_of()
    wobble = 1 + 0.01 * (9 % 3)
    assert at_equal(found, FIRST, "steps") == pytest.approx(-wobble * (1e-3 * 1500 + 4e-3 * 2000), rel=1e-6)
    assert at_equal(found, FIRST, "examples") == at_equal(found, FIRST, "steps")
    assert at_equal(found, AT_ONCE, "steps") == pytest.approx(-wobble * 3e-3 * 3500, rel=1e-6)
    # 1,500 steps on half as many examples are 750 on all.
    assert at_equal(found, AT_ONCE, "examples") == pytest.approx(-wobble * 3e-3 * 2750, rel=1e-6)
    assert at_equal(found, ALONE, "examples") == pytest.approx(-wobble * 1e-3 * 5500, rel=1e-6)


def test_steps_to_a_level_over_both_parts() -> None:
    found = way_of()
    wobble = 1 + 0.01 * (9 % 3)
    way = math.log(1e3) / wobble
    assert found[ALONE].generalised == pytest.approx(way / 1e-3, rel=1e-6)
    assert found[FIRST].generalised == pytest.approx(1500 + (way - 1.5) / 4e-3, rel=1e-3)
    assert ratio(found) == pytest.approx(found[FIRST].generalised / found[ALONE].generalised)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        # After 3,500 steps: 9.5 against 7 and 5.5. To a loss of 1e-3, e^-6.9, it takes 2,852 steps and 3,454.
        ({"at_once": 2e-3}, ("reproduced", "reproduced", "reproduced")),
        # 9.5 against 10.5 after equal steps, 8.25 after equal examples; to the level 2,852 steps against 2,303, and
        # 2,102 times all examples.
        ({"at_once": 3e-3}, ("partly", "partly", "reproduced")),
        ({"at_once": 6e-3}, ("contradicted", "contradicted", "reproduced")),
        # All fall alike: as good after equal steps, better after equal examples; small part first ends too early.
        ({"first": 1e-3, "at_once": 1e-3}, ("reproduced", "not tested at this scale", "not reproduced")),
        ({"first": 5e-4}, ("contradicted", "not tested at this scale", "not reproduced")),
        # 7.5 after 3,500 steps, 6.9 after 3,105, with 1.02 times the examples; the small part alone after 2,303.
        ({"first": 1.5e-3, "alone": 3e-3}, ("contradicted", "partly", "contradicted")),
        # Neither gets there.
        ({"first": 5e-4, "alone": 3e-4}, ("contradicted", "not tested at this scale", "not tested at this scale")),
    ],
)
def test_verdicts_on_curves_that_are_known(changes: dict[str, float], wanted: tuple[str, ...]) -> None:
    found = analysed(curves(**changes))
    assert tuple(one.verdict for one in found.findings) == wanted
    assert [one.claim for one in found.findings] == list(find(NAME).claims)
    for table in found.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert all(np.isfinite(np.array(points)).all() for chart in found.charts for points in chart.series.values())


def test_how_both_end_and_how_long_they_take_is_said() -> None:
    def values(run: Run) -> Values:
        return curves(at_once=9.5 / 3500 if run.seed == 8 else 6e-3)(run)

    found = analysed(values)
    assert "they differ by less than a factor of 1.5 in 1 of 3 networks" in found.findings[0].sentence
    seeds = [way for seed in (8, 9, 10) if (way := ways(read_of(values), seed))]
    longer = np.mean([way[FIRST].generalised / way[AT_ONCE].generalised for way in seeds])
    assert f"it takes {longer:.3g} (95% interval" in found.findings[1].sentence
    assert "in the 3 networks in which both get there" in found.findings[1].sentence
    ends = np.array([row[-2:] for row in found.tables[1].rows], float)
    wanted = [[math.exp(at_equal(way, arm, "steps")) for arm in (FIRST, AT_ONCE)] for way in seeds]
    np.testing.assert_allclose(ends, wanted)


def test_a_network_that_does_not_grok_the_small_part_counts_nowhere() -> None:
    values = curves(groks=lambda run: run.seed != 9)
    assert ways(read_of(values), 9) is None
    found = analysed(values)
    assert {one.seeds for one in found.findings} == {2}
    assert "2 of 3 networks grok the small part" in found.findings[0].sentence
    none = analysed(curves(groks=lambda run: False))
    assert {one.verdict for one in none.findings} == {"not tested at this scale"}


def test_what_does_not_get_there_leaves_the_ratio_open() -> None:
    found = ways(read_of(curves(alone=3e-4)), 8)
    assert found is not None
    assert math.isinf(found[ALONE].generalised)
    assert ratio(found) == found[FIRST].generalised / 10_100
    stuck = ways(read_of(curves(first=0.0, alone=3e-4)), 8)
    assert stuck is not None
    assert math.isnan(ratio(stuck))
    slow = ways(read_of(curves(first=0.0)), 8)
    assert slow is not None
    assert ratio(slow) == 3500 / slow[ALONE].generalised
    sure = [way_of(8), way_of(9), way_of(10)]
    assert mean_ratio(sure).value == pytest.approx(np.mean([ratio(one) for one in sure]))
    for more, low, high in ((found, True, False), (slow, False, True), (stuck, False, False)):
        estimate = mean_ratio([*sure, more])
        assert (estimate.low == 0, math.isinf(estimate.high)) == (low, high)
    assert mean_ratio([*sure, stuck]).count == 3
    assert "in 1, both in 1, which are left out" in _sentence([*sure, stuck])


def small(scale: str, seed: int) -> Run:
    return Run(
        task=TaskSettings(modulus=11),
        model=TransformerSettings(d_model=16, heads=2, d_mlp=24),
        optimiser=OptimiserSettings(learning_rate=5e-3, weight_decay=0.5),
        split=SplitSettings(fraction=0.5),
        seed=seed,
        steps=100,
        logging=Schedule(every=50),
    )


def test_from_training_to_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "setting", small)
    monkeypatch.setitem(MODULE.FIRST_STEPS, "laptop", 200)
    monkeypatch.setitem(MODULE.THEN_STEPS, "laptop", 100)
    few = {"train_accuracy", "test_accuracy", "sum_of_squares", "train_loss", "test_loss"}
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in few))
    record = gl.run(find(NAME)("laptop", 1), tmp_path / "store")
    runs = {part_of(run): number for number, run in enumerate(record.runs)}
    losses = record.metrics()["test_loss"]
    same = losses.isel(run=runs["parent"]).dropna("step")
    alone = losses.isel(run=runs[ALONE]).sel(step=same["step"])
    # The first part is the network on the small part alone, bit for bit.
    np.testing.assert_array_equal(same.values, alone.values)
    first = losses.isel(run=runs[FIRST])
    assert float(first.sel(step=0)) == pytest.approx(float(same[-1]), rel=1e-5)
    found = record.analysis()
    assert [one.claim for one in found.findings] == list(find(NAME).claims)
    assert gl.open(record.keep(tmp_path / "kept.zip")).analysis().findings == found.findings
