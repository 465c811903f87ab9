"""The effective rank of the neuron-logit map."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.view import View


@measure(units="1", needs=("mlp",))
def rank_neuron_logit(view: View) -> Float[Array, ""]:
    """Effective rank of W_L: (sum s^2)^2 / sum s^4 over its singular values s, n where n are equal and no others.

    The participation ratio of the directions' power. All columns of the logits count. No singular values are needed:
    the sums are the trace and the squared Frobenius norm of W_L W_L^T. A network with n equally strong frequencies
    has rank 2n.
    """
    W_L = view.model.neuron_logit_map
    gram = jnp.matmul(W_L, W_L.T, precision="highest")
    return jnp.trace(gram) ** 2 / jnp.sum(gram**2)
