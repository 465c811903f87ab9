"""Transitions of final accuracy with the training-set size, and how far one lies from another."""

import math

import numpy as np
from jaxtyping import Bool, Float

from groklab.curves import Estimate, SizeTransition, fit_transition
from groklab.curves.intervals import from_draws, resampled
from groklab.studies.reading import Reading
from groklab.studies.varma._ends import seeds, sizes

DRAWS = 200


def transition(
    read: Reading, accuracy: Float[np.ndarray, " run"], runs: Bool[np.ndarray, " run"]
) -> SizeTransition | None:
    """The transition of some runs; nothing where fewer than three sizes were trained."""
    known = runs & ~np.isnan(accuracy)
    if len(np.unique(sizes(read)[known])) < 3:
        return None
    return fit_transition(sizes(read)[known], accuracy[known], seeds(read)[known])


def ratio(
    read: Reading,
    accuracy: Float[np.ndarray, " run"],
    above: Bool[np.ndarray, " run"],
    below: Bool[np.ndarray, " run"],
) -> Estimate:
    """The size of the transition of the runs `above` over that of the runs `below`; bootstrap over common seeds.

    NaN where one of them has no transition in its range; draws without one are left out, and the note counts them.
    """
    label, known = seeds(read), ~np.isnan(accuracy)
    common = np.intersect1d(label[above & known], label[below & known])
    chosen = np.flatnonzero(known & (above | below) & np.isin(label, common))

    def of(runs: np.ndarray) -> float:
        return _half_way(read, accuracy, runs[above[runs]]) / _half_way(read, accuracy, runs[below[runs]])

    if not len(common):
        return Estimate(value=math.nan, low=math.nan, high=math.nan, count=0, note="no seed has both")
    value = of(chosen)
    drawn: list[float] = []
    if not math.isnan(value) and len(common) > 1:
        drawn = [of(chosen[draw]) for draw in resampled(label[chosen], DRAWS, 0)]
    found = [one for one in drawn if not math.isnan(one)]
    note = f"{len(drawn) - len(found)} of {len(drawn)} draws without a transition" if len(found) < len(drawn) else ""
    return from_draws(value, found, len(common), note)


def _half_way(read: Reading, accuracy: Float[np.ndarray, " run"], runs: np.ndarray) -> float:
    at = sizes(read)[runs]
    if len(np.unique(at)) < 3:
        return math.nan
    return fit_transition(at, accuracy[runs], seeds(read)[runs], draws=0).location.value
