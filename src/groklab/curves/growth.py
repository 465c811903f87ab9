"""How the time to grok grows as the training set shrinks: exponentially, or faster (Nanda et al. 2023, figure 21)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from groklab.curves.intervals import Estimate, from_draws, resampled
from groklab.curves.laws import Errors, Law, LawName, fit_law
from groklab.errors import Mistake

DRAWS = 400
LEAST_SIZES = 4
"""Sizes at which a network grokked, without which curved laws cannot be told from straight ones."""
CLEAR, STRONG = 2.0, 10.0
"""Differences of AIC from which on a law is preferred, and strongly (Burnham and Anderson 2002, section 2.6)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Growth:
    """Laws of the time to grok, side by side."""

    laws: Mapping[LawName, Law]
    """By name, least AIC first; empty when too few sizes grokked."""
    curvature: Estimate
    """c of the quadratic, in 1 / examples^2, above 0 for growth faster than exponential; bootstrap over seeds."""
    convex: float
    """Share of the bootstrap's draws in which c is above 0; NaN with one seed."""
    likelihood_ratio: float
    """Twice the log likelihood that the quadratic has above the straight line."""
    p_value: float
    """Chance of as much if the line holds (chi-squared, one degree of freedom)."""
    sentence: str
    """Which law is preferred and how strongly."""


def growth_laws(
    sizes: Sequence[float] | np.ndarray,
    steps: Sequence[float] | np.ndarray,
    grokked: Sequence[bool] | np.ndarray,
    seeds: Sequence[int] | np.ndarray,
    *,
    errors: Errors = "normal",
    draws: int = DRAWS,
    seed: int = 0,
) -> Growth:
    """Four laws fitted to the times at which networks grokked, or were last seen not to have.

    An entry a network: training-set size, step, whether it grokked then, and its seed. Exponential: log T = a - b D;
    quadratic: a + b D + c D^2; super-exponential: a + b / (D - D0); power law: a - g log(D - D0), with D0 below every
    size that grokked. `errors` is the distribution of log T about the law. The bootstrap draws seeds with all their
    runs; draws with too few sizes are left out, and the curvature's note says how many. Where networks
    grokked at fewer than four sizes there are no laws, and the sentence says so. Networks that have not begun (step 0)
    say nothing. Raises `Mistake` for arrays that do not fit and for steps that are none.
    """
    from scipy.stats import chi2

    at, times, event, labels = np.asarray(sizes, float), np.asarray(steps, float), np.asarray(grokked, bool), seeds
    labels = np.asarray(labels)
    if not (at.ndim == 1 and at.shape == times.shape == event.shape == labels.shape):
        raise Mistake(f"growth takes an entry a network, not {at.shape}, {times.shape}, {event.shape}, {labels.shape}")
    if not np.all(np.isfinite(times) & ((times > 0) | ~event & (times == 0))):
        raise Mistake("growth takes steps above 0: for a network that did not grok, the step at which it was last seen")
    begun = times > 0
    at, event, labels, logs = at[begun], event[begun], labels[begun], np.log(times[begun])
    if not _enough(at, event):
        return _too_few(event, len(np.unique(at[event])), len(np.unique(labels)))
    names: tuple[LawName, ...] = ("exponential", "quadratic", "super-exponential", "power")
    laws = sorted((fit_law(name, at, logs, event, errors) for name in names), key=lambda law: law.aic)
    by_name: dict[LawName, Law] = {law.name: law for law in laws}
    line, curved = by_name["exponential"], by_name["quadratic"]
    ratio = max(2 * (curved.log_likelihood - line.log_likelihood), 0.0)
    drawn: list[float] = []
    count = len(np.unique(labels))
    for chosen in resampled(labels, draws, seed) if count > 1 else ():
        if _enough(at[chosen], event[chosen]):
            drawn.append(fit_law("quadratic", at[chosen], logs[chosen], event[chosen], errors).parameters["c"])
    note = "one seed: no interval" if count == 1 else ""
    if count > 1 and len(drawn) < draws:
        note = f"{draws - len(drawn)} of {draws} draws had networks that grokked at too few sizes"
    curvature = from_draws(curved.parameters["c"], drawn, count, note)
    return Growth(
        laws=by_name,
        curvature=curvature,
        convex=float(np.mean(np.array(drawn) > 0)) if drawn else math.nan,
        likelihood_ratio=ratio,
        p_value=float(chi2.sf(ratio, 1)),
        sentence=_sentence(laws, line, curved, ratio, float(chi2.sf(ratio, 1)), drawn),
    )


def _enough(sizes: Float[np.ndarray, " run"], grokked: Bool[np.ndarray, " run"]) -> bool:
    return len(np.unique(sizes[grokked])) >= LEAST_SIZES and int(grokked.sum()) > LEAST_SIZES


def _too_few(grokked: Bool[np.ndarray, " run"], sizes: int, seeds: int) -> Growth:
    """What there is to say where laws cannot be told from each other."""
    words = (
        f"{grokked.sum()} networks grokked, at {sizes} sizes: laws need {LEAST_SIZES} sizes and "
        f"{LEAST_SIZES + 1} networks to be told from each other"
    )
    nothing = Estimate(value=math.nan, low=math.nan, high=math.nan, count=seeds, note="too few sizes grokked")
    return Growth(
        laws={}, curvature=nothing, convex=math.nan, likelihood_ratio=math.nan, p_value=math.nan, sentence=words
    )


def _sentence(laws: Sequence[Law], line: Law, curved: Law, ratio: float, p_value: float, drawn: Sequence[float]) -> str:
    """Which law is preferred, how strongly, and what the curvature says."""
    if line.parameters["b"] <= 0:
        return "the time to grok does not grow as the training set shrinks: none of these laws is one of growth"
    best, gap = laws[0], laws[1].aic - laws[0].aic
    if gap < CLEAR:
        near = [law.name for law in laws if law.aic - best.aic < CLEAR]
        said = f"no law is clearly preferred: {', '.join(near[:-1])} and {near[-1]} are within {CLEAR:.0f} of AIC"
    else:
        how = "strongly" if gap >= STRONG else "clearly"
        said = f"{best.name} is {how} preferred, {gap:.1f} of AIC before {laws[1].name}"
    way = "up" if curved.parameters["c"] > 0 else "down"
    against = f"log T curves {way} against the straight line by 2 dlogL = {ratio:.1f} (p = {p_value:.2g})"
    if not drawn:
        return f"{said}; {against}"
    convex = float(np.mean(np.array(drawn) > 0))
    return f"{said}; {against}, and upward in {convex:.0%} of {len(drawn)} resamples of the seeds"
