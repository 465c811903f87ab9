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
        # Random numbers are what dropout costs: 16 bits each are enough, the rate is met to 1 in 65,536.
        drawn = jax.random.bits(jax.random.fold_in(self.key, place), value.shape, jnp.uint16)
        return jnp.where(drawn >= self.rate * 2**16, value / (1 - self.rate), 0)
