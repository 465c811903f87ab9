"""Memorisers that know their mirrors: what is read off curves that are known."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from groklab.findings import Analysis
from groklab.studies import find
from groklab.studies.forum.commutative_memory import at_memorisation, share_of_mirrors, vanishes
from groklab.studies.reading import Reading
from groklab.tasks import Split, Task
from groklab.training.settings import Run
from made_up_record import STEPS, Values, made_up

NAME = "forum/commutative_memory"
MEMORISED = 200
LEARNT = np.where(STEPS >= MEMORISED, 1.0, 0.5)


def analysed(values: Callable[[Run], Values], seeds: int = 4) -> Analysis:
    analysis = find(NAME).analysis
    assert analysis is not None
    return analysis(made_up(NAME, values, seeds=seeds))  # type: ignore[arg-type]


def verdicts(found: Analysis) -> dict[str, str]:
    return {one.claim.identifier.removeprefix("forum.mirrors-"): one.verdict for one in found.findings}


def knowing(gaps: dict[str, float], *, left: float = 1.0, groks: bool = False) -> Callable[[Run], Values]:
    """Mirrors known better by a gap of each operation once memorised; a share `left` of it from step 500 on."""

    def values(run: Run) -> Values:
        gap = gaps.get(run.table.operation, 0.0) * np.where(STEPS >= 500, left, 1.0) * (STEPS >= 100)
        others = np.where(STEPS >= 700, 1.0, 0.1) if groks else np.full(STEPS.shape, 0.1)
        mirrors = np.minimum(others + gap * (1 + 0.02 * run.seed), 1.0)
        return {
            "train_accuracy": LEARNT,
            "test_accuracy": (mirrors + others) / 2,
            "mirror_accuracy_trained": mirrors,
            "mirror_accuracy_untrained": others,
        }

    return values


def test_mirrors_known_of_sums_and_not_of_differences() -> None:
    found = analysed(knowing({"add": 0.4, "quadratic": 0.3}))
    assert verdicts(found) == {"early": "reproduced", "control": "reproduced", "stay": "reproduced"}
    early = found.findings[0]
    assert early.value == pytest.approx(0.4 * (1 + 0.02 * 9.5), abs=1e-6)
    assert early.seeds == 4
    assert [one.claim for one in found.findings] == list(find(NAME).claims)
    for table in found.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert len(found.tables[0].rows) == 12
    assert len(found.charts) == 5
    assert all(points for chart in found.charts for points in chart.series.values())


@pytest.mark.parametrize(
    ("gaps", "left", "wanted"),
    [
        ({"add": 0.02, "subtract": 0.0}, 1.0, ("contradicted", "reproduced", "not tested at this scale")),
        ({"add": 0.4, "subtract": 0.3}, 1.0, ("reproduced", "contradicted", "reproduced")),
        ({"add": 0.4, "subtract": -0.08}, 0.1, ("reproduced", "contradicted", "contradicted")),
    ],
)
def test_each_claim_can_fail(gaps: dict[str, float], left: float, wanted: tuple[str, str, str]) -> None:
    assert tuple(verdicts(analysed(knowing(gaps, left=left))).values()) == wanted


def test_the_share_of_the_table_and_how_far_they_got_are_said() -> None:
    def values(run: Run) -> Values:
        # With 40% of the table x + y is on its way to grokking.
        part = run.split.fraction or 0.0
        found = dict(knowing({"add": part, "quadratic": 0.3})(run))
        late = np.where(STEPS >= 800, 0.8, 0.1)
        return found | {"test_accuracy": late} if part == 0.4 and run.table.operation == "add" else found

    early, control, stay = (one.sentence for one in analysed(values).findings)
    assert early.index("0.476") < early.index("at 40% of the table") < early.index("at 25% of the table")
    assert "at 15% of the table" in early
    assert "at 15% of the table" in control
    assert "24 of 24 networks" in stay
    assert "had not grokked after 1,000 steps" in stay
    assert "8 of 8 at 15% of the table" in stay
    assert "4 are above 0.5 and may be about to grok" in stay


def test_networks_that_grok_say_nothing_of_lasting_memory() -> None:
    found = analysed(knowing({"add": 0.4, "quadratic": 0.4}, groks=True))
    assert verdicts(found)["stay"] == "not tested at this scale"
    rows = {(row[0], row[1]): row for row in found.tables[0].rows}
    columns = list(found.tables[0].columns)
    gone = rows["x + y mod P", "40%"][columns.index("gap gone, of those beyond 0.1")]
    assert gone == "4 of 4"
    assert rows["x - y mod P", "40%"][columns.index("gap gone, of those beyond 0.1")] == "0 of 0"


def test_nothing_learnt_says_so() -> None:
    found = analysed(lambda run: {"train_accuracy": 0.1, "test_accuracy": math.nan}, seeds=1)
    assert set(verdicts(found).values()) == {"not tested at this scale"}


def test_when_a_gap_is_gone_and_what_it_was_at_first() -> None:
    record = made_up(NAME, lambda run: {"train_accuracy": LEARNT if run.seed % 2 else 0.5}, seeds=2)
    read = Reading(record)  # type: ignore[arg-type]
    gap = np.zeros((len(read.runs), len(STEPS)))
    gap[0, 10:20] = 0.3
    gap[1, 10:] = 0.3
    gap[2, 5:7], gap[2, 30:31] = 0.3, -0.2
    gap[3] = np.nan
    # Never a gap: it wobbles across what counts as gone.
    gap[4, 10:20] = 0.07
    gap[5, 10:20], gap[5, 20:30] = 0.3, np.nan
    found = vanishes(read, gap)
    wanted = [STEPS[20], math.nan, STEPS[31], math.nan, math.nan, STEPS[30], math.nan]
    assert found[:7].tolist() == pytest.approx(wanted, nan_ok=True)
    early = at_memorisation(read, gap)
    memorises = np.array([run.seed % 2 == 1 for run in read.runs])
    assert np.isnan(early[~memorises]).all()
    place = int(np.flatnonzero(STEPS == MEMORISED)[0])
    np.testing.assert_array_equal(early[memorises], gap[memorises][:, place])


def test_the_share_of_mirrors_among_right_answers_is_counted() -> None:
    read = Reading(made_up(NAME, lambda run: {}, seeds=1))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    accuracies = rng.uniform(0.1, 1, (2, len(read.runs)))
    found = share_of_mirrors(read, (accuracies[0], accuracies[1]))
    for number in (0, 4, 11):
        run = read.runs[number]
        task = Task.of(run.task)
        split = Split.of(task, run.split, run.data_seed)
        right = [0.0, 0.0]
        for row in np.flatnonzero(split.test):
            mirror = task.row(int(task.b[row]), int(task.a[row]))
            known = mirror != row and bool(split.train_mask[mirror])
            right[0 if known else 1] += accuracies[0 if known else 1, number]
        assert found[number] == pytest.approx(right[0] / sum(right))
