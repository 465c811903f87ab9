"""A numerical minimiser of the allocation's objective that knows nothing of Theorem D.4, to hold it to account."""

import numpy as np
from jaxtyping import Float

from groklab.theory.allocation import Allocation, Problem

Vector = Float[np.ndarray, " circuit"]


def minimise(problem: Problem, *, seed: int = 0, starts: int = 16) -> Allocation:
    """The least objective that a truncated Newton method (SciPy) finds from many starts.

    Starts are random mixtures of all circuits, of random totals; no weight at all is compared as well.
    Where several minimise it names none as tied.
    The search runs in w, and for kappa > q in u = w^(1/kappa), where all slopes at 0 are finite for q >= 1.
    """
    from scipy.optimize import minimize

    root, count = problem.kappa if problem.kappa > problem.q else 1.0, len(problem.norms)
    prices = problem.alpha / problem.q * np.array(problem.norms) ** problem.q
    power, others = problem.q * root / problem.kappa, np.log(problem.classes - 1)
    upper = _bound(problem) ** (1 / root)

    def value(u: Vector) -> tuple[float, Vector]:
        """The objective and its gradient by u."""
        gap = others - np.sum(u**root)
        wrong = np.exp(gap - np.logaddexp(0, gap))
        slope = prices * power * u ** (power - 1) - wrong * root * u ** (root - 1)
        return float(np.logaddexp(0, gap) + np.sum(prices * u**power)), slope

    best, least = np.zeros(count), problem.objective(np.zeros(count))
    for start in _starts(problem, np.random.default_rng(seed), starts):
        found = minimize(
            value, start ** (1 / root), jac=True, method="TNC", bounds=[(0, upper)] * count,
            options={"ftol": 1e-15, "gtol": 1e-9, "maxfun": 600},
        )  # fmt: skip
        weights = np.maximum(found.x, 0) ** root
        if problem.objective(weights) < least:
            best, least = weights, problem.objective(weights)
    return Allocation(weights=best, objective=least, tied=())


def _bound(problem: Problem) -> float:
    """A weight that alone costs more than no weight at all: no minimiser has more."""
    nothing = np.log(problem.classes) * problem.q / problem.alpha
    return float(np.exp(problem.kappa * (np.log(nothing) / problem.q - np.log(min(problem.norms)))))


def _starts(problem: Problem, generator: np.random.Generator, count: int) -> list[Vector]:
    circuits, limit = len(problem.norms), min(_bound(problem), 60.0)
    return [limit * generator.uniform() ** 2 * generator.dirichlet(np.ones(circuits)) for _ in range(count)]
