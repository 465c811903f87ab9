"""From the parameters to the tables that the examples need, and from the tables' gradients back.

The last position's query is one constant vector, so each operand's scores and values are tables. The softmax
over the positions is taken in two stages: over the first operand and the constant tokens, which is one mixture
for each first operand, and then between that mixture and the second operand, which is a sigmoid:
attention to b = sigmoid(score of b - log-sum-exp of the others). Both tables go through W_O [W_in W_U].

Axes as in `layout`. `spots` are the rows of Y added to each source: first operand (-1 for the embedding),
second operand (-1), then the constant tokens, the last of which is the query's.
"""

import math

import numba
import numpy as np

from groklab.training.fused.exponential import exp
from groklab.training.fused.product import product

FAST = {"reassoc", "contract", "nsz", "arcp"}
"""What the compiler may assume in loops; infinities and NaN keep their meaning."""


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def transpose(out, x):
    """out = x transposed, by squares that fit the first-level cache."""
    rows, columns = x.shape
    for i in range(0, rows, 16):
        for j in range(0, columns, 16):
            for p in range(i, min(i + 16, rows)):
                for q in range(j, min(j + 16, columns)):
                    out[q, p] = x[p, q]


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def clear(x):
    """x = 0."""
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        for n in range(x.shape[1]):
            x[i, n] = zero


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def copy(out, x, row, column):
    """Writes x into out, from this row and column of out on or, if negative, from those of x on."""
    for i in range(min(out.shape[0] - max(row, 0), x.shape[0] - max(-row, 0))):
        to, of = out[i + max(row, 0)], x[i + max(-row, 0)]
        to, of = to[max(column, 0) :], of[max(-column, 0) :]
        for n in range(min(len(to), len(of))):
            to[n] = of[n]


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def fold(w, r, spots):
    """Fills the tables of the room `r` from the weights `w`."""
    heads, d, k = w.W_Q.shape
    v, m, elements = w.W_E.shape[0], w.W_in.shape[1], r.first.shape[0]
    zero = r.query.dtype.type(0)
    root = r.query.dtype.type(1 / math.sqrt(k))
    copy(r.Y, w.W_E, 0, 0)
    copy(r.Y, w.W_pos, v, 0)
    equals = spots[-1]
    for h in range(heads):
        for i in range(k):
            r.query[h, i] = w.b_Q[h, i]
        for n in range(d):
            x = w.W_E[equals[0], n] + w.W_pos[equals[1], n]
            for i in range(k):
                r.query[h, i] += x * w.W_Q[h, n, i]
        for i in range(k):
            r.query[h, i] *= root
        for n in range(d):
            total = zero
            for i in range(k):
                total += w.W_K[h, n, i] * r.query[h, i]
            r.scoring[n, h] = total
        product(r.values[:, h * k : (h + 1) * k], r.Y, w.W_V[h], False)
    product(r.scores, r.Y, r.scoring, False)
    _mix(r, spots, heads, k, v)

    copy(r.J, w.W_in, 0, 0)
    copy(r.J, w.W_U, 0, m)
    for h in range(heads):
        product(r.M[h * k : (h + 1) * k], w.W_O[h], r.J, False)
    wide, j = r.table_a.shape[1] // heads, r.J.shape[1]
    for h in range(heads):
        M = r.M[h * k : (h + 1) * k]
        product(r.table_a[:, h * wide : h * wide + j], r.first[:, h * k : (h + 1) * k], M, False)
        product(r.table_b[:, h * wide : h * wide + j], r.second[:, h * k : (h + 1) * k], M, False)
    product(r.W_L, w.W_out, w.W_U, False)
    transpose(r.W_L_T, r.W_L)

    for n in range(d):
        r.c0[n] = w.W_E[equals[0], n] + w.W_pos[equals[1], n] + w.b_O[n]
    for h in range(heads):
        for i in range(k):
            for n in range(d):
                r.c0[n] += w.b_V[h, i] * w.W_O[h, i, n]
    r.constant[:m] = w.b_in
    r.constant[m:] = w.b_U
    for n in range(d):
        for i in range(m):
            r.constant[i] += r.c0[n] * w.W_in[n, i]
        for i in range(w.W_U.shape[1]):
            r.constant[m + i] += (r.c0[n] + w.b_out[n]) * w.W_U[n, i]


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def _mix(r, spots, heads, k, v):
    """The first stage of the softmax for every first operand, and the second operand's scores and values."""
    zero = r.query.dtype.type(0)
    elements, z, sources = r.first.shape[0], r.first.shape[1], len(spots)
    first, second = v + spots[0, 1], v + spots[1, 1]
    for a in range(elements):
        for h in range(heads):
            top = r.scores[a, h] + r.scores[first, h]
            r.shares[a, h, 0] = top
            for s in range(2, sources):
                score = r.scores[spots[s, 0], h] + r.scores[v + spots[s, 1], h]
                r.shares[a, h, s] = score
                top = max(top, score)
            total = zero
            for s in range(sources):
                if s != 1:
                    r.shares[a, h, s] = exp(r.shares[a, h, s] - top)
                    total += r.shares[a, h, s]
            r.level[a, h] = top + math.log(total)
            for s in range(sources):
                r.shares[a, h, s] /= total
            for i in range(h * k, (h + 1) * k):
                r.first[a, i] = r.shares[a, h, 0] * (r.values[a, i] + r.values[first, i])
                for s in range(2, sources):
                    r.first[a, i] += r.shares[a, h, s] * (r.values[spots[s, 0], i] + r.values[v + spots[s, 1], i])
            r.score_b[a, h] = r.scores[a, h] + r.scores[second, h]
        for i in range(z):
            r.second[a, i] = r.values[a, i] + r.values[second, i]


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def _unmix(r, spots, heads, k, v):
    """The gradient of `_mix`."""
    zero = r.query.dtype.type(0)
    elements, z, sources = r.first.shape[0], r.first.shape[1], len(spots)
    first, second = v + spots[0, 1], v + spots[1, 1]
    clear(r.dvalues)
    clear(r.dscores)
    for a in range(elements):
        for h in range(heads):
            mean = zero
            for i in range(h * k, (h + 1) * k):
                mean += r.dfirst[a, i] * r.first[a, i]
            for s in range(sources):
                if s == 1:
                    continue
                token = a if s == 0 else spots[s, 0]
                position = v + spots[s, 1]
                share, along = r.shares[a, h, s], zero
                for i in range(h * k, (h + 1) * k):
                    along += r.dfirst[a, i] * (r.values[token, i] + r.values[position, i])
                    r.dvalues[token, i] += share * r.dfirst[a, i]
                    r.dvalues[position, i] += share * r.dfirst[a, i]
                slope = share * (along - mean + r.dlevel[a, h])
                r.dscores[token, h] += slope
                r.dscores[position, h] += slope
            slope = r.dscore_b[0, a, h]
            r.dscores[a, h] += slope
            r.dscores[second, h] += slope
        for i in range(z):
            r.dvalues[a, i] += r.dsecond[a, i]
            r.dvalues[second, i] += r.dsecond[a, i]


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def unfold(w, g, r, spots):
    """Fills the gradient `g` of the weights `w` from the gradients of the tables in the room `r`."""
    heads, d, k = w.W_Q.shape
    v, m, classes = w.W_E.shape[0], w.W_in.shape[1], w.W_U.shape[1]
    zero = r.query.dtype.type(0)
    root = r.query.dtype.type(1 / math.sqrt(k))
    wide, j = r.table_a.shape[1] // heads, r.J.shape[1]
    _join(r.dtable_b[0], r.dtable_b[1])
    _join(r.dscore_b[0], r.dscore_b[1])
    _join(r.dW_L[0], r.dW_L[1])
    dW_L = r.dW_L[0]

    transpose(r.M_T, r.M)
    r.dconstant[:] = zero
    for a in range(r.first.shape[0]):
        for i in range(j):
            # Both attentions of a head sum to 1, so its two tables' gradients add up to that of the constant.
            r.dconstant[i] += r.dtable_a[a, i] + r.dtable_b[0, a, i]
    for h in range(heads):
        here = slice(h * k, (h + 1) * k)
        da, db = r.dtable_a[:, h * wide : h * wide + j], r.dtable_b[0, :, h * wide : h * wide + j]
        product(r.dM[here], r.first[:, here].T, da, False)
        product(r.dM[here], r.second[:, here].T, db, True)
        product(r.dfirst[:, here], da, r.M_T[:, here], False)
        product(r.dsecond[:, here], db, r.M_T[:, here], False)
    _unmix(r, spots, heads, k, v)

    transpose(r.J_T, r.J)
    for h in range(heads):
        product(g.W_O[h], r.dM[h * k : (h + 1) * k], r.J_T, False)
        product(r.dJ, w.W_O[h].T, r.dM[h * k : (h + 1) * k], h > 0)
    transpose(r.W_U_T, w.W_U)
    product(g.W_out, dW_L, r.W_U_T, False)
    copy(g.W_in, r.dJ, 0, 0)
    copy(g.W_U, r.dJ, 0, -m)
    product(g.W_U, w.W_out.T, dW_L, True)

    # The constant: c0 J + [b_in, b_out W_U + b_U], c0 = query's embedding + b_O + b_V W_O.
    g.b_in[:] = r.dconstant[:m]
    g.b_U[:] = r.dconstant[m:]
    for n in range(d):
        total, direct = zero, zero
        for i in range(m):
            total += w.W_in[n, i] * r.dconstant[i]
            g.W_in[n, i] += r.c0[n] * r.dconstant[i]
        for i in range(classes):
            direct += w.W_U[n, i] * r.dconstant[m + i]
            g.W_U[n, i] += (r.c0[n] + w.b_out[n]) * r.dconstant[m + i]
        g.b_O[n] = total + direct
        g.b_out[n] = direct
    for h in range(heads):
        for i in range(k):
            total = zero
            for n in range(d):
                total += w.W_O[h, i, n] * g.b_O[n]
                g.W_O[h, i, n] += w.b_V[h, i] * g.b_O[n]
            g.b_V[h, i] = total

    product(r.dscoring, r.Y.T, r.dscores, False)
    transpose(r.scoring_T, r.scoring)
    product(r.dY, r.dscores, r.scoring_T, False)
    for h in range(heads):
        here = slice(h * k, (h + 1) * k)
        transpose(r.W_V_T[here], w.W_V[h])
        product(g.W_V[h], r.Y.T, r.dvalues[:, here], False)
        product(r.dY, r.dvalues[:, here], r.W_V_T[here], True)
    copy(g.W_E, r.dY, 0, 0)
    copy(g.W_pos, r.dY, -v, 0)
    token, position = spots[-1]
    for n in range(d):
        g.W_E[token, n] += g.b_O[n]
        g.W_pos[position, n] += g.b_O[n]
    for h in range(heads):
        for i in range(k):
            g.b_Q[h, i] = zero
            g.b_K[h, i] = zero
        for n in range(d):
            for i in range(k):
                g.W_K[h, n, i] = r.dscoring[n, h] * r.query[h, i]
                g.b_Q[h, i] += root * r.dscoring[n, h] * w.W_K[h, n, i]
        for n in range(d):
            x, total = w.W_E[token, n] + w.W_pos[position, n], zero
            for i in range(k):
                g.W_Q[h, n, i] = x * g.b_Q[h, i]
                total += w.W_Q[h, n, i] * g.b_Q[h, i]
            g.W_E[token, n] += total
            g.W_pos[position, n] += total


@numba.njit(nogil=True, fastmath=FAST, error_model="numpy")
def _join(out, other):
    """out += other: the two parts of a batch, always in this order."""
    for i in range(out.shape[0]):
        for n in range(out.shape[1]):
            out[i, n] += other[i, n]
