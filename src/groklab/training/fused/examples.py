"""The examples' way through the network and back, a block at a time: logits, margin loss, gradients of the tables."""

import math

import numba

from groklab.training.fused.exponential import exp, sigmoid
from groklab.training.fused.fold import FAST, clear
from groklab.training.fused.layout import BLOCK
from groklab.training.fused.product import product


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def examples(r, pairs, part, width):
    """The summed loss of one part of the examples; fills the part's gradients in the room `r`.

    `width` is the number of neurons. Both parts of `dtable_a` and `dlevel` are one array: no a is in both.
    """
    total = len(r.constant)
    if part == 0:
        clear(r.dtable_a)
        clear(r.dlevel)
    start, stop = (0, pairs.middle) if part == 0 else (pairs.middle, len(pairs.a))
    clear(r.dtable_b[part])
    clear(r.dscore_b[part])
    clear(r.dW_L[part])
    loss = 0.0
    for low in range(start, stop, BLOCK):
        count = min(BLOCK, stop - low)
        x, dx, gate = r.x[part, :count], r.dx[part, :count], r.gate[part, :count]
        _inputs(r, pairs, low, x, gate, width)
        product(x[:, width:total], x[:, :width], r.W_L, True)
        for n in range(count):
            loss += margin(x[n, width:total], pairs.answer[low + n], pairs.weight[low + n], dx[n, width:total])
        product(dx[:, :width], dx[:, width:total], r.W_L_T, False)
        product(r.dW_L[part], x[:, :width].T, dx[:, width:total], True)
        _outputs(r, pairs, low, x, dx, gate, width, part)
    return loss


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def _inputs(r, pairs, low, x, gate, width):
    """The neurons' outputs and the direct path's logits of a block, from the tables."""
    zero = r.query.dtype.type(0)
    heads, total = gate.shape[1] // 2, len(r.constant)
    wide = r.table_a.shape[1] // heads
    for n in range(x.shape[0]):
        a, b, row = pairs.a[low + n], pairs.b[low + n], x[n]
        for i in range(total):
            row[i] = r.constant[i]
        for h in range(heads):
            p, q = sigmoid(r.score_b[b, h] - r.level[a, h])
            gate[n, 2 * h], gate[n, 2 * h + 1] = p, q
            from_a, from_b = r.table_a[a, h * wide : h * wide + total], r.table_b[b, h * wide : h * wide + total]
            for i in range(total):
                row[i] += q * from_a[i] + p * from_b[i]
        for i in range(width):
            # So that NaN stays NaN.
            row[i] = zero if row[i] < zero else row[i]


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def _outputs(r, pairs, low, x, dx, gate, width, part):
    """Adds a block's share to the gradients of the tables and of the scores."""
    zero = r.query.dtype.type(0)
    heads, total = gate.shape[1] // 2, len(r.constant)
    wide = r.table_a.shape[1] // heads
    for n in range(x.shape[0]):
        a, b, row, post = pairs.a[low + n], pairs.b[low + n], dx[n], x[n]
        for i in range(width):
            row[i] = row[i] if post[i] > zero else zero
        for h in range(heads):
            p, q = gate[n, 2 * h], gate[n, 2 * h + 1]
            here = slice(h * wide, h * wide + total)
            from_a, from_b, to_a, to_b = (
                r.table_a[a, here],
                r.table_b[b, here],
                r.dtable_a[a, here],
                r.dtable_b[part, b, here],
            )
            slope = zero
            for i in range(total):
                to_a[i] += q * row[i]
                to_b[i] += p * row[i]
                slope += row[i] * (from_b[i] - from_a[i])
            slope *= p * q
            r.dlevel[a, h] -= slope
            r.dscore_b[part, b, h] += slope


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def margin(logits, answer, weight, slope):
    """The weighted margin loss of one example; fills `slope`, its gradient. See `groklab.losses.margin_loss`."""
    zero = logits.dtype.type(0)
    right, most, rest = logits[answer], zero, zero
    for c in range(len(logits)):
        gap = logits[c] - right
        most = gap if gap > most else most
    for c in range(len(logits)):
        # The right answer's own gap is 0, whose exponential is taken out before the sum, not after.
        size = zero if c == answer else exp(logits[c] - right - most)
        slope[c] = size
        rest += size
    bottom = exp(-most) + rest
    scale = weight / bottom
    for c in range(len(logits)):
        slope[c] *= scale
    slope[answer] = -rest * scale
    return weight * (most + math.log1p(math.expm1(-most) + rest))
