"""Softmax collapse: answers so sure that float32 calls them certain (Prieto et al. 2025, arXiv:2501.04697)."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.view import View, masked_mean

CERTAIN = 2.0**-24
"""1 plus as much or less is 1 in float32."""


@measure(units="1", needs=("classes",))
def saturated_share(view: View) -> Float[Array, ""]:
    """Share of the train pairs whose usual float32 cross-entropy is 0: the label's probability rounds to 1.

    That is where the sum S of exp(l_c - l_y) over the other classes no longer changes 1, whatever the loss trained on.
    The margin form tells it without a sum with 1 in it: log1p(S) <= 2^-24. The usual softmax may lose single terms of S
    sooner, depending on the order in which it adds them up.
    """
    return masked_mean((view.losses <= CERTAIN).astype(jnp.float32), view.data.train)
