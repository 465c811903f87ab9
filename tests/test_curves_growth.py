"""Laws of the time to grok, recovered from times drawn from them, and fits held against SciPy's."""

import math

import numpy as np
import pytest
from scipy import stats

from groklab.curves import growth_laws
from groklab.curves.laws import fit_law, tobit
from groklab.errors import Mistake

SIZES = np.repeat([600.0, 700, 800, 950, 1100, 1400, 1700], 6)
SEEDS = np.tile(np.arange(6), 7)


def drawn(law, scatter=0.12, budget=np.inf, errors="normal", seed=0):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=len(SIZES)) if errors == "normal" else np.log(rng.exponential(size=len(SIZES)))
    steps = np.exp(law(SIZES) + scatter * noise)
    return np.minimum(steps, budget), steps < budget


def exponential(size):
    return 9 - 0.002 * size


def pole(size):
    return 4 + 800 / (size - 450)


def power(size):
    return 15 - 1.1 * np.log(size - 550)


@pytest.mark.parametrize("errors", ["normal", "extreme"])
def test_a_constant_location_is_scipys_censored_fit(errors: str) -> None:
    rng = np.random.default_rng(0)
    logs = rng.normal(9, 0.5, 40)
    grokked = logs < 9.2
    logs = np.minimum(logs, 9.2)
    beta, sigma, value = tobit(np.ones((40, 1)), logs, grokked, errors)
    law = {"normal": stats.norm, "extreme": stats.gumbel_l}[errors]
    location, scale = law.fit(stats.CensoredData(uncensored=logs[grokked], right=logs[~grokked]))
    assert (beta[0], sigma) == pytest.approx((location, scale), rel=1e-3)
    theirs = law.logpdf(logs[grokked], location, scale).sum() + law.logsf(logs[~grokked], location, scale).sum()
    assert value == pytest.approx(theirs, abs=1e-3)
    assert value >= theirs - 1e-9


def test_without_censoring_a_polynomial_is_least_squares() -> None:
    steps, grokked = drawn(exponential)
    for name, degree in (("exponential", 1), ("quadratic", 2)):
        law = fit_law(name, SIZES, np.log(steps), grokked, "normal")
        fitted = np.polyval(np.polyfit(SIZES, np.log(steps), degree), SIZES)
        assert np.log(law.median_steps(SIZES)) == pytest.approx(fitted, rel=1e-6)
        assert law.sigma == pytest.approx(np.std(np.log(steps) - fitted), rel=1e-4)
        assert law.aic == pytest.approx(2 * (degree + 2) - 2 * law.log_likelihood)


@pytest.mark.parametrize("errors", ["normal", "extreme"])
def test_the_law_that_made_the_times_comes_back(errors) -> None:
    steps, grokked = drawn(pole, budget=8000, errors=errors)
    assert not grokked.all()
    found = growth_laws(SIZES, steps, grokked, SEEDS, errors=errors, draws=60)
    law = found.laws["super-exponential"]
    assert next(iter(found.laws)) in ("super-exponential", "power")
    assert law.parameters["D0"] == pytest.approx(450, abs=60)
    shift = 0.12 * math.log(math.log(2)) if errors == "extreme" else 0
    known = SIZES[SIZES > 700]
    assert np.log(law.median_steps(known)) == pytest.approx(pole(known) + shift, abs=0.15)
    assert law.median_steps(np.array([400.0]))[0] == np.inf
    assert found.curvature.low > 0
    assert found.convex == 1
    assert found.p_value < 1e-4
    assert "curves up" in found.sentence


def test_a_power_law_comes_back() -> None:
    steps, grokked = drawn(power, scatter=0.03)
    law = growth_laws(SIZES, steps, grokked, SEEDS, draws=5).laws["power"]
    assert law.parameters["g"] == pytest.approx(1.1, abs=0.1)
    assert law.parameters["D0"] == pytest.approx(550, abs=15)


def test_times_of_an_exponential_law_prefer_nothing_faster() -> None:
    rejected, covered = 0, 0
    for seed in range(30):
        steps, grokked = drawn(exponential, budget=2500, seed=seed)
        logs = np.log(steps)
        line, curved = (fit_law(name, SIZES, logs, grokked, "normal") for name in ("exponential", "quadratic"))
        rejected += 2 * (curved.log_likelihood - line.log_likelihood) > 3.84
        covered += abs(line.parameters["b"] - 0.002) < 2e-4
    assert rejected <= 5
    assert covered >= 27
    found = growth_laws(SIZES, *drawn(exponential), SEEDS, draws=60)
    assert found.laws["exponential"].parameters["b"] == pytest.approx(0.002, rel=0.1)
    assert found.curvature.low < 1e-6
    assert "clearly preferred" in found.sentence


def test_censored_points_pull_the_line_up() -> None:
    steps, grokked = drawn(exponential, budget=1000)
    honest = fit_law("exponential", SIZES, np.log(steps), grokked, "normal")
    naive = fit_law("exponential", SIZES, np.log(steps), np.ones(len(SIZES), bool), "normal")
    assert honest.parameters["b"] == pytest.approx(0.002, rel=0.15)
    assert naive.parameters["b"] < 0.0017


def test_what_cannot_be_told() -> None:
    steps, grokked = drawn(exponential, budget=400)
    few = growth_laws(SIZES, steps, grokked, SEEDS)
    assert not few.laws
    assert math.isnan(few.curvature.value)
    assert "laws need" in few.sentence
    growing = growth_laws(SIZES, *drawn(lambda size: 5 + 0.001 * size), SEEDS, draws=5)
    assert "does not grow" in growing.sentence
    one = growth_laws(SIZES, *drawn(exponential), np.zeros(len(SIZES)))
    assert math.isnan(one.curvature.low)
    assert one.curvature.note == "one seed: no interval"
    # A network that has not begun says nothing.
    steps, grokked = drawn(exponential)
    more = growth_laws(
        np.append(SIZES, 10.0), np.append(steps, 0.0), np.append(grokked, False), np.append(SEEDS, 0), draws=5
    )
    assert more.laws["exponential"].aic == growth_laws(SIZES, steps, grokked, SEEDS, draws=5).laws["exponential"].aic


def test_times_without_scatter_end_at_the_least_scatter() -> None:
    found = growth_laws(SIZES, np.exp(exponential(SIZES)), np.ones(len(SIZES), bool), SEEDS, draws=5)
    law = found.laws["exponential"]
    assert law.sigma == pytest.approx(0.01, rel=0.05)
    assert law.parameters["b"] == pytest.approx(0.002, rel=1e-4)


def test_mistakes() -> None:
    with pytest.raises(Mistake, match="entry a network"):
        growth_laws(SIZES, SIZES, np.ones(3, bool), SEEDS)
    with pytest.raises(Mistake, match="above 0"):
        growth_laws(SIZES, 0 * SIZES, np.ones(len(SIZES), bool), SEEDS)
