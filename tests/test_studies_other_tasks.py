"""The analysis of the other algorithmic tasks: what it reads off curves that are made up."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from fake_record import FakeRecord
from groklab.findings import Analysis
from groklab.studies import find
from groklab.studies.nanda._other_tasks_claims import CLAIMS
from groklab.studies.nanda._sequence_reading import apart, half_way, induction, phase_change
from groklab.studies.reading import Reading
from groklab.tasks import DigitsSettings, SequenceSettings, SubsequencesSettings
from groklab.training.settings import Run
from groklab.training.status import Status
from made_up_record import STEPS, Values, made_up

SEEDS = 3
HEADS = ("0.0", "0.1", "1.0", "1.1")
VERDICTS = {
    "digits-phase-change": 0, "digits-limited-groks": 1, "digits-one-by-one": 2, "subsequences-phase-change": 3,
    "subsequences-limited-groks": 4, "subsequences-induction": 5, "trigrams-phase-change": 6,
    "trigrams-limited-groks": 7, "digits-limited-phase-change": 8, "subsequences-limited-phase-change": 9,
    "trigrams-limited-phase-change": 10,
}  # fmt: skip


def falling(at: float, width: float = 10.0, low: float = 1e-3, high: float = 3.0) -> np.ndarray:
    """A loss that falls from high to low in log, half of its way at a step."""
    gone = 1 / (1 + np.exp(np.minimum((at - STEPS) / width, 700)))
    return high * np.exp(np.log(low / high) * gone)


def rising_first(at: float) -> np.ndarray:
    """The test loss of a network that memorises by step 100 and groks later."""
    return falling(at) * (1 + 2 * (1 - np.exp(-STEPS / 30)))


def limited(run: Run) -> bool:
    assert isinstance(run.task, SequenceSettings)
    return run.task.examples is not None


def published(run: Run) -> Values:
    """Phase changes with unlimited data, grokking with limited."""
    if limited(run):
        return {"train_loss": falling(100), "test_loss": rising_first(600), "sum_of_squares": 100 + STEPS / 10}
    return {"train_loss": falling(400), "test_loss": falling(400), "sum_of_squares": 100 + STEPS / 10}


def record_of(
    values: Callable[[Run], Values] = published,
    *,
    digits: Callable[[int], float] = lambda place: 100 * 1.4**place,
    forms: float = 390.0,
    copies: float = 0.9,
) -> FakeRecord:
    """A record of the study; `digits` says when each place of the answer is learnt, `forms` when head 1.1 does."""
    record = made_up("nanda/other_tasks", values, seeds=SEEDS)
    runs, steps = record.runs, len(STEPS)
    by_digit = np.full((len(runs), steps, 6), np.nan)
    scores = {name: np.full((len(runs), steps, 4), np.nan) for name in ("prefix_matching", "copying", "previous_token")}
    rise = 1 / (1 + np.exp(-(STEPS - forms) / 15))
    for number, run in enumerate(runs):
        assert isinstance(run, Run)
        if isinstance(run.task, DigitsSettings):
            by_digit[number] = np.stack([falling(digits(place)) for place in range(6)], axis=1)
        if isinstance(run.task, SubsequencesSettings):
            for one in scores.values():
                one[number] = 0.03
            scores["prefix_matching"][number, :, 3] = 0.1 + 0.8 * rise
            scores["copying"][number, :, 3] = 0.05 + (copies - 0.05) * rise
            scores["previous_token"][number, :, 0] = 0.1 + 0.8 / (1 + np.exp(-(STEPS - forms + 100) / 15))
    more: Any = {"loss_by_digit": (("run", "step", "digit"), by_digit)}
    more |= {name: (("run", "step", "head"), one) for name, one in scores.items()}
    record.dataset = record.dataset.assign(more).assign_coords(digit=[5, 4, 3, 2, 1, 0], head=list(HEADS))
    record.together = together(record)
    return record


def together(record: FakeRecord) -> xr.Dataset:
    """What is derived of networks of four positions: head 1.1 looks at place 1 from 2 and from 3, with 0.7 and 0.2."""
    numbers = [number for number, run in enumerate(record.runs) if isinstance(run.task, SubsequencesSettings)]  # type: ignore[attr-defined]
    pattern = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]
    pattern[2], pattern[3] = [0.2, 0.7, 0.1, 0], [0.5, 0.2, 0.2, 0.1]
    alike = {"token": [7, 5, 7, 7], "source": [-1, -1, 1, 1]}
    return xr.Dataset(
        {
            "head": ("network", ["1.1"] * len(numbers)),
            "prefix_matching": ("network", np.full(len(numbers), 0.9)),
            "copying": ("network", np.full(len(numbers), 0.6)),
            **{name: (("network", "position"), np.tile(values, (len(numbers), 1))) for name, values in alike.items()},
            "pattern": (("network", "position", "seen"), np.tile(pattern, (len(numbers), 1, 1))),
        },
        {"network": numbers},
    )


def analysed(record: FakeRecord) -> Analysis:
    analysis = find("nanda/other_tasks").analysis
    assert analysis is not None
    found = analysis(record)  # type: ignore[arg-type]
    assert [one.claim for one in found.findings] == list(CLAIMS)
    for table in found.tables:
        assert all(len(row) == len(table.columns) for row in table.rows), table.title
        for cell in (cell for row in table.rows for cell in row):
            assert cell is None or type(cell) in (str, int, float), (table.title, cell)
    return found


def verdict(record: FakeRecord, claim: str) -> str:
    found = analysed(record).findings[VERDICTS[claim]]
    assert found.claim.identifier == f"nanda.{claim}"
    return found.verdict


def test_as_published_every_claim_is_reproduced_and_shown() -> None:
    found = analysed(record_of())
    assert {one.verdict for one in found.findings} == {"reproduced"}
    assert {one.seeds for one in found.findings} == {SEEDS}
    titles = [table.title for table in found.tables]
    assert titles[:3] == ["Each network", "The digits of a sum, one by one", "Induction heads"]
    (lead,) = [table for table in found.tables if table.title.startswith("Lead")]
    rows = {row[0]: row for row in lead.rows}
    assert rows["previous_token"][-1] == "leads, false alarms not tested"
    heads = found.tables[2]
    assert {row[2] for row in heads.rows} == {"1.1"}
    assert [row[0] for row in heads.rows] == ["unlimited"] * SEEDS + ["limited"] * SEEDS
    charts = [chart.title for chart in found.charts]
    assert charts[:2] == ["Digits, unlimited data", "Digits, limited data"]
    assert len(charts) == 8
    assert all(points for chart in found.charts for points in chart.series.values())


def test_the_best_heads_are_shown_with_the_places_where_an_induction_head_looks() -> None:
    record = record_of()
    found = analysed(record)
    (table,) = [table for table in found.tables if table.title == "The best induction heads on one sequence"]
    even = (1 / 3 + 1 / 4) / 2
    assert [row[1] for row in table.rows] == [8, 9, 10] * 2
    for row, data in zip(table.rows, ["unlimited"] * SEEDS + ["limited"] * SEEDS, strict=True):
        assert (row[0], row[2], row[-1]) == (data, "1.1", "1 of 2")
        assert row[3:-1] == [pytest.approx(number) for number in (0.9, 0.6, 0.45, even)]
    assert [shown.title for shown in found.heat_maps] == [
        f"Attention of head 1.1, repeated subsequences, {data} data, seed 8" for data in ("unlimited", "limited")
    ]
    shown = found.heat_maps[0]
    assert list(shown.columns) == list(shown.rows) == ["7", "5", "7", "7"]
    assert list(shown.marked) == [(2, 1), (3, 1)]
    assert list(shown.values[0]) == [1.0, None, None, None]
    assert list(shown.values[2]) == [0.2, 0.7, 0.1, None]


def test_a_network_that_diverged_leaves_the_heads_of_the_others_where_they_are() -> None:
    """Numbers of runs are those of the study, those left out among them."""
    record = record_of()
    assert record.together is not None
    first = int(record.together["network"].values[0])
    record.statuses = (Status(state="diverged", step=20, sentence="diverged"), *record.statuses[1:])
    (table,) = [table for table in analysed(record).tables if table.title == "The best induction heads on one sequence"]
    assert first > 0
    assert [row[:2] for row in table.rows[:SEEDS]] == [["unlimited", seed] for seed in (8, 9, 10)]


def test_a_fall_that_is_sudden_in_nats_says_so_beside_the_rule_in_log() -> None:
    def values(run: Run) -> Values:
        tail = 3 * np.exp(-np.minimum(STEPS, 60.0) / 20 - np.maximum(STEPS - 60.0, 0) / 100)
        return published(run) if limited(run) else {"train_loss": tail, "test_loss": tail}

    table = analysed(record_of(values)).tables[0]
    steps, share, verdict = (table.columns.index(name) for name in (
        "test loss from 90% to 10% in nats, steps", "share of training", "phase change, or grokking"
    ))  # fmt: skip
    for row in table.rows:
        if row[:2] == ["trigrams", "unlimited"]:
            assert row[verdict] == "no"
            assert isinstance(row[steps], int)
            assert row[share] == pytest.approx(row[steps] / 1000, abs=5e-4)
            assert 0 < row[share] < 0.1  # type: ignore[operator]


def test_a_slow_fall_is_no_phase_change() -> None:
    def values(run: Run) -> Values:
        slow = 3 * np.exp(-STEPS / 300.0)
        return published(run) if limited(run) else {"train_loss": slow, "test_loss": slow}

    assert verdict(record_of(values), "trigrams-phase-change") == "contradicted"


def test_a_fall_that_is_slow_in_its_tail_only_is_neither_shown_nor_contradicted() -> None:
    """In nats the loss falls at once; in log most of its way is the slow tail down to small losses."""

    def values(run: Run) -> Values:
        tail = 3 * np.exp(-np.minimum(STEPS, 60.0) / 20 - np.maximum(STEPS - 60.0, 0) / 100)
        return published(run) if limited(run) else {"train_loss": tail, "test_loss": tail}

    found = analysed(record_of(values)).findings[VERDICTS["trigrams-phase-change"]]
    assert (found.verdict, found.value) == ("not reproduced", 0.0)
    assert "from 90% to 10% of its way in nats it takes 4" in found.sentence
    assert found.sentence.endswith("a tenth of training being 100 steps")


def test_a_phase_change_after_the_batches_were_learnt_by_heart_is_none() -> None:
    def values(run: Run) -> Values:
        return published(run) if limited(run) else {"train_loss": falling(200), "test_loss": falling(400)}

    assert verdict(record_of(values), "digits-phase-change") == "contradicted"


def test_what_did_not_fall_within_the_budget_is_neither_shown_nor_contradicted() -> None:
    def values(run: Run) -> Values:
        return {"train_loss": falling(200), "test_loss": 3.0 + 0.1 * np.sin(STEPS)}

    found = analysed(record_of(values))
    of_test_losses = [name for name in VERDICTS if name.endswith(("change", "groks")) and "limited-phase" not in name]
    assert {found.findings[VERDICTS[name]].verdict for name in of_test_losses} == {"not reproduced"}
    assert "the test loss in none within the budget" in found.findings[1].sentence
    induction_heads = found.findings[VERDICTS["subsequences-induction"]]
    assert induction_heads.verdict == "not reproduced"


def test_what_falls_at_once_is_not_grokked() -> None:
    def values(run: Run) -> Values:
        return {"train_loss": falling(380), "test_loss": falling(400)}

    record = record_of(values)
    assert verdict(record, "subsequences-limited-groks") == "contradicted"


def test_a_test_loss_that_fell_before_the_training_set_was_known_is_no_grokking() -> None:
    def values(run: Run) -> Values:
        early = falling(600) * np.where(STEPS > 20, 0.7, 1.0)
        return {"train_loss": falling(200), "test_loss": early}

    assert verdict(record_of(values), "trigrams-limited-groks") == "contradicted"


@pytest.mark.parametrize(
    ("digits", "said"),
    [
        (lambda place: 400.0, "contradicted"),
        (lambda place: 400.0 if place < 3 else 500.0, "reproduced"),
        (lambda place: 400.0 if place < 1 else 500.0, "contradicted"),
        (lambda place: 400.0 if place < 3 else 1e6, "reproduced"),
        (lambda place: 400.0 if place < 2 else 1e6, "reproduced"),
        (lambda place: 400.0 if place < 1 else 1e6, "not reproduced"),
        (lambda place: 1e6, "not reproduced"),
    ],
)
def test_digits_that_come_together_and_apart(digits: Callable[[int], float], said: str) -> None:
    assert verdict(record_of(digits=digits), "digits-one-by-one") == said


def test_of_pairs_that_never_come_it_is_not_known_whether_they_are_apart() -> None:
    assert apart(np.array([math.inf, math.inf, 100.0])) == pytest.approx((2 / 3, 1))
    assert apart(np.array([100.0, 119.0])) == (0, 0)
    assert apart(np.array([100.0, 121.0])) == (1, 1)


def test_the_first_digit_is_left_out_beside() -> None:
    found = analysed(record_of(digits=lambda place: 100.0 if place == 0 else 400.0))
    assert "0.333 (0.333 to 0.333), without the first digit, which is 0 or 1, 0 (0 to 0)" in found.findings[2].sentence
    (table,) = [table for table in found.tables if table.title.startswith("The digits")]
    assert [row[-2:] for row in table.rows] == [[pytest.approx(1 / 3), 0.0]] * SEEDS


def test_a_head_forms_within_a_tenth_of_its_own_networks_training() -> None:
    """The networks with unlimited data end at half of the steps of the others: a tenth of them is 50 steps."""
    record = record_of(forms=330.0)
    assert verdict(record, "subsequences-induction") == "reproduced"
    short = [number for number, run in enumerate(record.runs) if isinstance(run, Run) and not limited(run)]
    for name in record.dataset.data_vars:
        for number in short:
            record.dataset[name].values[number, STEPS > 500] = np.nan
    assert verdict(record, "subsequences-induction") == "contradicted"


def test_a_head_that_is_none_forms_at_no_step() -> None:
    (table,) = [table for table in analysed(record_of(copies=0.4)).tables if table.title == "Induction heads"]
    assert {row[5] for row in table.rows} == {None}
    (table,) = [table for table in analysed(record_of()).tables if table.title == "Induction heads"]
    assert all(isinstance(row[5], int) for row in table.rows)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"forms": 390.0}, "reproduced"), ({"forms": 200.0}, "contradicted"), ({"copies": 0.4}, "contradicted")],
)
def test_an_induction_head_must_form_as_the_loss_falls_and_copy(more: dict[str, float], said: str) -> None:
    assert verdict(record_of(**more), "subsequences-induction") == said  # type: ignore[arg-type]


def test_the_reading_of_single_networks() -> None:
    record = record_of()
    read = Reading(record)  # type: ignore[arg-type]
    (run, *_) = [
        number
        for number, one in enumerate(read.runs)
        if isinstance(one.task, SubsequencesSettings) and one.task.examples is None
    ]
    assert phase_change(read, run).holds
    found = induction(read, run)
    assert found is not None
    assert (found.head, found.found) == ("1.1", True)
    assert found.forms == pytest.approx(390, abs=10)
    assert found.falls == pytest.approx(400, abs=10)
    from groklab.curves import Curve

    assert math.isnan(half_way(Curve.of(STEPS, np.full(len(STEPS), 0.5), "linear")))
    assert half_way(Curve.of(STEPS, np.full(len(STEPS), 0.5), "log")) == math.inf


def test_without_networks_nothing_is_tested() -> None:
    record = record_of()
    record.statuses = tuple(Status(state="diverged", step=20, sentence="diverged") for _ in record.statuses)
    assert {one.verdict for one in analysed(record).findings} == {"not tested at this scale"}


@pytest.mark.parametrize(("width", "wanted"), [(10.0, "reproduced"), (200.0, "contradicted")])
def test_a_limited_training_set_may_be_learnt_at_once_or_slowly(width: float, wanted: str) -> None:
    def values(run: Run) -> Values:
        found = dict(published(run))
        # The test loss has no say here.
        return found | {"train_loss": falling(450, width), "test_loss": falling(450)} if limited(run) else found

    assert verdict(record_of(values), "digits-limited-phase-change") == wanted


def test_unmeasured_heads_and_digits_are_not_tested() -> None:
    record = made_up("nanda/other_tasks", published, seeds=SEEDS)
    record.together = together(record)
    found = {one.claim.identifier: one.verdict for one in analysed(record).findings}
    assert found["nanda.digits-one-by-one"] == found["nanda.subsequences-induction"] == "not tested at this scale"
    assert found["nanda.trigrams-limited-groks"] == "reproduced"


def test_the_runs_are_what_the_page_says() -> None:
    for scale in ("laptop", "paper"):
        runs = find("nanda/other_tasks")(scale, 5).runs
        assert len(runs) == 30
        tasks = [run.task for run in runs]
        assert all(isinstance(task, SequenceSettings) for task in tasks)
        sizes = [task.examples for task in tasks if isinstance(task, SequenceSettings)]
        assert sorted({size for size in sizes if size}) == [512, 700]
        assert sum(size is None for size in sizes) == 15
        assert {run.seed for run in runs} == {8, 9, 10, 11, 12}
    (five,) = {task.digits for task in tasks if isinstance(task, DigitsSettings)}
    assert five == 5
    (whole,) = {(task.tokens, task.sequence) for task in tasks if isinstance(task, SubsequencesSettings)}
    assert whole == (128, 85)
