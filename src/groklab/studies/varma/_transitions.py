"""Where final accuracy passes a level as the training set grows, and how far one such size lies from another."""

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.curves import Estimate, SizeTransition, fit_transition
from groklab.curves.intervals import from_draws, resampled
from groklab.studies.reading import Reading
from groklab.studies.varma._ends import seeds, sizes

DRAWS, FIT_DRAWS = 1000, 200
"""Draws of the bootstrap over seeds; fewer where each needs a fit."""


def transition(
    read: Reading, accuracy: Float[np.ndarray, " run"], runs: Bool[np.ndarray, " run"]
) -> SizeTransition | None:
    """The fitted transition of some runs, with its width; nothing where fewer than three sizes were trained."""
    known = runs & ~np.isnan(accuracy)
    if len(np.unique(sizes(read)[known])) < 3:
        return None
    return fit_transition(sizes(read)[known], accuracy[known], seeds(read)[known], draws=FIT_DRAWS)


def passage(
    read: Reading, accuracy: Float[np.ndarray, " run"], runs: Bool[np.ndarray, " run"], level: float = 0.5
) -> Estimate:
    """The size at which the mean accuracy over seeds passes a level, linear in log size; bootstrap over seeds.

    NaN where it is not below it at the least size and above it at some larger one.
    """
    chosen = np.flatnonzero(runs & ~np.isnan(accuracy))
    at, label = sizes(read), seeds(read)[chosen]
    value = passes(level, at[chosen], accuracy[chosen])
    several = len(np.unique(label)) > 1 and not math.isnan(value)
    draws = [chosen[draw] for draw in resampled(label, DRAWS, 0)] if several else []
    return _estimate(value, [passes(level, at[draw], accuracy[draw]) for draw in draws], len(np.unique(label)))


def ratio(
    read: Reading,
    accuracy: Float[np.ndarray, " run"],
    above: Bool[np.ndarray, " run"],
    below: Bool[np.ndarray, " run"],
    level: float = 0.5,
) -> Estimate:
    """The size at which the runs `above` pass a level over that of the runs `below`; bootstrap over the seeds of both.

    NaN where one of them has none in its range.
    """
    label, known, at = seeds(read), ~np.isnan(accuracy), sizes(read)
    common = np.intersect1d(label[above & known], label[below & known])
    chosen = np.flatnonzero(known & (above | below) & np.isin(label, common))

    def of(runs: Int[np.ndarray, " chosen"]) -> float:
        over, under = runs[above[runs]], runs[below[runs]]
        return passes(level, at[over], accuracy[over]) / passes(level, at[under], accuracy[under])

    value = of(chosen)
    several = len(common) > 1 and not math.isnan(value)
    draws = [chosen[draw] for draw in resampled(label[chosen], DRAWS, 0)] if several else []
    return _estimate(value, [of(draw) for draw in draws], len(common))


def passes(level: float, at: Float[np.ndarray, " run"], accuracy: Float[np.ndarray, " run"]) -> float:
    """Where the mean accuracy first passes a level, linear in log size between neighbouring sizes; NaN for nowhere."""
    levels, place = np.unique(at, return_inverse=True)
    means = np.bincount(place, accuracy, len(levels)) / np.bincount(place, minlength=len(levels))
    if not len(levels) or means[0] >= level or means.max() < level:
        return math.nan
    after = int((means >= level).argmax())
    share = (level - means[after - 1]) / (means[after] - means[after - 1])
    low, high = math.log(levels[after - 1]), math.log(levels[after])
    return math.exp(low + float(share) * (high - low))


def _estimate(value: float, drawn: list[float], count: int) -> Estimate:
    found = [one for one in drawn if not math.isnan(one)]
    note = f"{len(drawn) - len(found)} of {len(drawn)} draws without a transition" if len(found) < len(drawn) else ""
    return from_draws(value, found, count, note)
