"""Matrix products that stay in the thread that asks for them."""

import numpy as np
from jaxtyping import Float

MOST = 2**18
"""Multiplications in one call of BLAS: up to here OpenBLAS takes one thread. Its threads wait for each other by
spinning, which on a busy machine takes up to thirty times as long as the product."""
ROWS = 16
"""Rows in one call at least, where there are as many."""


def product(left: Float[np.ndarray, "row r"], right: Float[np.ndarray, "r column"]) -> Float[np.ndarray, "row column"]:
    """left @ right, float32, in pieces of at most `MOST` multiplications."""
    (rows, inner), columns = left.shape, right.shape[1]
    out = np.empty((rows, columns), np.float32)
    wide = max(1, min(columns, MOST // (ROWS * max(inner, 1))))
    high = max(1, MOST // (max(inner, 1) * wide))
    for top in range(0, rows, high):
        for start in range(0, columns, wide):
            piece = slice(top, top + high), slice(start, start + wide)
            np.matmul(left[piece[0]], right[:, piece[1]], out=out[piece])
    return out
