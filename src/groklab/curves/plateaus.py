"""Middling levels, spikes and oscillations: what semi-grokking looks like (Varma et al. 2023, figures 1c, 5 and 6)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from groklab.curves.curve import Curve, running_median
from groklab.errors import Mistake


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """A stretch of steady accuracy at a middling level."""

    begin: float
    """Its first step."""
    end: float
    """Its last step."""
    level: float
    """Median accuracy over it."""
    share: float
    """Its share of the curve in logarithms of steps since the curve's begin."""
    fate: Literal["lasting", "rose", "fell"]
    """How it was left: whether what follows lies on average more than the band above its level, or below; else it
    lasts, as it does where nothing follows."""


@dataclass(frozen=True, kw_only=True)
class Spike:
    """A short departure of the accuracy that comes back."""

    begin: float
    """Its first logged step."""
    end: float
    """Its last logged step."""
    peak: float
    """The step of its largest departure."""
    height: float
    """That departure from the running median; below 0 for a spike downward."""


@dataclass(frozen=True, kw_only=True)
class Oscillation:
    """How a loss swings about its trend."""

    decades: float
    """From the 5th to the 95th percentile of log10 loss about its straight trend."""
    turns: float
    """How often it passes its trend, over how often independent noise would: near 1 is noise, well below 1 waves."""
    level: float
    """Median loss, in nats."""
    points: int
    """Logged steps it rests on."""


def accuracy_plateaus(
    steps: Sequence[float] | np.ndarray,
    accuracy: Sequence[float] | np.ndarray,
    *,
    low: float = 0.05,
    high: float = 0.95,
    band: float = 0.1,
    share: float = 0.05,
    smoothing: float = 0.02,
) -> tuple[Plateau, ...]:
    """Maximal stretches in which smoothed accuracy stays within `band` without drifting through it, in time order.

    A stretch lies strictly between `low` and `high` and takes at least `share` of the curve in logarithms of 1 + steps
    since its begin (the half-way level of figure 6 takes 4.9%). It drifts when its line of least squares over that
    logarithm goes through more than half the band. Among stretches that overlap the longest counts, then the longest
    of what is left. `smoothing` is the running median's share of the logged points: a spike of less than half as many
    does not end a plateau. NaN where nothing was logged. Raises `Mistake` for shares or levels outside 0 to 1 or in the
    wrong order.
    """
    if not 0 <= low < high <= 1 or not 0 < share <= 1 or band <= 0:
        raise Mistake(
            f"plateaus take 0 <= low < high <= 1, a share in 0 to 1, a band above 0, not {low}, {high}, {share}"
        )
    curve = Curve.of(steps, accuracy, "linear").smoothed(smoothing)
    if len(curve) < 2:
        return ()
    time = np.log1p(curve.steps - curve.steps[0])
    found: list[tuple[int, int]] = []
    free = (curve.values > low) & (curve.values < high)
    while stretch := max(
        _stretches(curve.values, free, band), key=lambda ends: time[ends[1]] - time[ends[0]], default=None
    ):
        if time[stretch[1]] - time[stretch[0]] < share * time[-1] or stretch[0] == stretch[1]:
            break
        inside = slice(stretch[0], stretch[1] + 1)
        if abs(_slope(time[inside], curve.values[inside])) * (time[stretch[1]] - time[stretch[0]]) <= band / 2:
            found.append(stretch)
        free = free & ~_within(len(free), stretch)
    return tuple(_plateau(curve, time, ends, band) for ends in sorted(found))


