"""Numbers over seeds, and how sure they are: 95% intervals."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from groklab.errors import Mistake

DRAWS = 2000
"""Resamples of a bootstrap, if nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its 95% interval; NaN stands for what these seeds cannot tell, and `note` says why."""

    value: float
    """The number."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    count: int
    """Networks it rests on."""
    note: str = ""
    """What a reader must know of it; empty for the usual case."""


def bootstrap(
    *samples: Sequence[float] | np.ndarray,
    statistic: Callable[..., float] = np.median,
    method: Literal["percentile", "BCa"] = "percentile",
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """A statistic of one or more samples with its bootstrap interval over seeds (Efron and Tibshirani 1993).

    A sample holds one number a seed, NaN where there is none: those are left out, and the note says how many. Several
    samples are drawn independently, and `statistic` takes as many: the difference of two medians is
    `bootstrap(a, b, statistic=lambda a, b: np.median(a) - np.median(b))`. BCa corrects for bias and skew, and falls
    back on percentiles, with a note, where it is not defined. One seed gives no interval; where the statistic
    is the same in every draw, the interval is a point. Raises `Mistake` for infinite values: times
    that were cut off belong to `kaplan_meier`.
    """
    given = [np.asarray(sample, float) for sample in samples]
    if not given or any(np.isinf(sample).any() for sample in given):
        raise Mistake("a bootstrap takes at least one sample, of finite values; times that were cut off need survival")
    kept = [sample[~np.isnan(sample)] for sample in given]
    count, left_out = sum(map(len, kept)), sum(map(len, given)) - sum(map(len, kept))
    notes = [f"{left_out} of {count + left_out} seeds without a value"] if left_out else []
    least = min(map(len, kept))
    if least == 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, count=count, note="; ".join([*notes, "no seeds"]))
    value = float(statistic(*kept))
    if least == 1:
        notes.append("one seed: no interval")
        return Estimate(value=value, low=math.nan, high=math.nan, count=count, note="; ".join(notes))
    low, high = _bounds(kept, statistic, method, draws, seed)
    if method == "BCa" and math.isnan(low):
        low, high = _bounds(kept, statistic, "percentile", draws, seed)
        if low < high:
            notes.append("BCa not defined here: percentiles")
    return Estimate(value=value, low=low, high=high, count=count, note="; ".join(notes))


def clopper_pearson(count: int, total: int) -> Estimate:
    """A share `count / total` with its exact binomial interval (Clopper and Pearson 1934); NaN of 0 networks."""
    from scipy.stats import binomtest

    if not 0 <= count <= total:
        raise Mistake(f"a share takes a count from 0 to the total, not {count} of {total}")
    if total == 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, count=0, note="no networks")
    interval = binomtest(count, total).proportion_ci(0.95)
    return Estimate(value=count / total, low=float(interval.low), high=float(interval.high), count=total)


def difference_of_shares(first: tuple[int, int], second: tuple[int, int]) -> Estimate:
    """A share less another, each a count of a total, with Newcombe's score interval (1998, method 10).

    It stays honest for few networks and for shares of 0 and 1, where a bootstrap has nothing to draw. NaN of none.
    """
    from scipy.stats import binomtest

    if min(first[1], second[1]) == 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, count=first[1] + second[1], note="no networks")
    a, b = first[0] / first[1], second[0] / second[1]
    of_a, of_b = (binomtest(*one).proportion_ci(0.95, method="wilson") for one in (first, second))
    return Estimate(
        value=a - b,
        low=a - b - math.hypot(a - of_a.low, of_b.high - b),
        high=a - b + math.hypot(of_a.high - a, b - of_b.low),
        count=first[1] + second[1],
    )


def resampled(seeds: Int[np.ndarray, " run"], draws: int, seed: int) -> Iterator[Int[np.ndarray, " chosen"]]:
    """Runs of bootstrap draws, as indices: seeds are drawn, and each brings all its runs.

    What runs of one seed share (initial weights, a common parent) is then in the interval.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(seeds == one) for one in np.unique(seeds)]
    for _ in range(draws):
        yield np.concatenate([members[one] for one in rng.integers(0, len(members), len(members))])


def from_draws(value: float, drawn: Sequence[float], count: int, note: str = "") -> Estimate:
    """An estimate with the percentile interval of its bootstrap draws; NaN bounds when there are none."""
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (math.nan, math.nan)
    return Estimate(value=value, low=float(low), high=float(high), count=count, note=note)


def _bounds(
    samples: Sequence[Float[np.ndarray, " seed"]],
    statistic: Callable[..., float],
    method: Literal["percentile", "BCa"],
    draws: int,
    seed: int,
) -> tuple[float, float]:
    import warnings

    from scipy.stats import bootstrap as resample

    with warnings.catch_warnings():
        # SciPy warns where BCa is not defined, and of the divisions that lead there.
        warnings.simplefilter("ignore")
        interval = resample(
            tuple(samples),
            statistic,
            n_resamples=draws,
            vectorized=False,
            method=method,
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return float(interval.low), float(interval.high)
