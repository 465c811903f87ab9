"""The decoder-only transformer of Nanda et al. 2023, in any depth and width: the definition, in full.

Training on a binary operation goes through `groklab.models.answer_logits`, which needs far less arithmetic in
one layer and gives the same numbers.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from groklab.errors import Mistake
from groklab.models.dropping import Dropout
from groklab.models.inputs import Inputs
from groklab.models.parts import Attention, Embed, LayerNorm, Neurons, PositionEmbed, Unembed, normal
from groklab.models.recorder import Recorder
from groklab.models.settings import TransformerSettings


class Block(eqx.Module):
    """Attention, then neurons where there are any, each added to the residual stream."""

    ln1: LayerNorm | None
    attn: Attention
    ln2: LayerNorm | None
    mlp: Neurons | None

    def __init__(self, settings: TransformerSettings, *, key: PRNGKeyArray) -> None:
        attention, neurons = jax.random.split(key)
        norm, mlp = settings.layer_norm, settings.d_mlp > 0
        self.ln1 = LayerNorm(settings.d_model) if norm else None
        self.attn = Attention.initial(settings, key=attention)
        self.ln2 = LayerNorm(settings.d_model) if norm and mlp else None
        self.mlp = Neurons(settings, key=neurons) if mlp else None

    def __call__(
        self,
        x: Float[Array, "*batch s d"],
        record: Recorder,
        index: int,
        drop: Dropout,
        *,
        last: int = 0,
    ) -> Float[Array, "*batch q d"]:
        """The residual stream after this block, at the `last` last positions alone; 0 means at all."""
        name = f"blocks.{index}"
        record(f"{name}.resid_pre", x)
        out = self.attn(x if self.ln1 is None else self.ln1(x), record, f"{name}.attn", last=last)
        x = record(f"{name}.resid_mid", (x[..., -last:, :] if last else x) + drop(2 * index + 1, out))
        if self.mlp is not None:
            normed = x if self.ln2 is None else self.ln2(x)
            x = x + self.mlp(normed, record, f"{name}.mlp", drop, 2 * index + 2)
        return record(f"{name}.resid_post", x)


class Transformer(eqx.Module):
    """Decoder-only, causal, learned positions, untied; d_mlp = 0 leaves attention only.

    Parameters have TransformerLens's names and shapes: `embed.W_E` (vocabulary, d_model), `pos_embed.W_pos`
    (length, d_model), `blocks.i.attn.W_Q` (heads, d_model, d_head), `.W_O` (heads, d_head, d_model),
    `blocks.i.mlp.W_in` (d_model, d_mlp), `unembed.W_U` (d_model, classes). All may carry a leading run axis,
    for `jax.vmap`. At the published setting these are 226,816 numbers, the MLP's biases and the logit of `=`
    included, whose squares initially sum to 1,781 on average.
    """

    embed: Embed
    pos_embed: PositionEmbed
    blocks: tuple[Block, ...]
    ln_final: LayerNorm | None
    unembed: Unembed

    def __init__(self, settings: TransformerSettings, vocabulary: int, length: int, *, key: PRNGKeyArray) -> None:
        d_model, scale = settings.d_model, settings.init_scale
        classes = vocabulary if settings.classes is None else settings.classes
        token, position, out, *blocks = jax.random.split(key, 3 + settings.layers)
        self.embed = Embed(normal(token, (vocabulary, d_model), d_model, scale))
        self.pos_embed = PositionEmbed(normal(position, (length, d_model), d_model, scale))
        self.blocks = tuple(Block(settings, key=k) for k in blocks)
        self.ln_final = LayerNorm(d_model) if settings.layer_norm else None
        bias = jnp.zeros(classes) if settings.unembedding_bias else None
        self.unembed = Unembed(normal(out, (d_model, classes), vocabulary, scale), bias)

    def __call__(
        self,
        tokens: Int[Array, "*batch length"] | Inputs,
        *,
        dropout: float | Float[Array, ""] = 0.0,
        key: PRNGKeyArray | None = None,
        last: int = 0,
    ) -> Float[Array, "*batch position class"]:
        """The logits at every position, or at the `last` last alone (fewer positions, less arithmetic).

        With a key, `dropout` is the probability of dropping an embedding, an attention output or a neuron.
        Sequences may be shorter than the longest the network knows.
        """
        return self._forward(tokens, Recorder((), ()), Dropout(dropout, key), last=last)

    def run(
        self,
        tokens: Int[Array, "*batch length"] | Inputs,
        keep: Sequence[str] = (),
        *,
        dropout: float | Float[Array, ""] = 0.0,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Float[Array, "*batch position class"], dict[str, Float[Array, "..."]]]:
        """The logits, and the activations asked for by name (`activation_names`), those alone.

        Residual streams are (batch, position, d_model); q, k, v and z (batch, position, head, d_head); scores
        and pattern (batch, head, query, source), scores -inf where masked; mlp.pre and mlp.post
        (batch, position, d_mlp). Raises `Mistake` for a name that is none.
        """
        record = Recorder(keep, self.activation_names)
        return self._forward(tokens, record, Dropout(dropout, key)), record.kept

    @property
    def activation_names(self) -> tuple[str, ...]:
        """The names that `run` takes, in the order of the computation."""
        attention = tuple(f"attn.{part}" for part in ("q", "k", "v", "scores", "pattern", "z", "out"))
        neurons = ("mlp.pre", "mlp.post", "mlp.out")
        return (
            *(
                f"blocks.{index}.{part}"
                for index, block in enumerate(self.blocks)
                for part in (
                    "resid_pre",
                    *attention,
                    "resid_mid",
                    *(() if block.mlp is None else neurons),
                    "resid_post",
                )
            ),
            "logits",
        )

    @property
    def W_E(self) -> Float[Array, "v d"]:
        """The embedding of every token."""
        return self.embed.W_E

    @property
    def W_U(self) -> Float[Array, "d c"]:
        """The unembedding."""
        return self.unembed.W_U

    @property
    def neuron_logit_map(self) -> Float[Array, "c m"]:
        """W_L = W_U W_out in the paper's notation: what each neuron of the last block adds to each logit.

        Exact without LayerNorm; with it, up to the final norm. Raises `Mistake` where there are no neurons.
        """
        mlp = self.blocks[-1].mlp
        if mlp is None:
            raise Mistake("this network is attention only (d_mlp 0): without neurons there is no neuron-logit map")
        return jnp.matrix_transpose(mlp.W_out @ self.unembed.W_U)

    def _forward(
        self,
        tokens: Int[Array, "*batch length"] | Inputs,
        record: Recorder,
        drop: Dropout,
        *,
        last: int = 0,
    ) -> Float[Array, "*batch position class"]:
        tokens = tokens.tokens if isinstance(tokens, Inputs) else tokens
        x = drop(0, self.embed(tokens) + self.pos_embed.W_pos[: tokens.shape[-1]])
        for index, block in enumerate(self.blocks):
            x = block(x, record, index, drop, last=last if index == len(self.blocks) - 1 else 0)
        return record("logits", self.unembed(x if self.ln_final is None else self.ln_final(x)))
