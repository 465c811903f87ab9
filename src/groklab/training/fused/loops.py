"""Small loops over arrays, compiled."""

# pyright: reportMissingParameterType=false

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # What the compiler may assume in loops; infinities and NaN keep their meaning.
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""How a function is compiled that only compiled functions call: without Python's wrappers or its lock."""


def compiled(function: F) -> F:
    """The function, compiled for compiled callers."""
    made: Any = numba.njit(**OPTIONS)(function)
    return made


def literal(function: F) -> F:
    """The same, but sums and differences are taken in the order they are written, each with its rounding."""
    options: dict[str, Any] = OPTIONS | {"fastmath": {"contract"}}
    made: Any = numba.njit(**options)(function)
    return made


@compiled
def clear(x):
    """x = 0."""
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        for n in range(x.shape[1]):
            x[i, n] = zero


@compiled
def join(out, x):
    """out += x."""
    for i in range(out.shape[0]):
        for n in range(out.shape[1]):
            out[i, n] += x[i, n]


@compiled
def copy(out, x):
    """out = x."""
    for i in range(out.shape[0]):
        for n in range(out.shape[1]):
            out[i, n] = x[i, n]


@compiled
def transpose(out, x):
    """out = x transposed, by squares that fit the first-level cache."""
    rows, columns = x.shape
    for i in range(0, rows, 16):
        for j in range(0, columns, 16):
            for p in range(i, min(i + 16, rows)):
                for q in range(j, min(j + 16, columns)):
                    out[q, p] = x[p, q]


@compiled
def times(out, x, matrix):
    """out += x @ matrix, for a vector x."""
    for n in range(matrix.shape[0]):
        for i in range(matrix.shape[1]):
            out[i] += x[n] * matrix[n, i]


@compiled
def against(out, matrix, x):
    """out += matrix @ x, for a vector x."""
    for n in range(matrix.shape[0]):
        total = out[n]
        for i in range(matrix.shape[1]):
            total += matrix[n, i] * x[i]
        out[n] = total


@compiled
def outer(out, x, y):
    """out += x times y, for vectors x down and y along."""
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[n, i] += x[n] * y[i]


@compiled
def add(out, x, factor):
    """out += factor x, for vectors."""
    for i in range(len(out)):
        out[i] += factor * x[i]


@compiled
def empty(out):
    """out = 0, for a vector; whatever was in it, NaN too, is gone."""
    zero = out.dtype.type(0)
    for i in range(len(out)):
        out[i] = zero


@compiled
def scale(out, x, factor):
    """out = factor x, for vectors."""
    for i in range(len(out)):
        out[i] = factor * x[i]
