"""The softmax over the positions in two stages, and back.

The last position's query is one constant vector, so the scores and values of an operand are tables. First come
the first operand and the constant tokens, one mixture for each first operand; then that mixture and the second
operand, a sigmoid: attention to b = sigmoid(score of b - log-sum-exp of the others).

Axes as in `layout`. `spots` has token and position of each source: the first operand, the second (both with
token -1), then the constant tokens, the last of which is the query's.
"""

# pyright: reportMissingParameterType=false

import math

from groklab.training.fused.exponential import exp
from groklab.training.fused.loops import compiled


@compiled
def mix(spots, v, k, scores, values, shares, level, first, second, score_b):
    """The first stage for every first operand, and the second operand's scores and values."""
    zero = level.dtype.type(0)
    elements, heads = level.shape
    sources = len(spots)
    place_a, place_b = v + spots[0, 1], v + spots[1, 1]
    for a in range(elements):
        for h in range(heads):
            top = scores[a, h] + scores[place_a, h]
            shares[a, h, 0] = top
            shares[a, h, 1] = zero
            for s in range(2, sources):
                shares[a, h, s] = scores[spots[s, 0], h] + scores[v + spots[s, 1], h]
                top = max(top, shares[a, h, s])
            total = zero
            for s in range(sources):
                if s != 1:
                    shares[a, h, s] = exp(shares[a, h, s] - top)
                    total += shares[a, h, s]
            level[a, h] = top + math.log(total)
            score_b[a, h] = scores[a, h] + scores[place_b, h]
            for s in range(sources):
                shares[a, h, s] /= total
                share, token, position = shares[a, h, s], a if s < 2 else spots[s, 0], v + spots[s, 1]
                for i in range(h * k, (h + 1) * k):
                    value = values[token, i] + values[position, i]
                    if s == 0:
                        first[a, i] = share * value
                    elif s == 1:
                        second[a, i] = value
                    else:
                        first[a, i] += share * value


@compiled
def unmix(spots, v, k, values, shares, first, dfirst, dsecond, dlevel, dscore_b, dvalues, dscores):
    """Adds to the gradients of values and scores what comes back from the first stage and the second operand."""
    zero = dlevel.dtype.type(0)
    elements, heads = dlevel.shape
    for a in range(elements):
        for h in range(heads):
            mean = zero
            for i in range(h * k, (h + 1) * k):
                mean += dfirst[a, i] * first[a, i]
            for s in range(len(spots)):
                token, position = a if s < 2 else spots[s, 0], v + spots[s, 1]
                if s == 1:
                    slope = dscore_b[a, h]
                    for i in range(h * k, (h + 1) * k):
                        dvalues[token, i] += dsecond[a, i]
                        dvalues[position, i] += dsecond[a, i]
                else:
                    share, along = shares[a, h, s], zero
                    for i in range(h * k, (h + 1) * k):
                        along += dfirst[a, i] * (values[token, i] + values[position, i])
                        dvalues[token, i] += share * dfirst[a, i]
                        dvalues[position, i] += share * dfirst[a, i]
                    slope = share * (along - mean + dlevel[a, h])
                dscores[token, h] += slope
                dscores[position, h] += slope
