"""What networks do on the line between two networks: (1 - s) A + s B for shares s from 0 to 1."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from groklab.losses import margin_loss
from groklab.models import Inputs, Transformer, answer_logits
from groklab.tasks import Task


def on_the_line(
    one: Transformer, other: Transformer, task: Task, shares: Float[np.ndarray, " share"]
) -> tuple[Float[np.ndarray, "share pair"], Bool[np.ndarray, "share pair"]]:
    """Cross-entropy in nats of every pair of the task's table, and whether it is answered right, at each share.

    Linear mode connectivity (Frankle et al. 2020): two networks of low loss lie in one basin, linearly, if it is low
    all along.
    """
    inputs = Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)
    with jax.default_matmul_precision("highest"):
        losses, right = _along(one, other, jnp.asarray(shares, jnp.float32), inputs, jnp.asarray(task.answers))
    return np.asarray(losses), np.asarray(right)


@jax.jit
def _along(
    one: Transformer, other: Transformer, shares: Float[Array, " share"], inputs: Inputs, answers: Int[Array, " pair"]
) -> tuple[Float[Array, "share pair"], Bool[Array, "share pair"]]:
    return jax.lax.map(partial(_at, one, other, inputs, answers), shares)


def _at(
    one: Transformer, other: Transformer, inputs: Inputs, answers: Int[Array, " pair"], share: Float[Array, ""]
) -> tuple[Float[Array, " pair"], Bool[Array, " pair"]]:
    logits = answer_logits(jax.tree.map(lambda a, b: (1 - share) * a + share * b, one, other), inputs)
    mine = answers[:, None] == jnp.arange(logits.shape[1])
    right = jnp.sum(jnp.where(mine, logits, 0.0), axis=1) > jnp.max(jnp.where(mine, -jnp.inf, logits), axis=1)
    return margin_loss(logits, answers), right
