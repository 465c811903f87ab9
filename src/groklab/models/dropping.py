"""Dropout: zeroing activations at random during training."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class Dropout:
    """Drops each number with probability `rate`, scales the rest by 1 / (1 - rate); nothing without a key.

    Every place in the network has its own number, and so its own draw from the one key. The rate may be an
    array: it may differ between runs.
    """

    def __init__(self, rate: float | Float[Array, ""], key: PRNGKeyArray | None) -> None:
        self.rate = rate
        self.key = key

    def __call__(self, place: int, value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The value with some of its numbers dropped."""
        if self.key is None:
            return value
        kept = jax.random.bernoulli(jax.random.fold_in(self.key, place), 1 - self.rate, value.shape)
        return jnp.where(kept, value / (1 - self.rate), 0)
