"""From settings to a network: with random weights, or with none, to be filled from a file."""

from typing import overload

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from groklab.models.linear import Linear
from groklab.models.mlp import MLP
from groklab.models.settings import LearnerSettings, LinearSettings, MLPSettings, ModelSettings
from groklab.models.transformer import Transformer

Model = Transformer | MLP
"""Any network of this package."""
Learner = Model | Linear
"""Anything that is trained: a network, or the linear model."""


@overload
def build(settings: ModelSettings, vocabulary: int, length: int, *, key: PRNGKeyArray) -> Model: ...
@overload
def build(settings: LearnerSettings, vocabulary: int, length: int, *, key: PRNGKeyArray) -> Learner: ...
def build(settings: LearnerSettings, vocabulary: int, length: int, *, key: PRNGKeyArray) -> Learner:
    """The network of these settings with initial weights drawn from the key.

    `vocabulary` is the number of tokens and `length` that of an example's tokens; both come from the task.
    The MLP reads the two operands alone and makes no use of the length; the linear model has `vocabulary` weights,
    and none of them is drawn.
    """
    if isinstance(settings, LinearSettings):
        return Linear(vocabulary)
    if isinstance(settings, MLPSettings):
        return MLP(settings, vocabulary, key=key)
    return Transformer(settings, vocabulary, length, key=key)


@overload
def skeleton(settings: ModelSettings, vocabulary: int, length: int) -> Model: ...
@overload
def skeleton(settings: LearnerSettings, vocabulary: int, length: int) -> Learner: ...
def skeleton(settings: LearnerSettings, vocabulary: int, length: int) -> Learner:
    """The network with a `jax.ShapeDtypeStruct` where each of its weights goes; nothing is computed."""
    return eqx.filter_eval_shape(lambda key: build(settings, vocabulary, length, key=key), jax.random.key(0))
