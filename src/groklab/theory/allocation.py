"""The best weights for circuits that give the same train logits: Theorem D.4 of Varma et al. 2023, solved exactly.

    L(w) = g(sum_i w_i) + (alpha / q) sum_i (w_i^(1/kappa) P_i)^q,  w >= 0,  g(s) = log(e^s + C - 1) - s

- kappa < q: the penalty is convex. w_i = S P_i^(-r) / Z with r = q kappa / (q - kappa) and Z = sum_i P_i^(-r); a total
  S costs (alpha / q) Z^(1 - q/kappa) S^(q/kappa), and S is the one root of the slope. It is never 0.
- kappa >= q: a circuit of least P takes all. At kappa = q the total is in closed form. At kappa > q the slope has no
  root or two: log(-g'(S)) + (1 - q/kappa) log S is concave. The larger root is a local minimum, 0 is another one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from groklab.errors import Mistake
from groklab.theory.entropy import train_loss


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An instance of the theorem."""

    norms: tuple[float, ...]
    """P_i, parameter norm of each circuit at weight 1."""
    kappa: float
    """Depth exponent."""
    alpha: float
    """Weight decay; its factor on the q-th powers of the norms is alpha / q."""
    q: float = 2.0
    """Exponent of the norm."""
    classes: int = 113
    """Number of answers C."""

    def __post_init__(self) -> None:
        numbers = (*self.norms, self.kappa, self.alpha, self.q)
        if not self.norms or any(not 0 < number < math.inf for number in numbers) or self.classes < 2:
            raise Mistake(
                "an allocation takes at least one circuit, 2 classes or more, and norms, kappa, alpha and q above 0; "
                f"given {self}"
            )

    def objective(self, weights: Sequence[float] | Float[np.ndarray, " circuit"]) -> float:
        """L(w) in nats; weights must not be negative."""
        w = np.asarray(weights, float)
        norms = np.array(self.norms)
        # At a small kappa a weight above 1 costs more than can be represented; infinity is the right answer then.
        with np.errstate(over="ignore"):
            costs = (w ** (1 / self.kappa) * norms) ** self.q
        return float(train_loss(np.asarray(np.sum(w)), np.asarray(self.classes)) + self.alpha / self.q * np.sum(costs))


@dataclass(frozen=True, kw_only=True, eq=False)
class Allocation:
    """A global minimiser."""

    weights: Float[np.ndarray, " circuit"]
    """w*: one of the minimisers where there are several."""
    objective: float
    """L(w*), in nats."""
    tied: tuple[int, ...]
    """The circuits that could take all, where one does (kappa >= q); at kappa = q so could any mixture of them."""

    @property
    def total(self) -> float:
        """S* = sum of the weights."""
        return float(np.sum(self.weights))


def allocate(problem: Problem) -> Allocation:
    """A global minimiser of the objective, to the precision of float64."""
    share, log_price = _split(problem)
    totals = [0.0, *(s for s in _candidates(problem, log_price) if s > 0)]
    total = min(totals, key=lambda s: problem.objective(s * share))
    weights = total * share
    norms, takes_all = np.array(problem.norms), problem.kappa >= problem.q
    tied = tuple(int(i) for i in np.flatnonzero(norms == norms.min())) if takes_all else ()
    return Allocation(weights=weights, objective=problem.objective(weights), tied=tied)


def closed_ratio(first: float, second: float, kappa: float, q: float = 2.0) -> float:
    """w_1 / w_2 at the optimum of two circuits with norms P_1, P_2: (P_2 / P_1)^(q kappa / (q - kappa)).

    For kappa >= q one takes all: infinite or 0, and NaN for equal norms, where nothing is said.
    """
    if kappa < q:
        return float(np.exp(q * kappa / (q - kappa) * (math.log(second) - math.log(first))))
    return math.inf if first < second else 0.0 if second < first else math.nan


def _split(problem: Problem) -> tuple[Float[np.ndarray, " circuit"], float]:
    """The share of each circuit in the total S, and log A where the penalty is (alpha / q) A S^(q/kappa)."""
    kappa, q, logs = problem.kappa, problem.q, np.log(problem.norms)
    if kappa >= q:
        share = np.zeros(len(logs))
        share[np.argmin(logs)] = 1.0
        return share, q * float(np.min(logs))
    exponents = -q * kappa / (q - kappa) * logs
    log_z = float(np.logaddexp.reduce(exponents))
    return np.exp(exponents - log_z), (1 - q / kappa) * log_z


def _candidates(problem: Problem, log_price: float) -> list[float]:
    """Totals above 0 at which the objective may be least."""
    power = 1 - problem.q / problem.kappa
    others = math.log(problem.classes - 1)
    slope = math.log(problem.alpha / problem.kappa) + log_price

    def excess(x: float) -> float:
        """Log of the loss's slope over the penalty's at S = e^x: above 0 where more weight lowers the objective."""
        return power * x - slope - _softplus(_exp(x) - others)

    def bend(x: float) -> float:
        """Above 0 where `excess` rises."""
        return math.log(power) - x + _softplus(others - _exp(x))

    if power == 0:
        # (C - 1) / (e^S + C - 1) = alpha P^q / kappa
        odds = math.expm1(-slope) if slope < 0 else 0.0
        return [others + math.log(odds)] if odds > 0 else []
    if power < 0:
        return [_exp(_root(excess, 0.0))]
    peak = _root(bend, 0.0)
    return [_exp(_root(excess, peak))] if excess(peak) > 0 else []


def _root(function: Callable[[float], float], start: float) -> float:
    """The root that a function falls through, nearest to where the search starts."""
    from scipy.optimize import root_scalar

    low = high = start
    stride = 1.0
    while function(low) < 0:
        low, stride = low - stride, 2 * stride
    while function(high) > 0:
        high, stride = high + stride, 2 * stride
    if low == high:
        return low
    return float(root_scalar(function, bracket=(low, high), method="brentq", xtol=1e-14).root)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _exp(x: float) -> float:
    return math.exp(min(x, 700.0))
