"""A classifier that is right everywhere lowers its loss by larger logits: Theorem D.1 of Varma et al. 2023, checked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.errors import Mistake


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """What multiplying all logits by a factor does to the loss."""

    premise: bool
    """Whether the theorem speaks of these logits: every right answer's logit is above all others."""
    least_margin: float
    """The least, over examples, of the right answer's logit minus the largest other one."""
    factors: Float[np.ndarray, " factor"]
    """The factors c."""
    losses: Float[np.ndarray, " factor"]
    """Mean cross-entropy of c h in nats; 0 where it is below what float64 has."""
    falls: Float[np.ndarray, " factor"]
    """The least, over examples, of log S(1) - log S(c), where an example's loss is log1p(S)."""
    lower: Bool[np.ndarray, " factor"]
    """Whether c h has the smaller loss on every single example, and so on their mean."""


def scale(
    logits: Float[np.ndarray, "example class"], labels: Int[np.ndarray, " example"], factors: Sequence[float]
) -> Scaling:
    """Theorem D.1 on given logits: the loss of c h for each factor c, and whether it is strictly below that of h.

    With margins m_j = l_y - l_j the loss of an example is log1p(S(c)), S(c) = sum_j exp(-c m_j) over wrong answers.
    It falls where S does, and log S(1) - log S(c) = -log(sum_j p_j exp(-(c - 1) m_j)), p = softmax(-m), is written
    with expm1 and log1p: so it is seen to be above 0 also where both losses are 1e-300 or agree to the last bit.
    Raises `Mistake` for logits that are not finite, labels outside the classes, or factors that are not positive.
    """
    values, right, c = np.asarray(logits, np.float64), np.asarray(labels), np.asarray(factors, np.float64)
    if values.ndim != 2 or values.shape[1] < 2 or not len(values) or not np.all(np.isfinite(values)):
        raise Mistake("logits must be finite numbers by example and class, two classes at least")
    if right.shape != values.shape[:1] or np.any((right < 0) | (right >= values.shape[1])):
        raise Mistake(f"labels must be {len(values)} numbers from 0 to {values.shape[1] - 1}")
    if c.ndim != 1 or not len(c) or not np.all(np.isfinite(c) & (c > 0)):
        raise Mistake("factors must be finite and positive, one at least")
    wrong = np.arange(values.shape[1]) != right[:, None]
    margins = (values[np.arange(len(values)), right][:, None] - values)[wrong].reshape(len(values), -1)
    logs = np.stack([np.logaddexp.reduce(-factor * margins, axis=1) for factor in c])
    falls = np.stack([_fall(margins, factor) for factor in c])
    return Scaling(
        premise=bool(np.all(margins > 0)),
        least_margin=float(margins.min()),
        factors=c,
        losses=np.logaddexp(0, logs).mean(axis=1),
        falls=falls.min(axis=1),
        lower=falls.min(axis=1) > 0,
    )


def _fall(margins: Float[np.ndarray, "example wrong"], factor: float) -> Float[np.ndarray, " example"]:
    """log S(1) - log S(factor) of each example."""
    before = np.logaddexp.reduce(-margins, axis=1)
    shares = np.exp(-margins - before[:, None])
    with np.errstate(over="ignore"):
        change = np.sum(shares * np.expm1(-(factor - 1) * margins), axis=1)
    direct = before - np.logaddexp.reduce(-factor * margins, axis=1)
    # Near 1 the logarithms would cancel; far from it the sum would.
    return np.where(np.abs(change) < 0.5, -np.log1p(np.clip(change, -0.5, 0.5)), direct)
