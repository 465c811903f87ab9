"""The exponential of numbers that are not positive, in a form that compilers turn into vectors."""

# pyright: reportMissingParameterType=false

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload

from groklab.training.fused.loops import compiled

_LOG2_E = np.float32(1 / math.log(2))
# ln 2 in two parts, the first with so few digits that its multiples up to 127 are exact.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(math.log(2) - 0.693359375)
_LOWEST = np.float32(-88.0)
_EXPONENT = np.float32(-127.0)
_HALF = np.float32(0.5)
_TAYLOR = tuple(np.float32(1 / math.factorial(n)) for n in range(8))


@intrinsic
def _power_of_two(typing: Any, exponent: Any) -> Any:
    """2 to an int32 from -127 to 127 as a float32, by its bits; -127 gives 0."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        bits = builder.shl(builder.add(arguments[0], ir.Constant(word, 127)), ir.Constant(word, 23))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.int32), generate


def exp(x: Any) -> Any:
    """e to the x for x <= 0, in float32 to about one unit in the last place; 0 below -88; NaN for NaN.

    x = k ln 2 + r with |r| <= ln 2 / 2, and Taylor's polynomial of degree 7 in r, whose remainder is
    below 1e-8. The library's own function does as well but takes one number at a time.
    """
    raise NotImplementedError("compiled code only")


@overload(exp, jit_options={"fastmath": {"contract"}})
def _exp(x: Any) -> Any:
    def double(x: Any) -> Any:
        return math.exp(x)

    def single(x: Any) -> Any:
        # Comparisons are written so that NaN passes through `x` but never into the integer.
        x = _LOWEST if x < _LOWEST else x
        k = np.floor(x * _LOG2_E + _HALF)
        k = k if k > _EXPONENT else _EXPONENT
        r = (x - k * _LN2_HIGH) - k * _LN2_LOW
        series = _TAYLOR[7]
        series = series * r + _TAYLOR[6]
        series = series * r + _TAYLOR[5]
        series = series * r + _TAYLOR[4]
        series = series * r + _TAYLOR[3]
        series = series * r + _TAYLOR[2]
        series = series * r + _TAYLOR[1]
        series = series * r + _TAYLOR[0]
        return series * _power_of_two(np.int32(k))  # pyright: ignore[reportCallIssue]

    return single if x == types.float32 else double


@compiled
def sigmoid(x):
    """1 / (1 + exp(-x)) and its complement, each to full relative accuracy."""
    one = type(x)(1)
    small = exp(-abs(x))
    large, rest = one / (one + small), small / (one + small)
    return (large, rest) if x >= 0 else (rest, large)
