"""How many frequencies a network uses: counted by a rule, and by a ratio that needs none."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.spectra import embedding_norm, neuron_logit_norm
from groklab.measures.view import View


@measure(units="1", needs=("group", "mlp"))
def effective_frequencies(view: View) -> Float[Array, ""]:
    """Participation ratio (sum p)^2 / sum p^2 of W_L's power over the frequencies: n where n share it equally."""
    return _participation(view.once(neuron_logit_norm.compute))


@measure(units="1", needs=("group",))
def effective_frequencies_embedding(view: View) -> Float[Array, ""]:
    """Participation ratio of W_E's power over the frequencies, for networks without neurons too."""
    return _participation(view.once(embedding_norm.compute))


@measure(units="1", needs=("group",))
def key_count(view: View) -> Float[Array, ""]:
    """Number of the network's own key frequencies, the outliers of W_L's spectrum (W_E's without neurons)."""
    return jnp.sum(view.own_key)


def _participation(norms: Float[Array, "frequency"]) -> Float[Array, ""]:
    power = norms**2
    return jnp.sum(power) ** 2 / jnp.sum(power**2)
