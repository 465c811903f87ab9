"""The generalising circuit in the logits: cosines of a + b - c, and what of the right answer's logit is theirs.

Varma et al. 2023, appendix B: the logits, a function of (a, b, c), are projected on the span of all
v_k = cos w_k(a+b-c), which are orthogonal. The projection o_T is the generalising part, o_M = o - o_T the
memorising one, and a part's strength is its entry at the correct class. The authors name a flaw: the parts are
correlated on the train pairs, so that o_T is too large and o_M too small, even far below 0. Over other groups the
place of cos w_k is taken by the real part of an irreducible character over its dimension.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.in_group import cosines, labels, parts, table
from groklab.measures.measure import measure
from groklab.measures.view import View, masked_mean


@measure(units="nats", dims=("frequency",), needs=("group",))
def logit_cosine(view: View) -> Float[Array, "frequency"]:
    """Coefficient of cos w_k(a+b-c) in the logits, by projection over all pairs and answers."""
    return view.once(cosines)


@measure(units="nats", needs=("group",))
def gen_logit(view: View) -> Float[Array, ""]:
    """The generalising part of the right answer's logit: the sum of all cosines' coefficients, alike for every pair.

    Equal to f(0) - mean f, with f(d) the mean logit over all (a, b, c) with a + b - c = d. So it is the mean over
    all pairs of the right answer's logit minus the mean over all pairs and answers.
    """
    return jnp.sum(view.once(cosines))


@measure(units="nats", needs=("group",))
def mem_logit(view: View) -> Float[Array, ""]:
    """Mean over the train pairs of the label's logit minus its generalising part.

    The label is the one trained on; the generalising part at it is sum_k alpha_k cos w_k(a + b - label), which is
    `gen_logit` for a right one. Logits are taken as they are, without their mean over the answers removed.
    """
    basis, label = view.basis, view.once(labels)
    profile = view.once(cosines) @ basis.waves.astype(jnp.float32)
    inside = jnp.maximum(label, 0)
    own = jnp.take_along_axis(view.once(table), inside[:, :, None], axis=2)[:, :, 0]
    generalising = profile[jnp.asarray(basis.difference)[basis.group.product, inside]]
    return masked_mean(own - generalising, view.once(parts)[1])
