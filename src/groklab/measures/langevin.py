"""Chains of stochastic gradient Langevin dynamics that stay near where they began.

One step of a chain from w_0, with l_t the mean loss of the examples drawn at it (Welling and Teh 2011; steps of one
size and the pull to w_0 as in Lau et al. 2023):

    w_{t+1} = w_t - step_size / 2 (strength grad l_t(w_t) + pull (w_t - w_0)) + sqrt(step_size) N(0, 1)

For small steps, and after the burn-in, it visits w with a density proportional to
exp(-strength L(w) - pull / 2 |w - w_0|^2), L the mean of l_t.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from groklab.errors import Mistake

Loss = Callable[[Float[Array, "weight"], PRNGKeyArray], Float[Array, ""]]
"""The mean loss of some examples, which the key draws."""


@dataclass(frozen=True, kw_only=True)
class Langevin:
    """How chains are made. The defaults are for networks of the laptop setting; docs/measures.md says why."""

    chains: int = 4
    """Independent chains; their spread tells the error."""
    burn_in: int = 80
    """Steps of each chain that do not count."""
    draws: int = 20
    """Steps of each chain after them, each of which counts."""
    step_size: float = 5e-5
    """Variance of the noise that a step adds to each weight."""
    pull: float = 1000.0
    """Strength gamma of the pull to where the chain began; alone it would keep each weight within 1 / sqrt(pull)."""
    batch: int = 128
    """Examples a step, drawn with replacement."""

    def __post_init__(self) -> None:
        if min(self.chains, self.draws, self.batch) < 1 or self.burn_in < 0:
            raise Mistake("Langevin takes at least 1 chain, draw and example a step, and no negative burn-in")
        if not self.step_size > 0 or not self.pull >= 0:
            raise Mistake(
                f"Langevin takes a step_size above 0 and a pull of 0 or more, not {self.step_size}, {self.pull}"
            )


def sampled_losses(
    loss: Loss,
    start: Float[Array, "weight"],
    strength: float | Float[Array, ""],
    settings: Langevin,
    *,
    key: PRNGKeyArray,
) -> Float[Array, "chain draw"]:
    """The loss at each draw of each chain, on the examples of the step that leaves it.

    One chain comes after the other, so that a network's numbers are the same whatever is sampled beside it.
    """

    def step(
        w: Float[Array, "weight"], drawn: tuple[PRNGKeyArray, PRNGKeyArray]
    ) -> tuple[Float[Array, "weight"], Float[Array, ""]]:
        examples, noise = drawn
        value, slope = jax.value_and_grad(loss)(w, examples)
        drift = strength * slope + settings.pull * (w - start)
        spread = jnp.sqrt(settings.step_size) * jax.random.normal(noise, w.shape, w.dtype)
        return w - settings.step_size / 2 * drift + spread, value

    def chain(key: PRNGKeyArray) -> Float[Array, "step"]:
        keys = jax.random.split(key, (2, settings.burn_in + settings.draws))
        return jax.lax.scan(step, start, (keys[0], keys[1]))[1]

    return jax.lax.map(chain, jax.random.split(key, settings.chains))[:, settings.burn_in :]


def own_bits(weights: Float[Array, "weight"]) -> UInt32[Array, ""]:
    """A whole number made of a network's bits: what is drawn for a network depends on the network alone."""
    return jnp.sum(jax.lax.bitcast_convert_type(weights, jnp.uint32), dtype=jnp.uint32)