def accuracy_spikes(
    steps: Sequence[float] | np.ndarray,
    accuracy: Sequence[float] | np.ndarray,
    *,
    height: float = 0.1,
    share: float = 0.1,
) -> tuple[Spike, ...]:
    """Stretches in which accuracy departs by at least `height` from its running median over `share` of the points.

    A departure that takes half the window or more moves the median with it: it is a level, no spike. Up and down alike;
    NaN where nothing was logged. Raises `Mistake` for a height that is not above 0.
    """
    if height <= 0:
        raise Mistake(f"a spike's height must be above 0, not {height}")
    curve = Curve.of(steps, accuracy, "linear")
    away = curve.values - running_median(curve.values, share)
    spikes: list[Spike] = []
    for sign in (1, -1):
        for begin, end in _runs(sign * away >= height):
            peak = begin + int(np.argmax(sign * away[begin : end + 1]))
            spikes.append(
                Spike(
                    begin=float(curve.steps[begin]),
                    end=float(curve.steps[end]),
                    peak=float(curve.steps[peak]),
                    height=float(away[peak]),
                )
            )
    return tuple(sorted(spikes, key=lambda spike: spike.begin))


def train_oscillation(
    steps: Sequence[float] | np.ndarray, loss: Sequence[float] | np.ndarray, *, since: float | None = None
) -> Oscillation:
    """How a loss swings from a step on, by default over the last half of the run's steps.

    The trend is the straight line of least squares of log10 loss in steps. Independent noise passes its trend between
    half of all neighbouring points. Raises `Mistake` for fewer than 8 logged steps, which say nothing of waves.
    """
    whole = Curve.of(steps, loss, "log")
    begin = (whole.steps[0] + whole.steps[-1]) / 2 if since is None and len(whole) else since or 0.0
    curve = whole.between(begin, math.inf)
    if len(curve) < 8:
        raise Mistake(f"an oscillation takes at least 8 logged steps from step {begin:,.0f} on, not {len(curve)}")
    decades = curve.values / math.log(10)
    away = decades - decades.mean() - _slope(curve.steps, decades) * (curve.steps - curve.steps.mean())
    low, high = np.quantile(away, [0.05, 0.95])
    passes = int(np.sum(np.diff(away >= 0)))
    return Oscillation(
        decades=float(high - low),
        turns=2 * passes / (len(curve) - 1),
        level=math.exp(float(np.median(curve.values))),
        points=len(curve),
    )


def _stretches(
    values: Float[np.ndarray, " point"], free: Bool[np.ndarray, " point"], band: float
) -> Iterator[tuple[int, int]]:
    """Of every free point the longest free stretch from it that stays within the band: first and last index."""
    for first in np.flatnonzero(free):
        lowest = np.minimum.accumulate(values[first:])
        highest = np.maximum.accumulate(values[first:])
        inside = free[first:] & (highest - lowest <= band)
        yield int(first), int(first + (len(inside) if inside.all() else inside.argmin()) - 1)


def _slope(time: Float[np.ndarray, " point"], values: Float[np.ndarray, " point"]) -> float:
    """The slope of least squares."""
    centred = time - time.mean()
    return float(centred @ values / (centred @ centred))


def _plateau(curve: Curve, time: Float[np.ndarray, " point"], ends: tuple[int, int], band: float) -> Plateau:
    begin, end = ends
    level = float(np.median(curve.values[begin : end + 1]))
    after = curve.values[end + 1 :]
    # One logged point of a swinging curve says nothing of where it goes.
    away = float(np.mean(after)) - level if len(after) else 0.0
    return Plateau(
        begin=float(curve.steps[begin]),
        end=float(curve.steps[end]),
        level=level,
        share=float((time[end] - time[begin]) / time[-1]),
        fate="rose" if away > band else "fell" if away < -band else "lasting",
    )


def _within(count: int, ends: tuple[int, int]) -> Bool[np.ndarray, " point"]:
    index = np.arange(count)
    return (index >= ends[0]) & (index <= ends[1])


def _runs(mask: Bool[np.ndarray, " point"]) -> Iterator[tuple[int, int]]:
    """First and last index of every unbroken run of true entries."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    for begin, end in edges.reshape(-1, 2):
        yield int(begin), int(end) - 1
