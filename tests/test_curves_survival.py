"""Kaplan-Meier, its intervals and the log-rank test, against published numbers, SciPy and slow loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, logrank

from groklab.curves import kaplan_meier, log_rank
from groklab.errors import Mistake

# Weeks in remission of the leukaemia trial of Freireich et al. 1963, 6-MP and placebo.
DRUG = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
HAPPENED = [True] * 9 + [False] * 12
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def test_the_leukaemia_trial() -> None:
    found = kaplan_meier(DRUG, HAPPENED)
    share = dict(zip(found.steps.tolist(), found.share.round(3).tolist(), strict=True))
    assert {t: share[t] for t in (6, 7, 10, 13, 16, 22, 23)} == {
        6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448,
    }  # fmt: skip
    assert found.median.value == 23
    assert found.at_risk[:3].tolist() == [21, 17, 16]
    assert found.grokked[:3].tolist() == [3, 1, 0]
    test = log_rank({"drug": (DRUG, HAPPENED), "placebo": (PLACEBO, [True] * 21)})
    assert test.chi_squared == pytest.approx(16.79, abs=0.01)
    assert test.observed == {"drug": 9, "placebo": 21}
    assert test.expected["drug"] == pytest.approx(19.25, abs=0.01)
    assert test.freedom == 1


def slow(times: list[float], events: list[bool]) -> list[tuple[float, float, float, float]]:
    """(t, S, low, high) by the textbook, one time after another."""
    share, greenwood, rows = 1.0, 0.0, []
    for time in sorted(set(times)):
        watched = sum(t >= time for t in times)
        happened = sum(t == time and e for t, e in zip(times, events, strict=True))
        share *= 1 - happened / watched
        if happened < watched:
            greenwood += happened / (watched * (watched - happened))
        if share in (0, 1):
            rows.append((time, share, share, 1.0 if share == 1 else math.nan))
            continue
        spread = 1.959963984540054 * math.sqrt(greenwood) / math.log(share)
        low, high = (share ** math.exp(sign * spread) for sign in (-1, 1))
        rows.append((time, share, min(low, high), max(low, high)))
    return rows


MANY = st.lists(st.tuples(st.integers(1, 15), st.booleans()), min_size=1, max_size=25)


@given(runs=MANY)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_the_slow_loop(runs: list[tuple[int, bool]]) -> None:
    times, events = [float(t) for t, _ in runs], [e for _, e in runs]
    found, rows = kaplan_meier(times, events), slow(times, events)
    for index, (time, share, low, high) in enumerate(rows):
        assert found.steps[index] == time
        assert found.share[index] == pytest.approx(share)
        assert found.low[index] == pytest.approx(low)
        if not math.isnan(high):
            assert found.high[index] == pytest.approx(high)
    assert np.all((found.low <= found.share + 1e-9) & (found.share <= found.high + 1e-9))
    assert found.median.low <= found.median.value <= found.median.high
    # The area under the share, summed in fine steps.
    grid = np.arange(0, max(times), 0.25)
    area = sum(0.25 * next((s for t, s, *_ in reversed(rows) if t <= x), 1.0) for x in grid)
    assert found.restricted_mean.value == pytest.approx(area)


def test_without_censoring_the_restricted_mean_is_the_mean() -> None:
    times = np.array([3.0, 5.0, 5.0, 9.0, 20.0])
    mean = kaplan_meier(times, [True] * 5).restricted_mean
    assert mean.value == pytest.approx(times.mean())
    assert mean.high - mean.value <= 1.96 * times.std() / math.sqrt(5) + 1e-9
    assert mean.value - mean.low == pytest.approx(1.96 * times.std() / math.sqrt(5), rel=1e-3)
    cut = kaplan_meier(times, [True] * 5, horizon=6.0)
    assert cut.restricted_mean.value == pytest.approx(np.minimum(times, 6).mean())


def test_intervals_cover_the_median_they_should() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        times, end = rng.exponential(1000.0, 40), rng.uniform(300, 3000, 40)
        median = kaplan_meier(np.minimum(times, end), times <= end).median
        inside += median.low <= 1000 * math.log(2) <= median.high
    assert 0.91 <= inside / 300 <= 0.99


def test_half_not_reached_nobody_grokked_and_one_network() -> None:
    few = kaplan_meier([100, 200, 900, 900, 900], [True, True, False, False, False])
    assert few.median.value == math.inf
    assert "900" in few.median.note
    none = kaplan_meier([900, 900], [False, False])
    assert none.share.tolist() == [1.0]
    assert none.restricted_mean.value == 900
    assert none.restricted_mean.note == "no network grokked"
    one = kaplan_meier([50], [True])
    assert one.median.value == 50
    assert math.isnan(one.restricted_mean.low)
    assert kaplan_meier([0, 0], [False, False]).median.value == math.inf


@given(a=MANY, b=MANY)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_two_groups_are_scipys_log_rank(a: list[tuple[int, bool]], b: list[tuple[int, bool]]) -> None:
    groups = {n: ([t for t, _ in runs], [e for _, e in runs]) for n, runs in (("a", a), ("b", b))}
    ours = log_rank(groups)
    data = [
        CensoredData(uncensored=[float(t) for t, e in runs if e], right=[float(t) for t, e in runs if not e])
        for runs in (a, b)
    ]
    if math.isnan(ours.chi_squared):
        return
    with np.errstate(all="ignore"):
        theirs = logrank(x=data[0], y=data[1])
    if np.isfinite(theirs.statistic):
        assert ours.chi_squared == pytest.approx(theirs.statistic**2, abs=1e-9)
        assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-9)
    assert sum(ours.expected.values()) == pytest.approx(sum(ours.observed.values()))


def test_three_groups_by_permutation_and_what_cannot_be_compared() -> None:
    rng = np.random.default_rng(0)
    times = np.round(rng.exponential(50, 30)) + 1
    events = rng.random(30) < 0.8

    def statistic(order: np.ndarray) -> float:
        parts = np.split(order, 3)
        return log_rank({str(i): (times[part], events[part]) for i, part in enumerate(parts)}).chi_squared

    drawn = [statistic(rng.permutation(30)) for _ in range(300)]
    # Under one pace the statistic is chi-squared with two degrees of freedom.
    assert np.mean(drawn) == pytest.approx(2, abs=0.35)
    assert np.mean(np.array(drawn) > 5.99) == pytest.approx(0.05, abs=0.045)
    nothing = log_rank({"a": ([5, 5], [False, False]), "b": ([5], [False])})
    assert math.isnan(nothing.chi_squared)
    assert math.isnan(nothing.p_value)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda: kaplan_meier([], []), "each network"),
        (lambda: kaplan_meier([1, 2], [True]), "each network"),
        (lambda: kaplan_meier([-1], [True]), "from 0 on"),
        (lambda: kaplan_meier([5], [True], horizon=6), "horizon"),
        (lambda: log_rank({"a": ([5], [True])}), "2 groups"),
    ],
)
def test_mistakes(what, words) -> None:
    with pytest.raises(Mistake, match=words):
        what()
