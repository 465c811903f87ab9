"""How the numbers of one run lie in memory: parameters, training pairs, and room for what a step computes.

Axes: v vocabulary, s position, d residual stream, h head, k within a head, m neuron, c class, e element of the
task; j = (m c), what a residual vector is mapped to: the neurons' inputs, and the logits on the direct path.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from groklab.training.fused.product import VECTOR_BYTES

BLOCK = 128
"""Examples taken through the network at once: what they need stays in the second-level cache."""


class Weights(NamedTuple):
    """The parameters of one run, or their gradient, as views of one vector; those switched off are zeros at its end."""

    W_E: Float[np.ndarray, "v d"]
    W_pos: Float[np.ndarray, "s d"]
    W_Q: Float[np.ndarray, "h d k"]
    W_K: Float[np.ndarray, "h d k"]
    W_V: Float[np.ndarray, "h d k"]
    W_O: Float[np.ndarray, "h k d"]
    b_Q: Float[np.ndarray, "h k"]
    b_K: Float[np.ndarray, "h k"]
    b_V: Float[np.ndarray, "h k"]
    b_O: Float[np.ndarray, " d"]
    W_in: Float[np.ndarray, "d m"]
    b_in: Float[np.ndarray, " m"]
    W_out: Float[np.ndarray, "m d"]
    b_out: Float[np.ndarray, " d"]
    W_U: Float[np.ndarray, "d c"]
    b_U: Float[np.ndarray, " c"]


class Pairs(NamedTuple):
    """The training examples of one run, neighbours sharing operands, in two parts."""

    a: Int[np.ndarray, " n"]
    b: Int[np.ndarray, " n"]
    answer: Int[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]
    middle: int


class Room(NamedTuple):
    """What one step computes, allocated once. Names of gradients begin with d."""

    Y: Float[np.ndarray, "y d"]
    """All embeddings, then all positions: y = v + s rows."""
    values: Float[np.ndarray, "y z"]
    """Y through W_V, z = (h k)."""
    scores: Float[np.ndarray, "y h"]
    scoring: Float[np.ndarray, "d h"]
    query: Float[np.ndarray, "h k"]
    J: Float[np.ndarray, "d j"]
    """W_in and W_U side by side."""
    M: Float[np.ndarray, "z j"]
    """W_O J."""
    W_L: Float[np.ndarray, "m c"]
    x: Float[np.ndarray, " d"]
    """The residual stream at the last position before attention."""
    c0: Float[np.ndarray, " d"]
    """The constant part of the residual stream before the neurons."""
    constant: Float[np.ndarray, " j"]
    shares: Float[np.ndarray, "e h s"]
    """The softmax over the first operand and the constant tokens."""
    level: Float[np.ndarray, "e h"]
    """Its log-sum-exp."""
    first: Float[np.ndarray, "e z"]
    """The values mixed by it."""
    second: Float[np.ndarray, "e z"]
    """The second operand's values."""
    score_b: Float[np.ndarray, "e h"]
    table_a: Float[np.ndarray, "e hj"]
    table_b: Float[np.ndarray, "e hj"]
    W_L_T: Float[np.ndarray, "c m"]
    M_T: Float[np.ndarray, "j z"]
    J_T: Float[np.ndarray, "j d"]
    W_V_T: Float[np.ndarray, "z d"]
    W_U_T: Float[np.ndarray, "c d"]
    scoring_T: Float[np.ndarray, "h d"]
    dtable_a: Float[np.ndarray, "e hj"]
    dlevel: Float[np.ndarray, "e h"]
    dtable_b: Float[np.ndarray, "part e hj"]
    dscore_b: Float[np.ndarray, "part e h"]
    dW_L: Float[np.ndarray, "part m c"]
    out: Float[np.ndarray, "part n j"]
    """Of one block of examples: the neurons' outputs, and the logits."""
    dout: Float[np.ndarray, "part n j"]
    gate: Float[np.ndarray, "part n 2h"]
    """Each head's attention to the second operand, and to all the others."""
    dconstant: Float[np.ndarray, " j"]
    dfirst: Float[np.ndarray, "e z"]
    dsecond: Float[np.ndarray, "e z"]
    dvalues: Float[np.ndarray, "y z"]
    dscores: Float[np.ndarray, "y h"]
    dscoring: Float[np.ndarray, "d h"]
    dM: Float[np.ndarray, "z j"]
    dJ: Float[np.ndarray, "d j"]
    dY: Float[np.ndarray, "y d"]
    dx_query: Float[np.ndarray, " d"]


