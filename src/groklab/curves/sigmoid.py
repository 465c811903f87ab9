"""Where, and how sharply, final accuracy rises with the training-set size (Varma et al. 2023, figures 4 and 7)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from groklab.curves.intervals import Estimate, from_draws, resampled
from groklab.errors import Mistake

DRAWS = 400
TENTHS = 2 * math.log(9)
"""From a tenth to nine tenths of a logistic function, in its own unit."""


@dataclass(frozen=True, kw_only=True)
class SizeTransition:
    """A rise of accuracy with the training-set size."""

    found: bool
    """Whether it happens between the sizes given."""
    location: Estimate
    """Size at which the accuracy is half-way between its levels; NaN without a transition, as all that follows."""
    width: Estimate
    """Factor of the size over which it goes from a tenth to nine tenths of its way; at least 1, which is a step."""
    between: tuple[float, float]
    """The neighbouring sizes between which the mean accuracy first passes half-way."""
    sentence: str
    """What was found."""


def fit_transition(
    sizes: Sequence[float] | np.ndarray,
    accuracy: Sequence[float] | np.ndarray,
    seeds: Sequence[int] | np.ndarray,
    *,
    low: float = 0.0,
    high: float = 1.0,
    draws: int = DRAWS,
    seed: int = 0,
) -> SizeTransition:
    """Least squares of accuracy = low + (high - low) / (1 + (m / D)^(1/s)), a logistic function of log D.

    An entry a network: training-set size, final test accuracy, seed. `low` and `high` are the levels, stated
    and not fitted. The location is m, the width 81^s (log D goes s * 2 log 9 from a tenth to nine tenths). There
    is a transition in the range when the mean accuracy is below half-way at the least size and above at the largest.
    Intervals are of a bootstrap that draws seeds with all their runs, each draw fitted on a grid. Where the fit is
    sharper than the sizes lie, they
    cannot place it better: both intervals are widened to the two sizes about it, and the sentence says so. Raises
    `Mistake` for arrays that do not fit, fewer than three sizes, or levels in the wrong order.
    """
    at, measured, labels = np.asarray(sizes, float), np.asarray(accuracy, float), np.asarray(seeds)
    if not (at.ndim == 1 and at.shape == measured.shape == labels.shape):
        raise Mistake(f"a transition takes an entry a network, not {at.shape}, {measured.shape}, {labels.shape}")
    if not low < high or not np.all(np.isfinite(measured)) or not np.all(at > 0):
        raise Mistake(f"a transition takes sizes above 0, known accuracies, and low < high, not {low} and {high}")
    levels = np.unique(at)
    if len(levels) < 3:
        raise Mistake(f"a transition needs at least 3 training-set sizes, not {len(levels)}")
    count, half = len(np.unique(labels)), (low + high) / 2
    bracket = _bracket(at, measured, half)
    if bracket is None:
        side = "above" if np.mean(measured[at == levels[0]]) >= half else "below"
        where = "already at the least size" if side == "above" else "still at the largest size"
        words = f"no transition from {levels[0]:,.0f} to {levels[-1]:,.0f} examples: mean accuracy is {side} half-way"
        nothing = Estimate(value=math.nan, low=math.nan, high=math.nan, count=count, note="no transition in the range")
        return SizeTransition(
            found=False, location=nothing, width=nothing, between=(math.nan, math.nan), sentence=f"{words} {where}"
        )
    scaled = (measured - low) / (high - low)
    grid = _Grid.over(levels, bracket)
    middle, spread = grid.polished(at, scaled)
    chosen = resampled(labels, draws, seed) if count > 1 else ()
    inside = [runs for runs in chosen if _bracket(at[runs], measured[runs], half) is not None]
    drawn = [grid.best(at[runs], scaled[runs]) for runs in inside]
    note = "one seed: no interval" if count == 1 else ""
    if count > 1 and len(drawn) < draws:
        note = f"{draws - len(drawn)} of {draws} draws have no transition in the range"
    location = from_draws(math.exp(middle), [math.exp(one) for one, _ in drawn], count, note)
    width = from_draws(_width(spread), [_width(one) for _, one in drawn], count, note)
    gap, sharper = bracket[1] / bracket[0], ""
    if width.value < gap:
        sharper = f"; sharper than the sizes lie: between {bracket[0]:,.0f} and {bracket[1]:,.0f}"
        location, width = _widened(location, bracket), _widened(width, (1.0, gap))
    interval = "" if math.isnan(location.low) else f" (95% interval {location.low:,.0f} to {location.high:,.0f})"
    said = (
        f"half-way at {location.value:,.0f} examples{interval}, from a tenth to nine tenths within a factor of "
        f"{width.value:.2f}{sharper}"
    )
    return SizeTransition(found=True, location=location, width=width, between=bracket, sentence=said)


def _bracket(
    sizes: Float[np.ndarray, " run"], accuracy: Float[np.ndarray, " run"], half: float
) -> tuple[float, float] | None:
    """The neighbouring sizes between which the mean accuracy first passes half-way; nothing when it does not rise."""
    levels = np.unique(sizes)
    means = np.array([accuracy[sizes == size].mean() for size in levels])
    if means[0] >= half or means[-1] < half:
        return None
    first = int((means >= half).argmax())
    return float(levels[first - 1]), float(levels[first])


@dataclass(frozen=True, eq=False)
class _Grid:
    """Logistic functions of log D at the sizes given, for many middles and logarithms of spreads."""

    sizes: Float[np.ndarray, " size"]
    middles: Float[np.ndarray, " middle"]
    log_spreads: Float[np.ndarray, " spread"]
    fitted: Float[np.ndarray, "spread middle size"]

    @classmethod
    def over(cls, sizes: Float[np.ndarray, " size"], bracket: tuple[float, float]) -> "_Grid":
        """Middles over the range of sizes; spreads from a 20th of what two sizes can tell from a step to the range."""
        from scipy.special import expit

        logs = np.log(sizes)
        least = math.log(bracket[1] / bracket[0]) / TENTHS / 20
        middles = np.linspace(logs[0], logs[-1], 201)
        log_spreads = np.linspace(math.log(least), math.log(logs[-1] - logs[0]), 80)
        return cls(sizes, middles, log_spreads, expit((logs - middles[:, None]) / np.exp(log_spreads)[:, None, None]))

    def best(self, sizes: Float[np.ndarray, " run"], scaled: Float[np.ndarray, " run"]) -> tuple[float, float]:
        """Middle and spread of least squares, between the grid's points by parabolas."""
        place = np.searchsorted(self.sizes, sizes)
        runs = np.bincount(place, minlength=len(self.sizes))
        total = np.bincount(place, scaled, minlength=len(self.sizes))
        squares = self.fitted * (self.fitted * runs - 2 * total)
        loss = squares.sum(axis=-1)
        spread, middle = np.unravel_index(int(loss.argmin()), loss.shape)
        return (
            _vertex(self.middles, loss[spread], int(middle)),
            math.exp(_vertex(self.log_spreads, loss[:, middle], int(spread))),
        )

    def polished(self, sizes: Float[np.ndarray, " run"], scaled: Float[np.ndarray, " run"]) -> tuple[float, float]:
        """Middle and spread of least squares, from the best on the grid."""
        from scipy.optimize import minimize
        from scipy.special import expit

        logs = np.log(sizes)

        def loss(theta: Float[np.ndarray, "2"]) -> tuple[float, Float[np.ndarray, "2"]]:
            spread = math.exp(theta[1])
            z = (logs - theta[0]) / spread
            fitted = expit(z)
            slope = 2 * (fitted - scaled) * fitted * (1 - fitted)
            return float(np.sum((fitted - scaled) ** 2)), np.array([-slope.sum() / spread, -(slope @ z)])

        middle, spread = self.best(sizes, scaled)
        bounds = [(self.middles[0], self.middles[-1]), (self.log_spreads[0], self.log_spreads[-1])]
        found = minimize(loss, np.array([middle, math.log(spread)]), jac=True, method="L-BFGS-B", bounds=bounds)
        return float(found.x[0]), math.exp(float(found.x[1]))


def _vertex(axis: Float[np.ndarray, " point"], loss: Float[np.ndarray, " point"], index: int) -> float:
    """Where the parabola through the least value of a grid and its neighbours has its vertex; on the edge the edge."""
    if not 0 < index < len(axis) - 1:
        return float(axis[index])
    before, least, after = (float(value) for value in loss[index - 1 : index + 2])
    curvature = before - 2 * least + after
    shift = (before - after) / (2 * curvature) if curvature > 0 else 0.0
    return float(axis[index] + shift * (axis[1] - axis[0]))


def _width(spread: float) -> float:
    return math.exp(TENTHS * spread)


def _widened(estimate: Estimate, to: tuple[float, float]) -> Estimate:
    """An interval that holds another as well; a missing one stays missing."""
    if math.isnan(estimate.low):
        return estimate
    return replace(estimate, low=min(estimate.low, to[0]), high=max(estimate.high, to[1]))
