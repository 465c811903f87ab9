"""What a network is made of, without the network: cheap to import, stored with every run."""

from dataclasses import dataclass
from typing import Literal

from groklab.errors import Mistake
from groklab.settings import Settings, check_types


@dataclass(frozen=True, kw_only=True)
class TransformerSettings(Settings):
    """A decoder-only transformer. The defaults are the published one of Nanda et al. 2023, section 3."""

    layers: int = 1
    """How many blocks of attention and MLP."""
    d_model: int = 128
    """Width of the residual stream."""
    heads: int = 4
    """Attention heads in each block."""
    d_head: int | None = None
    """Width of one head; nothing means d_model / heads."""
    d_mlp: int = 512
    """Neurons in each block's MLP; 0 means attention only."""
    activation: Literal["relu", "gelu"] = "relu"
    """The neurons' nonlinearity (gelu: the exact one, x times the normal distribution function)."""
    layer_norm: bool = False
    """LayerNorm before attention, before the MLP and before the unembedding (learned scale and shift)."""
    attention_biases: bool = False
    """Biases on queries, keys, values and the heads' output."""
    mlp_biases: bool = True
    """Biases of the MLP, in and out."""
    unembedding_bias: bool = False
    """A bias on the logits."""
    classes: int | None = None
    """Width of the logits; nothing means the whole vocabulary, as in the released code."""
    init_scale: float = 1.0
    """Every initial weight matrix is multiplied by this."""

    def __post_init__(self) -> None:
        check_types(self)
        _check_sizes(self, "layers", "d_model", "heads", "d_head", "classes")
        if self.d_mlp < 0:
            raise Mistake(f"model.d_mlp must be 0 (attention only) or more, not {self.d_mlp}")
        if self.d_head is None and self.d_model % self.heads:
            raise Mistake(
                f"model.d_model {self.d_model} is no multiple of model.heads {self.heads}; "
                "change one, or give model.d_head"
            )

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.d_head if self.d_head is not None else self.d_model // self.heads


@dataclass(frozen=True, kw_only=True)
class MLPSettings(Settings):
    """One hidden layer on the embeddings of a and b: logits = W_out act(W_in [E a, E b] + b_in) + b_out."""

    d_embed: int = 64
    """Width of each token's embedding."""
    d_mlp: int = 256
    """Hidden neurons."""
    activation: Literal["relu", "gelu", "quadratic"] = "relu"
    """The neurons' nonlinearity."""
    biases: bool = True
    """Biases on the hidden layer and on the logits."""
    shared_embedding: bool = True
    """One embedding for both operands, or one each."""
    classes: int | None = None
    """Width of the logits; nothing means the whole vocabulary."""
    init_scale: float = 1.0
    """Every initial weight matrix is multiplied by this."""

    def __post_init__(self) -> None:
        check_types(self)
        _check_sizes(self, "d_embed", "d_mlp", "classes")


@dataclass(frozen=True, kw_only=True)
class LinearSettings(Settings):
    """The linear model: a weight for each input of its samples, all 0 at the start. For `SamplesSettings` alone."""


ModelSettings = TransformerSettings | MLPSettings
"""Networks."""
LearnerSettings = ModelSettings | LinearSettings
"""Anything that learns."""


def _check_sizes(settings: Settings, *names: str) -> None:
    for name in names:
        size = getattr(settings, name)
        if size is not None and size < 1:
            raise Mistake(f"model.{name} must be at least 1, not {size}")