class Sizes(NamedTuple):
    """The lengths of the axes."""

    v: int
    s: int
    d: int
    h: int
    k: int
    m: int
    c: int
    e: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter."""
        v, s, d, h, k, m, c, _ = self
        return {
            "W_E": (v, d), "W_pos": (s, d),
            "W_Q": (h, d, k), "W_K": (h, d, k), "W_V": (h, d, k), "W_O": (h, k, d),
            "b_Q": (h, k), "b_K": (h, k), "b_V": (h, k), "b_O": (d,),
            "W_in": (d, m), "b_in": (m,), "W_out": (m, d), "b_out": (d,),
            "W_U": (d, c), "b_U": (c,),
        }  # fmt: skip


def weights(flat: Float[np.ndarray, " p"], sizes: Sizes, present: tuple[str, ...]) -> Weights:
    """Views of a vector: the parameters that are present in their order, then those that are switched off."""
    shapes, views, start = sizes.shapes(), dict[str, np.ndarray](), 0
    for name in (*present, *(name for name in shapes if name not in present)):
        size = int(np.prod(shapes[name]))
        views[name] = flat[start : start + size].reshape(shapes[name])
        start += size
    return Weights(**views)


def pairs(
    a: Int[np.ndarray, " n"], b: Int[np.ndarray, " n"], answer: Int[np.ndarray, " n"], weight: Float[np.ndarray, " n"]
) -> Pairs:
    """The examples of weight above 0, sorted so that those in one block share operands.

    Sorted by strips of a, tiles of b within, then a and b; the two parts have no a in common.
    """
    kept = np.flatnonzero(weight > 0)
    kept = kept[np.lexsort((b[kept], a[kept], b[kept] // TILE_B, a[kept] // TILE_A))]
    firsts = a[kept] // TILE_A
    starts = np.flatnonzero(np.diff(firsts, prepend=-1))
    middle = int(starts[np.argmin(np.abs(starts - len(kept) / 2))]) if len(kept) else 0
    return Pairs(a[kept], b[kept], answer[kept], weight[kept], middle)


TILE_A, TILE_B = 16, 28
"""Operands that share a tile of examples."""


def room(sizes: Sizes, kind: np.dtype) -> Room:
    """Memory for the steps of one run."""
    v, s, d, h, k, m, c, e = sizes
    y, z, j = v + s, h * k, m + c
    # Rows apart by an odd number of vectors, so that columns do not fall on each other in the cache.
    vectors = -(-j * kind.itemsize // VECTOR_BYTES)
    wide = (vectors + (vectors + 1) % 2) * VECTOR_BYTES // kind.itemsize

    def empty(*shape: int) -> np.ndarray:
        return np.zeros(shape, kind)

    return Room(
        Y=empty(y, d), values=empty(y, z), scores=empty(y, h), scoring=empty(d, h), query=empty(h, k),
        J=empty(d, j), M=empty(z, j), W_L=empty(m, c), x=empty(d), c0=empty(d), constant=empty(j),
        shares=empty(e, h, s), level=empty(e, h), first=empty(e, z), second=empty(e, z), score_b=empty(e, h),
        table_a=empty(e, h * wide), table_b=empty(e, h * wide),
        W_L_T=empty(c, m), M_T=empty(j, z), J_T=empty(j, d), W_V_T=empty(z, d), W_U_T=empty(c, d),
        scoring_T=empty(h, d),
        dtable_a=empty(e, h * wide), dlevel=empty(e, h), dtable_b=empty(2, e, h * wide), dscore_b=empty(2, e, h),
        dW_L=empty(2, m, c), out=empty(2, BLOCK, wide), dout=empty(2, BLOCK, wide), gate=empty(2, BLOCK, 2 * h),
        dconstant=empty(j), dfirst=empty(e, z), dsecond=empty(e, z), dvalues=empty(y, z), dscores=empty(y, h),
        dscoring=empty(d, h), dM=empty(z, j), dJ=empty(d, j), dY=empty(y, d), dx_query=empty(d),
    )  # fmt: skip
