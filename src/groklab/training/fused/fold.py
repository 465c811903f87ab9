"""From the parameters to the tables that the examples need, and from the tables' gradients back.

Scores and values are mixed into tables over the operands (`attention`), which then go through W_O [W_in W_U].
Axes as in `layout`.
"""

# pyright: reportMissingParameterType=false

import math

from groklab.training.fused.attention import mix, unmix
from groklab.training.fused.loops import (
    add,
    against,
    clear,
    compiled,
    copy,
    empty,
    join,
    outer,
    scale,
    times,
    transpose,
)
from groklab.training.fused.product import product


@compiled
def fold(w, r, spots):
    """Fills the tables of the room `r` from the weights `w`, and clears the gradients that the parts share."""
    W_O, W_in, W_U, J, M = w.W_O, w.W_in, w.W_U, r.J, r.M
    heads, k, d = W_O.shape
    v, m, j = len(w.W_E), W_in.shape[1], J.shape[1]
    copy(r.Y[:v], w.W_E)
    copy(r.Y[v:], w.W_pos)
    embedding(r.x, w.W_E, w.W_pos, spots)
    one = r.x.dtype.type(1)
    ask(r.query, r.scoring, r.x, w.W_Q, w.b_Q, w.W_K)
    for h in range(heads):
        product(r.values[:, h * k : (h + 1) * k], r.Y, w.W_V[h], False)
    product(r.scores, r.Y, r.scoring, False)
    mix(spots, v, k, r.scores, r.values, r.shares, r.level, r.first, r.second, r.score_b)

    copy(J[:, :m], W_in)
    copy(J[:, m:], W_U)
    product(M, W_O.reshape(heads * k, d), J, False)
    wide = r.table_a.shape[1] // heads
    for h in range(heads):
        here, there = slice(h * k, (h + 1) * k), slice(h * wide, h * wide + j)
        product(r.table_a[:, there], r.first[:, here], M[here], False)
        product(r.table_b[:, there], r.second[:, here], M[here], False)
    product(r.W_L, w.W_out, W_U, False)
    transpose(r.W_L_T, r.W_L)

    scale(r.c0, r.x, one)
    add(r.c0, w.b_O, one)
    times(r.c0, w.b_V.reshape(heads * k), W_O.reshape(heads * k, d))
    scale(r.constant[:m], w.b_in, one)
    scale(r.constant[m:], w.b_U, one)
    times(r.constant, r.c0, J)
    times(r.constant[m:], w.b_out, W_U)
    clear(r.dtable_a)
    clear(r.dlevel)


@compiled
def unfold(w, g, r, spots):
    """Fills the gradient `g` of the weights `w` from the gradients of the tables in the room `r`."""
    W_O, W_U, J, dJ, dconstant, dW_L = w.W_O, w.W_U, r.J, r.dJ, r.dconstant, r.dW_L[0]
    da, db = r.dtable_a, r.dtable_b[0]
    heads, k, d = W_O.shape
    v, m, j = len(w.W_E), g.W_in.shape[1], J.shape[1]
    wide = da.shape[1] // heads
    join(db, r.dtable_b[1])
    join(r.dscore_b[0], r.dscore_b[1])
    join(dW_L, r.dW_L[1])

    transpose(r.M_T, r.M)
    for h in range(heads):
        here, there = slice(h * k, (h + 1) * k), slice(h * wide, h * wide + j)
        product(r.dM[here], r.first[:, here].T, da[:, there], False)
        product(r.dM[here], r.second[:, here].T, db[:, there], True)
        product(r.dfirst[:, here], da[:, there], r.M_T[:, here], False)
        product(r.dsecond[:, here], db[:, there], r.M_T[:, here], False)
    clear(r.dvalues)
    clear(r.dscores)
    unmix(
        spots, v, k, r.values, r.shares, r.first, r.dfirst, r.dsecond, r.dlevel, r.dscore_b[0],
        r.dvalues, r.dscores,
    )  # fmt: skip

    transpose(r.J_T, J)
    product(g.W_O.reshape(heads * k, d), r.dM, r.J_T, False)
    product(dJ, W_O.reshape(heads * k, d).T, r.dM, False)
    sums(dconstant, da, db)
    unfold_constant(w, g, r, m)
    copy(g.W_in, dJ[:, :m])
    transpose(r.W_U_T, W_U)
    product(g.W_out, dW_L, r.W_U_T, False)
    product(dJ[:, m:], w.W_out.T, dW_L, True)
    copy(g.W_U, dJ[:, m:])

    product(r.dscoring, r.Y.T, r.dscores, False)
    transpose(r.scoring_T, r.scoring)
    product(r.dY, r.dscores, r.scoring_T, False)
    for h in range(heads):
        here = slice(h * k, (h + 1) * k)
        transpose(r.W_V_T[here], w.W_V[h])
        product(g.W_V[h], r.Y.T, r.dvalues[:, here], False)
        product(r.dY, r.dvalues[:, here], r.W_V_T[here], True)
    unask(r.query, r.dscoring, r.x, w.W_Q, w.W_K, g.W_Q, g.b_Q, g.W_K, r.dx_query)
    copy(g.W_E, r.dY[:v])
    copy(g.W_pos, r.dY[v:])
    one = r.x.dtype.type(1)
    for part in (g.b_O, r.dx_query):
        add(g.W_E[spots[-1, 0]], part, one)
        add(g.W_pos[spots[-1, 1]], part, one)


