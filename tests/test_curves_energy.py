"""The energy of a curve's spectrum, where it is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.curves import spectral_energy
from groklab.errors import Mistake

STEPS = np.arange(0, 4001, 10.0)
WINDOW = 400.0


def energy(values: np.ndarray, **more: float) -> np.ndarray:
    return spectral_energy(STEPS, values, window=WINDOW, **more)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(5, 17), st.floats(1e-3, 10), st.floats(0, 2 * math.pi))
def test_an_oscillation_has_half_its_amplitude_squared(cycles: int, amplitude: float, phase: float) -> None:
    wave = amplitude * np.sin(2 * np.pi * cycles * STEPS / WINDOW + phase)
    known = energy(wave)[39:]
    np.testing.assert_allclose(known, amplitude**2 / 2, rtol=0.02)
    if cycles < 15:
        assert (energy(wave, cycles=cycles + 2.0)[39:] < 1e-3 * known).all()


def test_a_trend_has_next_to_none() -> None:
    trend = -16 * (1 - np.exp(-STEPS / 600)) + 1e-3 * STEPS
    ripple = 0.001 * np.sin(2 * np.pi * STEPS / 50)
    assert energy(trend)[39:].max() < 0.1 * energy(ripple)[39:].min()
    np.testing.assert_allclose(energy((STEPS / 1000 - 1) ** 2)[39:], 0, atol=1e-12)


def test_noise_has_its_variance_but_for_the_slow_part() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, (400, len(STEPS)))
    found = energy(noise)[:, 39:].mean()
    # 40 values: of the frequencies 1 to 20, the first two are left out, and the last has half a share.
    assert found == pytest.approx(0.09 * 17.5 / 20, rel=0.03)


def test_what_is_too_fast_to_be_seen_is_folded_and_not_lost() -> None:
    fast = np.sin(2 * np.pi * STEPS / 7.3)
    np.testing.assert_allclose(energy(fast)[39:], 0.5, rtol=0.05)


def test_nothing_later_is_looked_at() -> None:
    values = np.random.default_rng(1).normal(size=len(STEPS))
    other = np.where(STEPS > 2000, 99 * values, values)
    np.testing.assert_array_equal(energy(values)[:201], energy(other)[:201])
    assert energy(other)[230] > 10 * energy(values)[230]


def test_where_the_window_is_not_whole_there_is_none() -> None:
    values = np.sin(STEPS / 9)
    found = energy(values)
    assert np.isnan(found[:39]).all()
    assert np.isfinite(found[39:]).all()
    some = np.delete(np.arange(len(STEPS)), 200)
    lacking = spectral_energy(STEPS[some], values[some], window=WINDOW)
    np.testing.assert_array_equal(lacking[:200], found[:200])
    assert np.isnan(lacking[200:239]).all()
    np.testing.assert_array_equal(lacking[239:], found[240:])
    values[200] = np.nan
    assert np.isnan(energy(values)[200:240]).all()
    assert np.isfinite(energy(values)[240:]).all()


def test_steps_logged_between_the_usual_ones_are_passed_over() -> None:
    values = np.sin(STEPS / 9)
    between = np.union1d(STEPS, [1.0, 3.0, 27.0, 1999.0])
    found = spectral_energy(between, np.interp(between, STEPS, values), window=WINDOW)
    usual = np.isin(between, STEPS)
    assert np.isnan(found[~usual]).all()
    np.testing.assert_allclose(found[usual], energy(values))


def test_curves_are_taken_one_by_one_and_short_ones_have_none() -> None:
    both = np.stack([np.sin(STEPS / 9), np.cos(STEPS / 13)])
    np.testing.assert_array_equal(energy(both)[1], energy(both[1]))
    assert np.isnan(spectral_energy(STEPS[:20], both[:, :20], window=WINDOW)).all()
    with pytest.raises(Mistake, match="at least 8 logged steps, 80 steps, not 70"):
        spectral_energy(STEPS, both, window=70)
