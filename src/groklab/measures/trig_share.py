"""How much of the logits is the generalising circuit's: the part in the cosines of a + b - c.

For addition this is the span of all cos w_k(a + b - c) (Varma et al. 2023, appendix B). Over any finite group the
place of cos w_k is taken by the real part of an irreducible character.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.in_group import cosines, table
from groklab.measures.measure import measure
from groklab.measures.view import View


@measure(units="1", needs=("group",))
def trig_share(view: View) -> Float[Array, ""]:
    """Share of the logits' variance (each pair's mean removed) in characters of a o b o c^-1: cos w_k(a+b-c)."""
    logits, waves = view.once(table), view.basis.waves.astype(jnp.float32)
    centred = logits - jnp.mean(logits, axis=2, keepdims=True)
    profile = view.once(cosines) @ waves
    return view.basis.order**2 * jnp.sum(profile**2) / jnp.sum(centred**2)
