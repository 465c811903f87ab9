"""Time to grok when some networks did not grok in the time they had."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.curves.intervals import Estimate
from groklab.errors import Mistake

if TYPE_CHECKING:
    from scipy.stats import CensoredData

Z = 1.959963984540054
"""The normal quantile of a 95% interval."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Survival:
    """The share of networks that have not grokked yet, over time."""

    steps: Float[np.ndarray, " time"]
    """Steps at which a network grokked or was last seen, ascending."""
    share: Float[np.ndarray, " time"]
    """Share that has not grokked after each of them."""
    low: Float[np.ndarray, " time"]
    """Lower end of its 95% interval: 1 before the first has grokked, 0 once all have."""
    high: Float[np.ndarray, " time"]
    """Upper end: 1 before the first has grokked; once all have, what it was just before."""
    at_risk: Int[np.ndarray, " time"]
    """Networks that were still watched just before."""
    grokked: Int[np.ndarray, " time"]
    """Networks that grokked then."""
    median: Estimate
    """The step by which half have grokked, infinite when that was not reached, as its upper end may be."""
    restricted_mean: Estimate
    """Mean steps to grok, each network counted up to `horizon` at most."""
    horizon: float
    """Where the restricted mean is cut off."""


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """A test of whether groups of networks grok at one pace."""

    chi_squared: float
    """The statistic; NaN when no network grokked while networks of another group were watched."""
    freedom: int
    """Its degrees of freedom."""
    p_value: float
    """Chance of a statistic as large if the pace is one."""
    observed: Mapping[str, int]
    """Networks of each group that grokked."""
    expected: Mapping[str, float]
    """Networks of each group that would have, at one pace."""


def kaplan_meier(
    steps: Sequence[float] | np.ndarray, grokked: Sequence[bool] | np.ndarray, *, horizon: float | None = None
) -> Survival:
    """The Kaplan-Meier estimate of the time to grok, with 95% intervals.

    `steps` has for every network the step at which it grokked or was last seen, `grokked` which of the two. With
    d_i of n_i watched networks grokking at t_i, the share S(t) is the product of 1 - d_i / n_i over t_i <= t (Kaplan
    and Meier 1958); its variance is S^2 sum d_i / (n_i (n_i - d_i)) (Greenwood 1926), its interval symmetric in
    log(-log S). The median's interval holds the steps at which the share's holds one half (Brookmeyer and
    Crowley 1982). The restricted mean is the area under S up to `horizon`, by default the last step at which a network
    was seen; its variance is sum A_i^2 d_i / (n_i (n_i - d_i)), A_i the area from t_i on (Klein and Moeschberger 2003,
    section 4.5). Raises `Mistake` for no networks, steps below 0 or NaN, or a horizon past what was seen.
    """
    from scipy.stats import ecdf

    times, events = _checked(steps, grokked)
    until = float(times.max()) if horizon is None else horizon
    if not 0 <= until <= times.max():
        raise Mistake(f"a horizon lies from 0 to the last step seen, {times.max():,.0f}, not {until:,.0f}")
    function = ecdf(_censored(times, events)).sf
    with warnings.catch_warnings():
        # SciPy warns where the share is 0 or 1, and so has no variance.
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = function.confidence_interval(method="log-log")
    at, share = np.asarray(function.quantiles, float), np.asarray(function.probabilities, float)
    low = np.select([share == 1, share == 0], [1.0, 0.0], interval.low.probabilities)
    high = np.where(share == 1, 1.0, interval.high.probabilities)
    if share[-1] == 0:
        high[-1] = high[-2] if len(high) > 1 else 1.0
    at_risk = np.array([np.sum(times >= time) for time in at])
    happened = np.array([np.sum(events & (times == time)) for time in at])
    return Survival(
        steps=at,
        share=share,
        low=low,
        high=high,
        at_risk=at_risk,
        grokked=happened,
        median=Estimate(
            value=_first_below(at, share),
            low=_first_below(at, low),
            high=_first_below(at, high),
            count=len(times),
            note="" if share[-1] <= 0.5 else f"half had not grokked by step {times.max():,.0f}",
        ),
        restricted_mean=_restricted_mean(at, share, at_risk, happened, until),
        horizon=until,
    )


