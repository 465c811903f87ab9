"""From measured values to a verdict, by rules that are the same for every study.

- **By seeds**: a claim about single networks is reproduced when it holds for at least `MOST` of them, partly for at
  least `HALF`; where chance alone would make it hold for a share, only if the interval lies above that. Else it is
  contradicted if the contrary holds for at least `MOST`, or not reproduced.
- **By interval**: a claim about a number is reproduced when the 95% interval lies in the range that the claim allows,
  partly when the value does and the interval sticks out of it but not into the range of the contrary, contradicted
  when the interval lies wholly in that of the contrary, else not reproduced. So a sign that may as well be the other is
  not reproduced.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from groklab.findings.claim import Claim, Finding

MOST = 0.8
"""Share of the networks from which on a claim is reproduced."""
HALF = 0.5
"""Share of the networks from which on a claim is partly reproduced."""

Range = tuple[float, float]


def by_seeds(
    claim: Claim,
    holds: Bool[np.ndarray, " seed"],
    *,
    scale: str,
    sentence: str,
    contrary: Bool[np.ndarray, " seed"] | None = None,
    of: str = "networks",
    chance: float = 0.0,
) -> Finding:
    """The finding of a claim that holds or does not for each network: the share that does, Clopper-Pearson interval.

    `contrary` says for which networks the opposite holds; nothing means that there is no opposite. `of` says what is
    counted, where it is not networks, `chance` for what share the claim would hold by chance alone.
    """
    from scipy.stats import binomtest

    count, seeds = int(np.sum(holds)), len(holds)
    if seeds == 0:
        return untested(claim, scale=scale, sentence=_none_such(of))
    interval = binomtest(count, seeds).proportion_ci(0.95)
    share, against = count / seeds, 0.0 if contrary is None else float(np.mean(contrary))
    return Finding(
        claim=claim,
        verdict="reproduced"
        if share >= MOST
        else "partly"
        if share >= HALF and interval.low > chance
        else "contradicted"
        if against >= MOST
        else "not reproduced",
        sentence=sentence,
        value=share,
        low=float(interval.low),
        high=float(interval.high),
        units=f"share of {of}",
        seeds=seeds,
        scale=scale,
    )


def by_interval(
    claim: Claim,
    value: float,
    interval: Range,
    *,
    allowed: Range,
    contrary: Sequence[Range] = (),
    units: str,
    seeds: int,
    scale: str,
    sentence: str,
) -> Finding:
    """The finding of a claim about a number with a 95% interval. All ranges are closed; the contrary may be several."""
    if math.isnan(value) or math.isnan(interval[0]) or math.isnan(interval[1]):
        return untested(claim, scale=scale, sentence=sentence if seeds else _none_such())
    return Finding(
        claim=claim,
        verdict="reproduced"
        if _within(interval, allowed)
        else "partly"
        if _within((value, value), allowed) and not any(_overlap(interval, one) for one in contrary)
        else "contradicted"
        if any(_within(interval, one) for one in contrary)
        else "not reproduced",
        sentence=sentence,
        value=value,
        low=interval[0],
        high=interval[1],
        units=units,
        seeds=seeds,
        scale=scale,
    )


def untested(claim: Claim, *, scale: str, sentence: str) -> Finding:
    """The finding of a claim that these runs cannot speak of."""
    return Finding(claim=claim, verdict="not tested at this scale", sentence=sentence, scale=scale)


def not_run(claim: Claim, *, scale: str, sentence: str) -> Finding:
    """The finding of a claim whose runs are not there, or not far enough."""
    return Finding(claim=claim, verdict="not run", sentence=sentence, scale=scale)


def _none_such(of: str = "networks") -> str:
    return f"no {of} here are of the kind that it speaks of"


def _overlap(one: Range, other: Range) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _within(inner: Range, outer: Range) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
