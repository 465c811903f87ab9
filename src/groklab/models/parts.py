"""What a transformer is put together from: embeddings, LayerNorm, attention, neurons, unembedding.

Names and shapes of parameters are TransformerLens's. A part that is switched off is None. Initial weights are
those of Nanda et al. 2023 (released code): N(0, 1) / sqrt(d_model) for every matrix, also the one out of the
neurons, but N(0, 1) / sqrt(vocabulary) for the unembedding; biases 0.

Axes: v vocabulary, d residual stream, h head, k within a head, m neuron, c class, q query and s source
position.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from groklab.models.dropping import Dropout
from groklab.models.lookup import rows
from groklab.models.recorder import Recorder
from groklab.models.settings import TransformerSettings


def normal(key: PRNGKeyArray, shape: tuple[int, ...], fan: int, scale: float) -> Float[Array, "..."]:
    """Initial weights, scale * N(0, 1) / sqrt(fan), float32."""
    return jax.random.normal(key, shape, jnp.float32) * (scale / math.sqrt(fan))


def plus(value: Float[Array, "*shape"], bias: Float[Array, "..."] | None) -> Float[Array, "*shape"]:
    """The value plus a bias, where there is one."""
    return value if bias is None else value + bias


def activate(name: str, value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The nonlinearity: relu, gelu (x times the normal distribution function) or quadratic (x squared)."""
    if name == "quadratic":
        return jnp.square(value)
    return jax.nn.relu(value) if name == "relu" else jax.nn.gelu(value, approximate=False)


class Embed(eqx.Module):
    """A vector for each token."""

    W_E: Float[Array, "v d"]

    def __call__(self, tokens: Int[Array, "*batch"]) -> Float[Array, "*batch d"]:
        """The tokens' vectors."""
        return rows(self.W_E, tokens)


class PositionEmbed(eqx.Module):
    """A learned vector for each position."""

    W_pos: Float[Array, "s d"]


class Unembed(eqx.Module):
    """From the residual stream to logits."""

    W_U: Float[Array, "d c"]
    b_U: Float[Array, " c"] | None

    def __call__(self, x: Float[Array, "*batch d"]) -> Float[Array, "*batch c"]:
        """The logits."""
        return plus(x @ self.W_U, self.b_U)


class LayerNorm(eqx.Module):
    """w (x - mean) / sqrt(variance + 1e-5) + b over the last axis, as TransformerLens has it."""

    w: Float[Array, " d"]
    b: Float[Array, " d"]

    def __init__(self, width: int) -> None:
        self.w = jnp.ones(width)
        self.b = jnp.zeros(width)

    def __call__(self, x: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        """The normalised vectors."""
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = jnp.square(centred).mean(axis=-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + 1e-5) * self.w + self.b


class Attention(eqx.Module):
    """Causal attention; scores are divided by sqrt(d_head)."""

    W_Q: Float[Array, "h d k"]
    W_K: Float[Array, "h d k"]
    W_V: Float[Array, "h d k"]
    W_O: Float[Array, "h k d"]
    b_Q: Float[Array, "h k"] | None
    b_K: Float[Array, "h k"] | None
    b_V: Float[Array, "h k"] | None
    b_O: Float[Array, " d"] | None

    @staticmethod
    def initial(settings: TransformerSettings, *, key: PRNGKeyArray) -> "Attention":
        """Attention with initial weights drawn from the key."""
        heads, width, d_model = settings.heads, settings.head_width, settings.d_model
        q, k, v, o = jax.random.split(key, 4)
        into, out, scale = (heads, d_model, width), (heads, width, d_model), settings.init_scale
        biases = settings.attention_biases
        return Attention(
            W_Q=normal(q, into, d_model, scale),
            W_K=normal(k, into, d_model, scale),
            W_V=normal(v, into, d_model, scale),
            W_O=normal(o, out, d_model, scale),
            b_Q=jnp.zeros((heads, width)) if biases else None,
            b_K=jnp.zeros((heads, width)) if biases else None,
            b_V=jnp.zeros((heads, width)) if biases else None,
            b_O=jnp.zeros(d_model) if biases else None,
        )

    def __call__(
        self, x: Float[Array, "*batch s d"], record: Recorder, name: str, *, last: int = 0
    ) -> Float[Array, "*batch q d"]:
        """The heads' summed output, at the `last` last positions alone; 0 means at all.

        Scores are recorded after masking: -inf where the source comes after the query.
        """
        source = x.shape[-2]
        query = x[..., -last:, :] if last else x
        q = record(f"{name}.q", plus(jnp.einsum("...qd,hdk->...qhk", query, self.W_Q), self.b_Q))
        k = record(f"{name}.k", plus(jnp.einsum("...sd,hdk->...shk", x, self.W_K), self.b_K))
        v = record(f"{name}.v", plus(jnp.einsum("...sd,hdk->...shk", x, self.W_V), self.b_V))
        scores = jnp.einsum("...qhk,...shk->...hqs", q, k) / math.sqrt(self.W_Q.shape[-1])
        past = jnp.tril(jnp.ones((source, source), bool))[source - query.shape[-2] :]
        scores = record(f"{name}.scores", jnp.where(past, scores, -jnp.inf))
        pattern = record(f"{name}.pattern", jax.nn.softmax(scores, axis=-1))
        z = record(f"{name}.z", jnp.einsum("...hqs,...shk->...qhk", pattern, v))
        return record(f"{name}.out", plus(jnp.einsum("...qhk,hkd->...qd", z, self.W_O), self.b_O))


class Neurons(eqx.Module):
    """One hidden layer at each position."""

    W_in: Float[Array, "d m"]
    b_in: Float[Array, " m"] | None
    W_out: Float[Array, "m d"]
    b_out: Float[Array, " d"] | None
    activation: str = eqx.field(static=True)

    def __init__(self, settings: TransformerSettings, *, key: PRNGKeyArray) -> None:
        d_model, d_mlp = settings.d_model, settings.d_mlp
        into, out = jax.random.split(key)
        self.W_in = normal(into, (d_model, d_mlp), d_model, settings.init_scale)
        self.W_out = normal(out, (d_mlp, d_model), d_model, settings.init_scale)
        self.b_in = jnp.zeros(d_mlp) if settings.mlp_biases else None
        self.b_out = jnp.zeros(d_model) if settings.mlp_biases else None
        self.activation = settings.activation

    def __call__(
        self, x: Float[Array, "*batch d"], record: Recorder, name: str, drop: Dropout, place: int
    ) -> Float[Array, "*batch d"]:
        """The neurons' contribution to the residual stream. Dropout acts on what the neurons put out."""
        pre = record(f"{name}.pre", plus(x @ self.W_in, self.b_in))
        post = record(f"{name}.post", drop(place, activate(self.activation, pre)))
        return record(f"{name}.out", plus(post @ self.W_out, self.b_out))