@compiled
def embedding(x, W_E, W_pos, spots):
    """The residual stream where the answer is read, before attention."""
    token, position = spots[-1]
    for n in range(len(x)):
        x[n] = W_E[token, n] + W_pos[position, n]


@compiled
def ask(query, scoring, x, W_Q, b_Q, W_K):
    """The query, divided by sqrt(k), and W_K times it: what a residual vector's score is its product with."""
    heads, d, k = W_Q.shape
    root = x.dtype.type(1 / math.sqrt(k))
    for h in range(heads):
        scale(query[h], b_Q[h], root)
        for n in range(d):
            add(query[h], W_Q[h, n], root * x[n])
        for n in range(d):
            total = x.dtype.type(0)
            for i in range(k):
                total += W_K[h, n, i] * query[h, i]
            scoring[n, h] = total


@compiled
def unask(query, dscoring, x, W_Q, W_K, dW_Q, db_Q, dW_K, dx):
    """The gradient of `ask`."""
    heads, d, k = W_Q.shape
    root = x.dtype.type(1 / math.sqrt(k))
    empty(dx)
    for h in range(heads):
        empty(db_Q[h])
        for n in range(d):
            scale(dW_K[h, n], query[h], dscoring[n, h])
            add(db_Q[h], W_K[h, n], root * dscoring[n, h])
        for n in range(d):
            scale(dW_Q[h, n], db_Q[h], x[n])
        against(dx, W_Q[h], db_Q[h])


@compiled
def sums(dconstant, da, db):
    """The constant's gradient: a head's attentions sum to 1, so its two tables' gradients add up to it."""
    empty(dconstant)
    for a in range(len(da)):
        for i in range(len(dconstant)):
            dconstant[i] += da[a, i] + db[a, i]


@compiled
def unfold_constant(w, g, r, m):
    """Through c0 J + [b_in, b_out W_U + b_U], where c0 = x + b_O + b_V W_O."""
    heads, k, d = w.W_O.shape
    one = r.x.dtype.type(1)
    dconstant, db_V, b_V = r.dconstant, g.b_V.reshape(heads * k), w.b_V.reshape(heads * k)
    scale(g.b_in, dconstant[:m], one)
    scale(g.b_U, dconstant[m:], one)
    outer(r.dJ, r.c0, dconstant)
    outer(r.dJ[:, m:], w.b_out, dconstant[m:])
    empty(g.b_out)
    against(g.b_out, w.W_U, dconstant[m:])
    empty(g.b_O)
    against(g.b_O, r.J, dconstant)
    outer(g.W_O.reshape(heads * k, d), b_V, g.b_O)
    empty(db_V)
    against(db_V, w.W_O.reshape(heads * k, d), g.b_O)
