"""Which examples of a training set a step is taken with."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray


def minibatch(key: PRNGKeyArray, weight: Float[Array, "example"], size: int) -> Int[Array, "chosen"]:
    """Rows drawn without replacement, padding excepted: those of the largest of independent uniform numbers."""
    drawn = jnp.where(weight > 0, jax.random.uniform(key, weight.shape), -1.0)
    return jax.lax.top_k(drawn, size)[1]
