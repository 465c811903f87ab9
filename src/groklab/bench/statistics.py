"""Medians over rounds, and how sure they are."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

DRAWS = 2000


def median(values: Sequence[float]) -> dict[str, float]:
    """The median, with a 95% bootstrap interval: `value`, `low`, `high`."""
    return _with_interval(np.median(_resampled(values), axis=1), float(np.median(values)))


def ratio(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """The ratio of two medians over the same rounds, with a 95% bootstrap interval: `value`, `low`, `high`.

    Rounds are drawn, not single numbers: what slowed a round down slowed both.
    """
    if len(above) != len(below):
        raise ValueError(f"a ratio needs the same rounds: {len(above)} and {len(below)}")
    medians = np.median(_resampled(above), axis=1) / np.median(_resampled(below), axis=1)
    return _with_interval(medians, float(np.median(above) / np.median(below)))


def _resampled(values: Sequence[float]) -> Float[np.ndarray, "draw round"]:
    """The same rounds for all sequences of one length."""
    chosen = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    return np.asarray(values)[chosen]


def _with_interval(drawn: Float[np.ndarray, "draw"], value: float) -> dict[str, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}
