"""Rows of a table, with a gradient that has the same bits every time."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def rows(table: Float[Array, "row ..."], index: Int[Array, "*batch"]) -> Float[Array, "..."]:
    """`table[index]`.

    Its gradient adds up, for each row, the gradients of all places it went to. The usual scatter does that on the
    CPU in one order; on an accelerator, with atomic additions in any order, so that there the sum is a product
    with the matrix of ones where a place took the row.
    """
    return table[index] if jax.default_backend() == "cpu" else rows_by_product(table, index)


def rows_by_product(table: Float[Array, "row ..."], index: Int[Array, "*batch"]) -> Float[Array, "..."]:
    """`table[index]`, whose gradient is a matrix product in full float32 precision."""
    return _rows(len(table), table, index)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _rows(count: int, table: Array, index: Array) -> Array:
    return table[index]


def _forward(count: int, table: Array, index: Array) -> tuple[Array, Array]:
    return table[index], index


def _backward(count: int, index: Array, slope: Array) -> tuple[Array, None]:
    taken = jax.nn.one_hot(index.reshape(-1), count, dtype=slope.dtype, axis=0)
    spread = slope.reshape(index.size, -1)
    total = jnp.matmul(taken, spread, precision=jax.lax.Precision.HIGHEST)
    return total.reshape(count, *slope.shape[index.ndim :]), None


_rows.defvjp(_forward, _backward)