def log_rank(groups: Mapping[str, tuple[Sequence[float] | np.ndarray, Sequence[bool] | np.ndarray]]) -> LogRank:
    """The log-rank test of two or more groups, each given as in `kaplan_meier` (Mantel 1966, Peto and Peto 1972).

    With d of n networks grokking at a step and n_g of them in group g, O_g - E_g sums what group g had above
    d n_g / n, and V their hypergeometric covariance; (O - E) V^- (O - E) follows a chi-squared with as many degrees of
    freedom as groups less one. For two groups it is the square of SciPy's `logrank`. Raises `Mistake` for one group.
    """
    from scipy.stats import chi2

    if len(groups) < 2:
        raise Mistake(f"a log-rank test compares at least 2 groups, not {len(groups)}")
    given = [_checked(*group) for group in groups.values()]
    events = np.unique(np.concatenate([times[happened] for times, happened in given]))
    excess, expected = np.zeros(len(given)), np.zeros(len(given))
    covariance = np.zeros((len(given), len(given)))
    for time in events:
        at_risk = np.array([np.sum(times >= time) for times, _ in given], float)
        happened = np.array([np.sum(event & (times == time)) for times, event in given], float)
        watched, grok = at_risk.sum(), happened.sum()
        share = at_risk / watched
        expected += grok * share
        excess += happened - grok * share
        spread = grok * (watched - grok) / (watched - 1) if watched > 1 else 0.0
        covariance += spread * (np.diag(share) - np.outer(share, share))
    freedom = len(given) - 1
    known = bool(np.any(np.diag(covariance) > 0))
    statistic = float(excess @ np.linalg.pinv(covariance) @ excess) if known else math.nan
    return LogRank(
        chi_squared=statistic,
        freedom=freedom,
        p_value=float(chi2.sf(statistic, freedom)),
        observed={name: int(happened.sum()) for name, (_, happened) in zip(groups, given, strict=True)},
        expected={name: float(value) for name, value in zip(groups, expected, strict=True)},
    )


def _checked(
    steps: Sequence[float] | np.ndarray, grokked: Sequence[bool] | np.ndarray
) -> tuple[Float[np.ndarray, " run"], Bool[np.ndarray, " run"]]:
    times, events = np.asarray(steps, float), np.asarray(grokked, bool)
    if times.ndim != 1 or times.shape != events.shape or not len(times):
        raise Mistake(f"survival takes a step and an outcome for each network, not {times.shape} and {events.shape}")
    if not np.all(np.isfinite(times) & (times >= 0)):
        raise Mistake(
            "survival takes steps from 0 on: for a network that did not grok, the step at which it was last seen"
        )
    return times, events


def _censored(times: Float[np.ndarray, " run"], events: Bool[np.ndarray, " run"]) -> "CensoredData":
    from scipy.stats import CensoredData

    return CensoredData(uncensored=times[events], right=times[~events])


def _first_below(steps: Float[np.ndarray, " time"], share: Float[np.ndarray, " time"]) -> float:
    below = share <= 0.5
    return float(steps[below.argmax()]) if below.any() else math.inf


def _restricted_mean(
    steps: Float[np.ndarray, " time"],
    share: Float[np.ndarray, " time"],
    at_risk: Int[np.ndarray, " time"],
    grokked: Int[np.ndarray, " time"],
    horizon: float,
) -> Estimate:
    edges = np.concatenate([[0.0], np.minimum(steps, horizon), [horizon]])
    pieces = np.concatenate([[1.0], share]) * np.diff(edges)
    remaining = np.cumsum(pieces[::-1])[::-1][1:]
    # Where all that were left grok at once, nothing remains to add: 0 / 0 counts as 0.
    left = np.where(at_risk > grokked, at_risk - grokked, 1)
    variance = float(np.sum(np.where(at_risk > grokked, remaining**2 * grokked / (at_risk * left), 0.0)))
    mean, half = float(pieces.sum()), Z * math.sqrt(variance)
    count = int(at_risk[0])
    if not grokked.any():
        return Estimate(value=mean, low=math.nan, high=math.nan, count=count, note="no network grokked")
    if count == 1:
        return Estimate(value=mean, low=math.nan, high=math.nan, count=count, note="one network: no interval")
    return Estimate(value=mean, low=mean - half, high=min(mean + half, horizon), count=count)
