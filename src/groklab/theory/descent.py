"""Plain gradient descent on the four factors of two circuits, one setting after another, compiled."""

# pyright: reportMissingParameterType=false

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """The function, compiled; what was compiled before is read from disk."""
    made: Any = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    return made


@compiled
def slope(w, exponent, rounding):
    """Derivative of (w^2 + rounding^2)^(exponent / 2) by w; 0 at w = 0."""
    if rounding > 0:
        return exponent * w * (w * w + rounding * rounding) ** (exponent / 2 - 1)
    if w == 0:
        return 0.0
    return math.copysign(exponent * abs(w) ** (exponent - 1), w)


@compiled
def descend(starts, gen_price, mem_price, exponent, rounding, offset, rate, steps, path, flips):
    """Fills `path` (setting, recorded step, factor) and `flips` (setting, train or test).

    Prices are penalty factor times squared norm, `offset` is log(C - 1). A flip is the first step at which the right
    answer's logit is the largest; -1 stays where there is none. NaN stays where a setting has diverged.
    """
    for n in range(len(starts)):
        g1, g2, m1, m2 = starts[n]
        record = 0
        for step in range(steps[-1] + 1):
            gen, mem = g1 * g2, m1 * m2
            if not math.isfinite(gen + mem):
                break
            if flips[n, 0] < 0 and gen + mem > 0:
                flips[n, 0] = step
            if flips[n, 1] < 0 and gen > max(mem, 0.0):
                flips[n, 1] = step
            if step == steps[record]:
                path[n, record, 0], path[n, record, 1], path[n, record, 2], path[n, record, 3] = g1, g2, m1, m2
                record += 1
            wrong = 1 / (1 + math.exp(gen + mem - offset[n]))
            down_gen = rate[n] * (gen_price[n] * slope(gen, exponent[n], rounding[n]) - wrong)
            down_mem = rate[n] * (mem_price[n] * slope(mem, exponent[n], rounding[n]) - wrong)
            g1, g2 = g1 - down_gen * g2, g2 - down_gen * g1
            m1, m2 = m1 - down_mem * m2, m2 - down_mem * m1
