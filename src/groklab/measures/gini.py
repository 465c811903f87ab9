"""Sparsity of the Fourier spectra as Gini coefficients (Nanda et al. 2023, section 5.1).

The paper does not say whether cos and sin of a frequency are merged; both ways are here. Merged, a spectrum is one
norm a frequency; unmerged, one norm for each function of the basis, the constant left out.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.spectra import embedding_norm, neuron_logit_norm
from groklab.measures.view import View


def gini(values: Float[Array, "value"]) -> Float[Array, ""]:
    """The Gini coefficient of nonnegative values (Hurley and Rickard 2009, table I).

    1 - 2 sum_i (x_i / sum x) (N - i + 1/2) / N over the values in ascending order, i from 1: 0 when all are
    equal, 1 - 1/N when one holds everything.
    """
    count = values.shape[0]
    weight = (count - jnp.arange(1, count + 1) + 0.5) / count
    return 1 - 2 * jnp.sum(jnp.sort(values) / jnp.sum(values) * weight)


@measure(units="1", needs=("group",))
def gini_embedding(view: View) -> Float[Array, ""]:
    """Gini coefficient of the norms of W_E's Fourier components, cos and sin merged."""
    return gini(view.once(embedding_norm.compute))


@measure(units="1", needs=("group", "mlp"))
def gini_neuron_logit(view: View) -> Float[Array, ""]:
    """Gini coefficient of the norms of W_L's Fourier components, cos and sin merged."""
    return gini(view.once(neuron_logit_norm.compute))


@measure(units="1", needs=("group",))
def gini_embedding_unmerged(view: View) -> Float[Array, ""]:
    """Gini coefficient of the norms of W_E's Fourier components, cos and sin apart."""
    return gini(_unmerged(view, view.embedding))


@measure(units="1", needs=("group", "mlp"))
def gini_neuron_logit_unmerged(view: View) -> Float[Array, ""]:
    """Gini coefficient of the norms of W_L's Fourier components, cos and sin apart."""
    return gini(_unmerged(view, view.neuron_logit_map))


def _unmerged(view: View, values: Float[Array, "element column"]) -> Float[Array, "function"]:
    """The norm of the values' component along each function of the basis, without the constant's."""
    return jnp.linalg.norm(view.group.basis[1:].astype(values.dtype) @ values, axis=1)
