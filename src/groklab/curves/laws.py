"""Laws of the time to grok against the training-set size, fitted with networks that did not grok.

log T = location(D) + sigma W, with W standard normal, or of the least extreme value (which makes T Weibull). A network
that had not grokked at T counts with the probability that it takes longer (Tobin 1958). Locations are linear but for
one number D0; the likelihood is concave in (beta / sigma, 1 / sigma) (Olsen 1978), and D0 is found on a grid, refined.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

Errors = Literal["normal", "extreme"]
LawName = Literal["exponential", "quadratic", "super-exponential", "power"]

FORMULAS: Mapping[LawName, str] = {
    "exponential": "log T = a - b D",
    "quadratic": "log T = a + b D + c D^2",
    "super-exponential": "log T = a + b / (D - D0)",
    "power": "log T = a - g log(D - D0)",
}
"""The laws, T in steps, D in training examples."""
LEAST_SIGMA = 0.01
"""Least scatter of log T: times are known no better than they are logged."""
GRID = np.linspace(-3, 2, 21)
"""Decades of the distance between D0 and the least size that grokked, in units of the range of sizes that did."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Law:
    """A fitted law."""

    name: LawName
    """Which."""
    formula: str
    """The law, T in steps, D in training examples."""
    parameters: Mapping[str, float]
    """Its numbers, by the letters of the formula."""
    sigma: float
    """Scatter of log T."""
    errors: Errors
    """Distribution of log T about the law."""
    log_likelihood: float
    """At the maximum."""
    aic: float
    """2 (number of parameters, sigma with them) - 2 log likelihood (Akaike 1974); less is better."""

    def median_steps(self, sizes: Float[np.ndarray, " size"]) -> Float[np.ndarray, " size"]:
        """Steps by which half the networks grok, infinite at and below D0."""
        get, at = self.parameters.get, np.asarray(sizes, float)
        distance = at - get("D0", -math.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            location = {
                "exponential": lambda: get("a", 0.0) - get("b", 0.0) * at,
                "quadratic": lambda: get("a", 0.0) + get("b", 0.0) * at + get("c", 0.0) * at**2,
                "super-exponential": lambda: get("a", 0.0) + get("b", 0.0) / distance,
                "power": lambda: get("a", 0.0) - get("g", 0.0) * np.log(distance),
            }[self.name]()
        shift = self.sigma * math.log(math.log(2)) if self.errors == "extreme" else 0.0
        return np.where(distance > 0, np.exp(np.clip(location + shift, -700, 700)), np.inf)


def fit_law(
    name: LawName,
    sizes: Float[np.ndarray, " run"],
    log_steps: Float[np.ndarray, " run"],
    grokked: Bool[np.ndarray, " run"],
    errors: Errors,
) -> Law:
    """The law of most likelihood. Sizes that grokked must be at least as many as its numbers but sigma."""
    if name in ("exponential", "quadratic"):
        numbers, sigma, value = _polynomial(1 if name == "exponential" else 2, sizes, log_steps, grokked, errors)
        if name == "exponential":
            numbers = {"a": numbers["a"], "b": -numbers["b"]}
    else:
        numbers, sigma, value = _with_pole(name, sizes, log_steps, grokked, errors)
    return Law(
        name=name,
        formula=FORMULAS[name],
        parameters=numbers,
        sigma=sigma,
        errors=errors,
        log_likelihood=value,
        aic=2 * (len(numbers) + 1) - 2 * value,
    )


def _polynomial(
    degree: int,
    sizes: Float[np.ndarray, " run"],
    log_steps: Float[np.ndarray, " run"],
    grokked: Bool[np.ndarray, " run"],
    errors: Errors,
) -> tuple[dict[str, float], float, float]:
    beta, sigma, value = tobit(np.vander(sizes, degree + 1, increasing=True), log_steps, grokked, errors)
    return dict(zip("abc", map(float, beta), strict=False)), sigma, value


def _with_pole(
    name: LawName,
    sizes: Float[np.ndarray, " run"],
    log_steps: Float[np.ndarray, " run"],
    grokked: Bool[np.ndarray, " run"],
    errors: Errors,
) -> tuple[dict[str, float], float, float]:
    from scipy.optimize import fminbound

    least, span = float(sizes[grokked].min()), float(np.ptp(sizes[grokked]))
    shape: Callable[[np.ndarray], np.ndarray] = (
        (lambda distance: 1 / distance) if name == "super-exponential" else (lambda distance: -np.log(distance))
    )

    def fitted(decades: float) -> tuple[np.ndarray, float, float]:
        distance = sizes - (least - span * 10**decades)
        # At and below D0 no network groks: those that did not are certain, and add nothing.
        above = distance > 0
        columns = np.column_stack([np.ones(int(above.sum())), shape(distance[above])])
        return tobit(columns, log_steps[above], grokked[above], errors)

    values = [fitted(decades)[2] for decades in GRID]
    best = int(np.argmax(values))
    around = GRID[max(best - 1, 0)], GRID[min(best + 1, len(GRID) - 1)]
    refined = float(np.asarray(fminbound(lambda decades: -fitted(decades)[2], *around)))
    decades = refined if fitted(refined)[2] >= values[best] else float(GRID[best])
    beta, sigma, value = fitted(decades)
    slope = "b" if name == "super-exponential" else "g"
    return {"a": float(beta[0]), slope: float(beta[1]), "D0": least - span * 10**decades}, sigma, value


def tobit(
    columns: Float[np.ndarray, "run column"],
    log_steps: Float[np.ndarray, " run"],
    grokked: Bool[np.ndarray, " run"],
    errors: Errors,
) -> tuple[Float[np.ndarray, " column"], float, float]:
    """Most likely coefficients and scatter of a linear location with censored values, and the log likelihood.

    The first column is 1. The fit is made in (beta / sigma, 1 / sigma), of standardised times and orthogonal columns.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    middle, scale = columns.mean(axis=0), columns.std(axis=0)
    middle[0], scale[0] = 0.0, 1.0
    scale = np.where(scale > 0, scale, 1.0)
    basis, mixing = np.linalg.qr((columns - middle) / scale)
    basis, mixing = basis * math.sqrt(len(basis)), mixing / math.sqrt(len(basis))
    centre, unit = float(log_steps.mean()), max(float(log_steps.std()), LEAST_SIGMA)
    standard = (log_steps - centre) / unit
    start, most = basis.T @ standard / len(basis), unit / LEAST_SIGMA
    scatter = max(float(np.std(standard - basis @ start)), 2 / most)
    # BFGS has no bounds: the largest 1 / sigma is the limit of a logistic function. What else SciPy has for so few
    # numbers spends its time in threads.
    found = minimize(
        lambda theta: _bounded_loss(theta, most, basis, standard, grokked, errors),
        np.append(start / scatter, logit(1 / scatter / most)),
        jac=True,
        method="BFGS",
        options={"gtol": 1e-6},
    )
    sigma = unit / (most * float(expit(found.x[-1])))
    beta = np.linalg.solve(mixing, found.x[:-1] * sigma) / scale
    beta[0] += centre - float(middle @ beta)
    return beta, sigma, -float(found.fun) - int(grokked.sum()) * math.log(unit)


def _bounded_loss(
    theta: Float[np.ndarray, " parameter"],
    most: float,
    basis: Float[np.ndarray, "run column"],
    log_steps: Float[np.ndarray, " run"],
    grokked: Bool[np.ndarray, " run"],
    errors: Errors,
) -> tuple[float, Float[np.ndarray, " parameter"]]:
    """`_loss` with 1 / sigma = `most` times the logistic function of the last parameter."""
    from scipy.special import expit

    part = max(float(expit(theta[-1])), 1e-12)
    value, gradient = _loss(np.append(theta[:-1], most * part), basis, log_steps, grokked, errors)
    gradient[-1] *= most * part * (1 - part)
    return value, gradient


def _loss(
    theta: Float[np.ndarray, " parameter"],
    basis: Float[np.ndarray, "run column"],
    log_steps: Float[np.ndarray, " run"],
    grokked: Bool[np.ndarray, " run"],
    errors: Errors,
) -> tuple[float, Float[np.ndarray, " parameter"]]:
    """Minus the log likelihood and its gradient, theta = (beta / sigma, 1 / sigma)."""
    from scipy.special import log_ndtr

    z = theta[-1] * log_steps - basis @ theta[:-1]
    if errors == "normal":
        density = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
        beyond = log_ndtr(-z)
        slope = np.where(grokked, -z, -np.exp(np.clip(density - beyond, -700, 700)))
    else:
        grown = np.exp(np.minimum(z, 50))
        density, beyond = z - grown, -grown
        slope = np.where(grokked, 1 - grown, -grown)
    value = np.where(grokked, density + math.log(theta[-1]), beyond).sum()
    gradient = np.append(-(slope @ basis), slope @ log_steps + grokked.sum() / theta[-1])
    return -float(value), -gradient
