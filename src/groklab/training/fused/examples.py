"""The examples' way through the network and back, a block at a time: logits, loss, gradients of the tables."""

# pyright: reportMissingParameterType=false

import math

from groklab.training.fused.exponential import exp, sigmoid
from groklab.training.fused.layout import BLOCK
from groklab.training.fused.loops import clear, compiled, literal
from groklab.training.fused.product import product


@compiled
def examples(r, pairs, part, width, usual):
    """The summed loss of one part of the examples; fills the part's gradients in the room `r`.

    `width` is the number of neurons; `usual` asks for the loss's usual form instead of the margin form. The parts
    share `dtable_a` and `dlevel`, which `fold` clears: no a is in both.
    """
    total = len(r.constant)
    start, stop = (0, pairs.middle) if part == 0 else (pairs.middle, len(pairs.a))
    clear(r.dtable_b[part])
    clear(r.dscore_b[part])
    clear(r.dW_L[part])
    a, b, W_L, W_L_T, dW_L = pairs.a, pairs.b, r.W_L, r.W_L_T, r.dW_L[part]
    answer, weight = pairs.answer, pairs.weight
    loss = 0.0
    for low in range(start, stop, BLOCK):
        count = min(BLOCK, stop - low)
        x, dx, gate = r.out[part, :count], r.dout[part, :count], r.gate[part, :count]
        _inputs(a[low:], b[low:], r.constant, r.score_b, r.level, r.table_a, r.table_b, x, gate, width)
        product(x[:, width:total], x[:, :width], W_L, True)
        for n in range(count):
            logits, slope = x[n, width:total], dx[n, width:total]
            if usual:
                loss += log_softmax(logits, answer[low + n], weight[low + n], slope)
            else:
                loss += margin(logits, answer[low + n], weight[low + n], slope)
        product(dx[:, :width], dx[:, width:total], W_L_T, False)
        product(dW_L, x[:, :width].T, dx[:, width:total], True)
        _outputs(
            a[low:], b[low:], total, r.table_a, r.table_b, x, dx, gate, width,
            r.dtable_a, r.dtable_b[part], r.dlevel, r.dscore_b[part],
        )  # fmt: skip
    return loss


@compiled
def _inputs(a, b, constant, score_b, level, table_a, table_b, x, gate, width):
    """The neurons' outputs and the direct path's logits of a block, from the tables."""
    zero = constant.dtype.type(0)
    heads, total = level.shape[1], len(constant)
    wide = table_a.shape[1] // heads
    for n in range(len(x)):
        row = x[n]
        for i in range(total):
            row[i] = constant[i]
        for h in range(heads):
            p, q = sigmoid(score_b[b[n], h] - level[a[n], h])
            gate[n, 2 * h], gate[n, 2 * h + 1] = p, q
            from_a, from_b = table_a[a[n], h * wide :], table_b[b[n], h * wide :]
            for i in range(total):
                row[i] += q * from_a[i] + p * from_b[i]
        for i in range(width):
            # So that NaN stays NaN.
            row[i] = zero if row[i] < zero else row[i]


@compiled
def _outputs(a, b, total, table_a, table_b, x, dx, gate, width, dtable_a, dtable_b, dlevel, dscore_b):
    """Adds a block's share to the gradients of the tables and of the scores."""
    zero = x.dtype.type(0)
    heads = dlevel.shape[1]
    wide = table_a.shape[1] // heads
    for n in range(len(x)):
        row, post = dx[n], x[n]
        for i in range(width):
            row[i] = row[i] if post[i] > zero else zero
        for h in range(heads):
            p, q, slope = gate[n, 2 * h], gate[n, 2 * h + 1], zero
            from_a, from_b = table_a[a[n], h * wide :], table_b[b[n], h * wide :]
            to_a, to_b = dtable_a[a[n], h * wide :], dtable_b[b[n], h * wide :]
            for i in range(total):
                to_a[i] += q * row[i]
                to_b[i] += p * row[i]
                slope += row[i] * (from_b[i] - from_a[i])
            slope *= p * q
            dlevel[a[n], h] -= slope
            dscore_b[b[n], h] += slope


@compiled
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


@literal
def log_softmax(logits, answer, weight, slope):
    """The weighted loss of one example in the usual form; fills `slope`. See `groklab.losses.log_softmax_loss`.

    Differences of nearly equal numbers are rounded where the usual way rounds them: they are what it is studied for.
    """
    most, total = logits[0], logits.dtype.type(0)
    for c in range(len(logits)):
        most = logits[c] if logits[c] > most else most
    for c in range(len(logits)):
        slope[c] = exp(logits[c] - most)
    for c in range(len(logits)):
        total += slope[c]
    shift = logits.dtype.type(math.log(total))
    for c in range(len(logits)):
        slope[c] = weight * exp((logits[c] - most) - shift)
    slope[answer] -= weight
    return weight * (shift - (logits[answer] - most))
