"""The linear model whose weights memorise one sample each, but for one that solves them all."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Linear(eqx.Module):
    """What it says of sample i is memorising_i + general; of a sample never seen, general. All weights start at 0."""

    memorising: Float[Array, " sample"]
    general: Float[Array, ""]

    def __init__(self, inputs: int) -> None:
        """`inputs` are the samples and the input that all have."""
        self.memorising = jnp.zeros(inputs - 1)
        self.general = jnp.zeros(())

    def __call__(self) -> Float[Array, "sample+1"]:
        """What it says of every sample, then of one never seen."""
        return jnp.append(self.memorising, 0.0) + self.general
