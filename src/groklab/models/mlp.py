"""A network of one hidden layer on the embeddings of the two operands, without attention."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from groklab.models.dropping import Dropout
from groklab.models.inputs import Inputs
from groklab.models.parts import Embed, activate, normal, plus
from groklab.models.recorder import Recorder
from groklab.models.settings import MLPSettings


class Hidden(eqx.Module):
    """The hidden layer: its rows for a, then its rows for b, and its way out to the logits."""

    W_in: Float[Array, "e m"]
    b_in: Float[Array, " m"] | None
    W_out: Float[Array, "m c"]
    b_out: Float[Array, " c"] | None
    activation: str = eqx.field(static=True)


class MLP(eqx.Module):
    """logits = act([E_a a, E_b b] W_in + b_in) W_out + b_out; one embedding for both operands, or one each.

    `embed.W_E` (vocabulary, d_embed), `embed_b.W_E` where b has its own, `mlp.W_in` (2 d_embed, d_mlp),
    `mlp.W_out` (d_mlp, classes). Initial weights are N(0, 1) / sqrt(fan-in), biases 0, embeddings
    N(0, 1) / sqrt(d_embed) as in the transformer: a token's vector has norm 1. All may carry a leading run
    axis.
    """

    embed: Embed
    embed_b: Embed | None
    mlp: Hidden

    def __init__(self, settings: MLPSettings, vocabulary: int, *, key: PRNGKeyArray) -> None:
        d_embed, d_mlp, scale = settings.d_embed, settings.d_mlp, settings.init_scale
        classes = vocabulary if settings.classes is None else settings.classes
        first, second, into, out = jax.random.split(key, 4)
        self.embed = Embed(normal(first, (vocabulary, d_embed), d_embed, scale))
        own = not settings.shared_embedding
        self.embed_b = Embed(normal(second, (vocabulary, d_embed), d_embed, scale)) if own else None
        self.mlp = Hidden(
            W_in=normal(into, (2 * d_embed, d_mlp), 2 * d_embed, scale),
            b_in=jnp.zeros(d_mlp) if settings.biases else None,
            W_out=normal(out, (d_mlp, classes), d_mlp, scale),
            b_out=jnp.zeros(classes) if settings.biases else None,
            activation=settings.activation,
        )

    def __call__(
        self, inputs: Inputs, *, dropout: float | Float[Array, ""] = 0.0, key: PRNGKeyArray | None = None
    ) -> Float[Array, "*batch class"]:
        """The logits. With a key, `dropout` is the probability of dropping an embedding or a neuron."""
        return self._forward(inputs, Recorder((), ()), Dropout(dropout, key))

    def run(
        self,
        inputs: Inputs,
        keep: Sequence[str] = (),
        *,
        dropout: float | Float[Array, ""] = 0.0,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Float[Array, "*batch class"], dict[str, Float[Array, "..."]]]:
        """The logits, and the activations asked for by name (`activation_names`), those alone.

        `embed` is (batch, 2 d_embed), `mlp.pre` and `mlp.post` (batch, d_mlp). Raises `Mistake` for a name
        that is none.
        """
        record = Recorder(keep, self.activation_names)
        return self._forward(inputs, record, Dropout(dropout, key)), record.kept

    @property
    def activation_names(self) -> tuple[str, ...]:
        """The names that `run` takes, in the order of the computation."""
        return ("embed", "mlp.pre", "mlp.post", "logits")

    @property
    def W_E(self) -> Float[Array, "v e"]:
        """The embedding of every token, as the first operand where each has its own."""
        return self.embed.W_E

    @property
    def neuron_logit_map(self) -> Float[Array, "c m"]:
        """What each neuron adds to each logit: W_out transposed."""
        return jnp.matrix_transpose(self.mlp.W_out)

    def _forward(self, inputs: Inputs, record: Recorder, drop: Dropout) -> Float[Array, "*batch class"]:
        second = self.embed if self.embed_b is None else self.embed_b
        pair = jnp.concatenate([self.embed(inputs.a), second(inputs.b)], axis=-1)
        x = record("embed", drop(0, pair))
        pre = record("mlp.pre", plus(x @ self.mlp.W_in, self.mlp.b_in))
        post = record("mlp.post", drop(1, activate(self.mlp.activation, pre)))
        return record("logits", plus(post @ self.mlp.W_out, self.mlp.b_out))
