"""From settings to a network: with random weights, or with none, to be filled from a file."""

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from groklab.models.mlp import MLP
from groklab.models.settings import MLPSettings, TransformerSettings
from groklab.models.transformer import Transformer

Model = Transformer | MLP
"""Any network of this package."""


def build(
    settings: TransformerSettings | MLPSettings, vocabulary: int, length: int, *, key: PRNGKeyArray
) -> Transformer | MLP:
    """The network of these settings with initial weights drawn from the key.

    `vocabulary` is the number of tokens and `length` that of an example's tokens; both come from the task.
    The MLP reads the two operands alone and makes no use of the length.
    """
    if isinstance(settings, MLPSettings):
        return MLP(settings, vocabulary, key=key)
    return Transformer(settings, vocabulary, length, key=key)


def skeleton(settings: TransformerSettings | MLPSettings, vocabulary: int, length: int) -> Transformer | MLP:
    """The network with a `jax.ShapeDtypeStruct` where each of its weights goes; nothing is computed."""
    return eqx.filter_eval_shape(lambda key: build(settings, vocabulary, length, key=key), jax.random.key(0))
