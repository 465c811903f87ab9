"""Intervals over seeds, and the transition over training-set sizes."""

import math

import numpy as np
import pytest
from scipy.stats import beta

from groklab.curves import bootstrap, clopper_pearson, fit_transition
from groklab.curves.intervals import from_draws, resampled
from groklab.errors import Mistake


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_a_bootstrap_covers_the_mean_as_often_as_it_says(method) -> None:
    rng = np.random.default_rng(0)
    found = [bootstrap(rng.normal(3, 2, 20), statistic=np.mean, method=method, draws=200) for _ in range(120)]
    inside = np.mean([one.low <= 3 <= one.high for one in found])
    assert 0.85 <= inside <= 0.99
    assert found[0].count == 20
    assert found[0].note == ""


def test_the_interval_of_a_mean_is_about_normal_and_depends_on_the_seed_alone() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    found = bootstrap(values, statistic=np.mean)
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert bootstrap(values, statistic=np.mean) == found
    assert bootstrap(values, statistic=np.mean, seed=1) != found
    assert bootstrap([1.0, 2.0, 4.0]).value == 2


def test_a_difference_of_medians() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(5, 1, 50), rng.normal(3, 1, 40)
    found = bootstrap(a, b, statistic=lambda x, y: float(np.median(x) - np.median(y)), draws=500)
    assert found.value == np.median(a) - np.median(b)
    assert found.low < 2 < found.high
    assert found.count == 90


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_degenerate_samples_have_an_answer(method) -> None:
    none = bootstrap([], method=method)
    assert (none.count, none.note) == (0, "no seeds")
    assert math.isnan(none.value)
    one = bootstrap([3.0], method=method)
    assert (one.value, one.note) == (3, "one seed: no interval")
    assert math.isnan(one.low)
    equal = bootstrap([2.0, 2.0, 2.0], method=method)
    assert (equal.low, equal.value, equal.high, equal.note) == (2, 2, 2, "")
    some = bootstrap([1.0, math.nan, 2.0], method=method)
    assert (some.value, some.count, some.note) == (1.5, 2, "1 of 3 seeds without a value")
    with pytest.raises(Mistake, match="cut off"):
        bootstrap([1.0, math.inf], method=method)


def test_clopper_pearson_by_the_beta_distribution() -> None:
    for count, total in ((0, 5), (3, 7), (8, 8)):
        found = clopper_pearson(count, total)
        low = 0 if count == 0 else beta.ppf(0.025, count, total - count + 1)
        high = 1 if count == total else beta.ppf(0.975, count + 1, total - count)
        assert (found.value, found.low, found.high) == pytest.approx((count / total, low, high))
    assert math.isnan(clopper_pearson(0, 0).value)
    with pytest.raises(Mistake, match="share"):
        clopper_pearson(3, 2)


def test_seeds_are_drawn_with_all_their_runs() -> None:
    seeds = np.array([4, 4, 7, 9, 9, 9])
    sizes = set()
    for chosen in resampled(seeds, 50, 0):
        counts = np.bincount(chosen, minlength=6)
        for seed in (4, 7, 9):
            assert len(set(counts[seeds == seed])) == 1
        sizes.add(len(chosen))
    assert len(sizes) > 3
    assert math.isnan(from_draws(1.0, [], 3).low)


SIZES = np.repeat(np.geomspace(390, 1494, 7), 10)
SEEDS = np.tile(np.arange(10), 7)


def logistic(middle, spread, noise, seed=0, sizes=SIZES):
    rng = np.random.default_rng(seed)
    accuracy = 1 / (1 + np.exp(-(np.log(sizes) - np.log(middle)) / spread))
    return accuracy + noise * rng.normal(size=len(sizes))


def test_location_and_width_of_a_transition_come_back() -> None:
    exact = fit_transition(SIZES, logistic(800, 0.15, 0), SEEDS, draws=50)
    assert exact.found
    assert exact.location.value == pytest.approx(800, rel=1e-4)
    assert exact.width.value == pytest.approx(81**0.15, rel=1e-3)
    assert exact.between[0] < 800 < exact.between[1]


def test_intervals_of_a_transition_cover_what_seeds_share() -> None:
    location, width = 0, 0
    for seed in range(30):
        shared = np.exp(0.1 * np.random.default_rng(seed).normal(size=10))[SEEDS]
        found = fit_transition(SIZES, logistic(800 * shared, 0.15, 0.03, seed), SEEDS, draws=200)
        location += found.location.low <= 800 <= found.location.high
        alone = fit_transition(SIZES, logistic(800, 0.15, 0.03, seed), SEEDS, draws=200)
        width += alone.width.low <= 81**0.15 <= alone.width.high
        # What runs of one seed share makes the location less sure.
        assert found.location.high - found.location.low > alone.location.high - alone.location.low
    assert location >= 24
    assert width >= 22


def logistic_levels(low, high):
    return low + (high - low) * logistic(700, 0.1, 0)


def test_stated_levels() -> None:
    found = fit_transition(SIZES, logistic_levels(0.3, 0.9), SEEDS, low=0.3, high=0.9, draws=20)
    assert found.location.value == pytest.approx(700, rel=1e-4)


def test_a_transition_sharper_than_the_sizes_is_placed_between_two() -> None:
    found = fit_transition(SIZES, (SIZES > 800).astype(float), SEEDS, draws=50)
    assert found.found
    assert "sharper" in found.sentence
    assert found.location.low <= found.between[0] < 800 < found.between[1] <= found.location.high
    assert found.width.low == 1
    assert found.width.high >= found.between[1] / found.between[0]


def test_no_transition_in_the_range() -> None:
    for value, words in ((1.0, "already at the least"), (0.02, "still at the largest")):
        found = fit_transition(SIZES, np.full(len(SIZES), value), SEEDS)
        assert not found.found
        assert math.isnan(found.location.value)
        assert words in found.sentence
    assert not fit_transition(SIZES, 1 - logistic(800, 0.1, 0), SEEDS).found
    one = fit_transition(SIZES, logistic(800, 0.15, 0), np.zeros(len(SIZES)))
    assert one.found
    assert math.isnan(one.location.low)
    with pytest.raises(Mistake, match="at least 3"):
        fit_transition([1, 2], [0, 1], [0, 0])
    with pytest.raises(Mistake, match="low < high"):
        fit_transition([1, 2, 3], [0, 1, 1], [0, 0, 0], low=1.0)
    with pytest.raises(Mistake, match="entry a network"):
        fit_transition([1, 2, 3], [0, 1], [0, 0, 0])
