"""A network's logits and labels on the group, and scores of changed logits there.

Axes as in `groklab.circuits.basis`: x and y, the operands' elements; z = x y; c, the answers; k, frequencies.
Pairs and answers outside the group (0 in a multiplication, the `=`) are left out, as in the papers' analyses.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from groklab.circuits.projections import cosine_coefficients
from groklab.losses import loss_and_margin
from groklab.measures.view import View, masked_mean


def table(view: View) -> Float[Array, "x y c"]:
    """The logits as a function on the group, three times over."""
    basis, logits = view.basis, view.logits
    # `basis.table`, row by row and then column by column, each left out where nothing moves: a quarter of its time.
    if not np.array_equal(basis.pairs, np.arange(len(logits))):
        logits = logits[basis.pairs]
    if np.array_equal(basis.classes, np.arange(basis.order)):
        logits = logits[:, : basis.order]
    else:
        logits = logits[:, basis.classes]
    return logits.reshape(basis.order, basis.order, basis.order)


def labels(view: View) -> Int[Array, "x y"]:
    """The element that each pair's label stands for: on train pairs the one trained on; -1 for one outside."""
    return jnp.asarray(view.structure.answer_element)[view.data.labels[view.basis.rows]]


def parts(view: View) -> Bool[Array, "part x y"]:
    """All, the train and the test pairs. A pair whose label lies outside the group is in none."""
    rows = view.basis.rows
    return jnp.stack([jnp.ones(rows.shape, bool), view.data.train[rows], view.data.test[rows]]) & (
        view.once(labels) >= 0
    )


def cosines(view: View) -> Float[Array, "k"]:
    """The coefficient of cos w_k(x + y - c) in the logits."""
    return cosine_coefficients(view.once(table), view.basis)


def scores(view: View, changed: Float[Array, "x y c"]) -> tuple[Float[Array, "part"], Float[Array, "part"]]:
    """Mean loss and share of right answers of logits over the group, on all, the train and the test pairs."""
    label = view.once(labels)
    loss, lead = loss_and_margin(changed.reshape(label.size, -1), label.reshape(-1))
    return averaged(view, loss.reshape(label.shape), lead.reshape(label.shape))


def averaged(
    view: View, loss: Float[Array, "x y"], lead: Float[Array, "x y"]
) -> tuple[Float[Array, "part"], Float[Array, "part"]]:
    """Mean loss, and share of the pairs whose label leads, on all, the train and the test pairs."""
    over = jax.vmap(masked_mean, in_axes=(None, 0))
    return over(loss, view.once(parts)), over((lead > 0).astype(jnp.float32), view.once(parts))


def losses_by_label(logits: Float[Array, "z c"]) -> Float[Array, "z label"]:
    """The cross-entropy of every row with every label, as exact as `margin_loss`, with one exponential an entry.

    With m the largest logit and S the sum over the others of exp(l_c - m): log1p(S) for the largest, and
    m - l_label + log1p(S), at least log 2, for any other.
    """
    best = jnp.argmax(logits, axis=1)
    top = jnp.max(logits, axis=1, keepdims=True)
    others = jnp.where(best[:, None] == jnp.arange(logits.shape[1]), 0.0, jnp.exp(logits - top))
    return top - logits + jnp.log1p(jnp.sum(others, axis=1, keepdims=True))


def leads_by_label(logits: Float[Array, "z c"]) -> Float[Array, "z label"]:
    """How far every entry of a row stands above the largest other one."""
    top, second = jnp.moveaxis(jax.lax.top_k(logits, 2)[0], 1, 0)[:, :, None]
    best = jnp.argmax(logits, axis=1)[:, None] == jnp.arange(logits.shape[1])
    return logits - jnp.where(best, second, top)
