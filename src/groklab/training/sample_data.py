"""The linear model in training: the data of a batch, and the loss of one run."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from groklab.measures.sample_view import SampleTable
from groklab.models import Learner, Linear
from groklab.training.minibatch import minibatch
from groklab.training.settings import Run


class SampleData(eqx.Module):
    """The rates in which the runs of a batch differ; their samples are the same."""

    learning_rate: Float[Array, "*run"]
    """Step size after warm-up."""
    weight_decay: Float[Array, "*run"]
    """Strength of the decay."""
    key: UInt32[Array, "*run word"]
    """Data of the key from which everything is drawn during training; step s uses fold_in(key, s)."""
    table: SampleTable
    """Nothing, for the measures."""


def sample_loss(model: Learner, run: Run, choose: PRNGKeyArray) -> Float[Array, ""]:
    """Mean squared difference from 1, over all samples or over those of a minibatch."""
    assert isinstance(model, Linear)
    losses = (model()[:-1] - 1) ** 2
    if run.batch_size is not None:
        losses = losses[minibatch(choose, jnp.ones(len(losses)), run.batch_size)]
    return jnp.mean(losses)
