"""Plateaus, spikes and oscillations put into made-up curves are found where they were put."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.curves import accuracy_plateaus, accuracy_spikes, train_oscillation
from groklab.errors import Mistake

STEPS = np.unique(np.concatenate([[0], np.round(np.geomspace(1, 20_000, 300))]))


def staircase(*points):
    at, values = zip(*points, strict=True)
    return np.interp(np.log1p(STEPS), np.log1p(at), values)


@given(
    level=st.floats(0.2, 0.8),
    begin=st.floats(100, 1500),
    factor=st.floats(3, 8),
    noise=st.sampled_from([0.0, 0.01]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_a_transient_plateau_is_found_at_its_place(level, begin, factor, noise, seed) -> None:
    end = begin * factor
    curve = staircase((0, 0), (begin / 1.1, 0), (begin, level), (end, level), (end * 1.1, 1), (20_000, 1))
    curve = curve + noise * np.random.default_rng(seed).normal(size=len(STEPS))
    (found,) = accuracy_plateaus(STEPS, curve)
    assert found.fate == "rose"
    assert found.level == pytest.approx(level, abs=0.02)
    assert found.begin == pytest.approx(begin, rel=0.1)
    assert found.end == pytest.approx(end, rel=0.1)
    assert found.share == pytest.approx(math.log(factor) / math.log(20_001), rel=0.25)


def test_lasting_falling_and_several_plateaus() -> None:
    semi = staircase((0, 0), (500, 0), (600, 0.55), (20_000, 0.55))
    assert [(one.fate, one.end) for one in accuracy_plateaus(STEPS, semi)] == [("lasting", 20_000)]
    two = staircase((0, 0), (50, 0), (60, 0.3), (400, 0.3), (450, 0.7), (4000, 0.7), (4400, 0.0), (20_000, 0))
    assert [(one.fate, round(one.level, 2)) for one in accuracy_plateaus(STEPS, two)] == [("rose", 0.3), ("fell", 0.7)]


def test_what_follows_decides_and_no_single_point() -> None:
    steps = np.arange(0, 20_001, 20)
    swings = np.where(steps < 500, 0.0, 0.5 + 0.08 * np.sign(np.sin(steps / 300)))
    pieces = accuracy_plateaus(steps, swings, share=0.005)
    assert len(pieces) > 10
    assert {one.fate for one in pieces[:10]} == {"lasting"}
    kicked = staircase((0, 0), (500, 0), (600, 0.5), (20_000, 0.5))
    kicked[-1] = 1.0
    assert [one.fate for one in accuracy_plateaus(STEPS, kicked, smoothing=0.001)] == ["rose"]
    kicked[-5:] = (0.62, 0.5, 0.52, 0.5, 0.48)
    assert [one.fate for one in accuracy_plateaus(STEPS, kicked, smoothing=0.001)] == ["lasting"]


def test_what_is_no_plateau() -> None:
    assert accuracy_plateaus(STEPS, staircase((0, 0), (500, 0), (700, 1), (20_000, 1))) == ()
    # A steady drift over the whole run stays in the band for a while wherever one looks.
    assert accuracy_plateaus(STEPS, staircase((0, 0), (20_000, 1))) == ()
    assert accuracy_plateaus(STEPS, np.full(len(STEPS), 0.99)) == ()
    brief = staircase((0, 0), (500, 0), (505, 0.5), (600, 0.5), (610, 1), (20_000, 1))
    assert accuracy_plateaus(STEPS, brief) == ()
    assert len(accuracy_plateaus(STEPS, brief, share=0.01)) == 1
    assert accuracy_plateaus([5], [0.5]) == ()


def test_a_spike_does_not_end_a_plateau_and_is_found_itself() -> None:
    semi = staircase((0, 0), (500, 0), (600, 0.5), (20_000, 0.5))
    spiked = semi.copy()
    spiked[180:182] = 0.9
    spiked[205] = 0.2
    assert len(accuracy_plateaus(STEPS, spiked)) == 1
    up, down = accuracy_spikes(STEPS, spiked)
    assert (up.begin, up.end, up.height) == (STEPS[180], STEPS[181], pytest.approx(0.4))
    assert (down.peak, down.height) == (STEPS[205], pytest.approx(-0.3))
    # A level that holds for half the window or more is no spike.
    long = semi.copy()
    long[170:205] = 0.9
    assert accuracy_spikes(STEPS, long) == ()
    gaps = np.where(np.arange(len(STEPS)) % 7 == 3, math.nan, spiked)
    assert len(accuracy_spikes(STEPS, gaps)) == 2


def test_the_amplitude_of_an_oscillation_on_a_trend() -> None:
    steps = np.arange(0.0, 20_001, 50)
    wave = 10 ** (-3 - steps / 10_000 + 0.5 * np.sin(2 * math.pi * steps / 2000))
    found = train_oscillation(steps, wave)
    # From the 5th to the 95th percentile a sine of amplitude a spans 2 a sin(0.45 pi).
    assert found.decades == pytest.approx(2 * 0.5 * math.sin(0.45 * math.pi), rel=0.05)
    assert found.turns < 0.3
    assert found.level == pytest.approx(10**-4.5, rel=0.1)
    assert found.points == 201
    calm = train_oscillation(steps, 10 ** (-3 - steps / 10_000))
    assert calm.decades == pytest.approx(0, abs=1e-9)
    noise = train_oscillation(steps, np.exp(np.random.default_rng(0).normal(size=len(steps))), since=0.0)
    assert noise.turns == pytest.approx(1, abs=0.15)
    assert noise.decades == pytest.approx(2 * 1.645 / math.log(10), rel=0.15)


def test_mistakes() -> None:
    with pytest.raises(Mistake, match="low < high"):
        accuracy_plateaus(STEPS, 0 * STEPS, low=0.9, high=0.1)
    with pytest.raises(Mistake, match="height"):
        accuracy_spikes(STEPS, 0 * STEPS, height=0.0)
    with pytest.raises(Mistake, match="8 logged"):
        train_oscillation([0, 1], [1, 1])
