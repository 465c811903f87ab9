"""Excluded loss: what the logits answer on the train pairs without their key frequencies (Nanda et al. 2023, 5.1).

Removed are the sum directions cos and sin of w_k(a+b), of all key frequencies at once or of one frequency; the
narrow form removes of each key frequency only the one direction cos w_k(a+b-c). The mean is kept.

All of these take away a function of z = x y and the class, so they are computed together. With T the sum
directions of all frequencies, R = logits - T, and T_n what is left of T after removal n, the logits are R + T_n,
and with any shifts r and t

    sum over c != y of exp(R_xyc + T_nzc) = exp(r_xy + t_nz) sum over c != y of exp(R_xyc - r_xy) exp(T_nzc - t_nz),

one exponential a logit and a matrix product for each z, in place of an exponential for each logit and removal.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from groklab.circuits.projections import by_product, sum_part
from groklab.measures.in_group import cosines, labels, parts, table
from groklab.measures.measure import measure
from groklab.measures.view import View, masked_mean

HEADROOM = 40.0
"""Nats by which both factors' largest exponentials stand above 1: e^40 e^40 times any number of classes is finite,
and what is 127 nats below the largest is still there."""


@measure(units="nats", needs=("key",), afterwards=True)
def excluded_loss(view: View) -> Float[Array, ""]:
    """Mean cross-entropy on the train pairs when the key sum directions are removed from the logits."""
    return view.once(_removals)[0][-2]


@measure(units="1", needs=("key",), afterwards=True)
def excluded_accuracy(view: View) -> Float[Array, ""]:
    """Share of the train pairs answered right when the key sum directions are removed from the logits."""
    return view.once(_removals)[1][-2]


@measure(units="nats", needs=("key",), afterwards=True)
def excluded_loss_narrow(view: View) -> Float[Array, ""]:
    """Mean cross-entropy on the train pairs when the key cos w_k(a+b-c), one direction each, are removed."""
    return view.once(_removals)[0][-1]


@measure(units="1", needs=("key",), afterwards=True)
def excluded_accuracy_narrow(view: View) -> Float[Array, ""]:
    """Share of the train pairs answered right when the key cos w_k(a+b-c), one direction each, are removed."""
    return view.once(_removals)[1][-1]


@measure(units="nats", dims=("frequency",), needs=("group",), afterwards=True)
def excluded_loss_by_frequency(view: View) -> Float[Array, "frequency"]:
    """Mean cross-entropy on the train pairs when one frequency's sum directions are removed from the logits."""
    return view.once(_removals)[0][:-2]


@measure(units="1", dims=("frequency",), needs=("group",), afterwards=True)
def excluded_accuracy_by_frequency(view: View) -> Float[Array, "frequency"]:
    """Share of the train pairs answered right when one frequency's sum directions are removed from the logits."""
    return view.once(_removals)[1][:-2]


def _removals(view: View) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Loss and accuracy on the train pairs after each removal: every frequency, the key ones, their narrow form."""
    logits, basis = view.once(table), view.basis
    means = by_product(logits, basis)
    whole = means - jnp.mean(means, axis=0)
    single = jax.vmap(lambda one: sum_part(logits, basis, one))(jnp.eye(len(basis.labels), dtype=logits.dtype))
    narrow = ((view.key * view.once(cosines)) @ basis.waves.astype(logits.dtype))[basis.difference]
    removed = jnp.concatenate([single, jnp.stack([jnp.tensordot(view.key, single, 1), narrow])])
    # By z and x: for every z the pairs (x, y) with x y = z, one for each x.
    place = (np.arange(basis.order)[None, :], basis.second)
    label, trained = view.once(labels)[place], view.once(parts)[1][place]
    loss, lead = with_changes(logits[place] - whole[:, None], jnp.moveaxis(whole - removed, 0, 2), label)
    over = jax.vmap(masked_mean, in_axes=(2, None))
    return over(loss, trained), over((lead > 0).astype(jnp.float32), trained)


def with_changes(
    rest: Float[Array, "z x c"], change: Float[Array, "z c n"], label: Array
) -> tuple[Float[Array, "z x n"], Float[Array, "z x n"]]:
    """Loss, and lead of the label's logit over the largest other one, for the logits rest + change."""
    right = label[:, :, None] == jnp.arange(rest.shape[2])
    others = jnp.where(right, -jnp.inf, rest)
    own = jnp.sum(jnp.where(right, rest, 0.0), axis=2)[:, :, None] + jnp.take_along_axis(
        change, jnp.maximum(label, 0)[:, :, None], axis=1
    )
    lead = own - jnp.max(others[:, :, :, None] + change[:, None], axis=2)
    r = jnp.max(others, axis=2, keepdims=True) - HEADROOM
    t = jnp.max(change, axis=1, keepdims=True) - HEADROOM
    total = jnp.matmul(jnp.exp(others - r), jnp.exp(change - t), precision="highest")
    # The largest term alone is a lower bound, and all there is where the product underflows.
    gap = jnp.maximum(jnp.log(total) + r + t - own, -lead)
    return jax.nn.softplus(gap), lead
