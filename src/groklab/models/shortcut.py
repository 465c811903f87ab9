"""The logits of the answer, with no more arithmetic than they need.

The answer is read at the last position, whose token (`=`) is the same in every example. In one layer its
query is then one constant vector, and the keys and values of an operand depend on its token and position
alone: they are looked up in tables over the vocabulary. Without LayerNorm the maps that follow each other are
multiplied first, W_O W_in, W_O W_U and W_out W_U. The function is the one of the plain forward; only the
order of its sums differs.

Axes: n example, v vocabulary, d residual stream, h head, k within a head, z = (h k), m neuron, c class.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from groklab.models.inputs import OPERAND, Inputs
from groklab.models.lookup import rows
from groklab.models.mlp import MLP
from groklab.models.parts import Attention, activate, plus
from groklab.models.transformer import Block, Transformer


def answer_logits(
    model: Transformer | MLP,
    inputs: Inputs,
    *,
    dropout: float | Float[Array, ""] = 0.0,
    key: PRNGKeyArray | None = None,
) -> Float[Array, "*batch class"]:
    """The logits at the last position of every example, equal to the plain forward's to float32 accuracy.

    The shortcut is taken where it is exact: one layer, a constant last token, no dropout (no key); for the
    MLP, no dropout. Elsewhere the plain forward runs, with its last block at the last position only.
    """
    if isinstance(model, MLP):
        return _mlp(model, inputs) if key is None else model(inputs, dropout=dropout, key=key)
    if len(model.blocks) > 1 or inputs.template[-1] == OPERAND or key is not None:
        return model(inputs, dropout=dropout, key=key, last=1)[..., -1, :]
    return _one_layer(model, inputs)


def first_scores(model: Transformer, template: Sequence[int]) -> list[Float[Array, "... h"]]:
    """The score of the last position's query with every position's key in the first layer's heads, before the softmax.

    A table over the vocabulary where an operand stands, a vector elsewhere. Without the keys' bias, which moves all
    scores of a head alike and so drops out of the softmax; its gradient is 0.
    """
    return _scores(model.blocks[0].attn, _normed(model.blocks[0], _streams(model, template)))


def answer_neurons(model: Transformer, inputs: Inputs) -> Float[Array, "*batch m"]:
    """The neurons of a one-layer network at the last position after the nonlinearity, in the shortcut's arithmetic."""
    return _neurons(model, *_mixed(model, inputs))


def _one_layer(model: Transformer, inputs: Inputs) -> Float[Array, "*batch class"]:
    block = model.blocks[0]
    z, constant = _mixed(model, inputs)
    W_O = block.attn.W_O.reshape(-1, block.attn.W_O.shape[-1])
    if block.ln2 is None and model.ln_final is None:
        logits = z @ (W_O @ model.W_U)
        if block.mlp is not None:
            logits += _neurons(model, z, constant) @ (block.mlp.W_out @ model.W_U)
            constant = plus(constant, block.mlp.b_out)
        return logits + model.unembed(constant)
    x = z @ W_O + constant
    if block.mlp is not None:
        x = x + plus(_neurons(model, z, constant) @ block.mlp.W_out, block.mlp.b_out)
    return model.unembed(x if model.ln_final is None else model.ln_final(x))


def _mixed(model: Transformer, inputs: Inputs) -> tuple[Float[Array, "*batch z"], Float[Array, "d"]]:
    """Each head's values, weighted by its attention from the last position, and what the residual stream has there
    beside what they add to it."""
    heads, before = model.blocks[0].attn, _streams(model, inputs.template)
    count, _, width = heads.W_Q.shape
    normed = _normed(model.blocks[0], before)
    scores = _scores(heads, normed)
    values = [plus(jnp.einsum("...d,hdk->...hk", x, heads.W_V), heads.b_V) for x in normed]
    for position, operand in zip(inputs.operands, (inputs.a, inputs.b), strict=True):
        scores[position], values[position] = rows(scores[position], operand), rows(values[position], operand)
    pattern = jax.nn.softmax(jnp.stack(jnp.broadcast_arrays(*scores)), axis=0)[..., None]
    mixed = sum(weight * value for weight, value in zip(pattern, values, strict=True))
    return jnp.asarray(mixed).reshape(*inputs.a.shape, count * width), plus(before[-1], heads.b_O)


def _streams(model: Transformer, template: Sequence[int]) -> list[Float[Array, "... d"]]:
    """The residual stream before the first layer: a table (v, d) where an operand stands, a vector (d,) elsewhere."""
    tokens = [model.embed.W_E if token == OPERAND else model.embed.W_E[token] for token in template]
    return [x + model.pos_embed.W_pos[position] for position, x in enumerate(tokens)]


def _normed(block: Block, before: list[Float[Array, "... d"]]) -> list[Float[Array, "... d"]]:
    return before if block.ln1 is None else [block.ln1(x) for x in before]


def _scores(heads: Attention, normed: list[Float[Array, "... d"]]) -> list[Float[Array, "... h"]]:
    query = plus(jnp.einsum("d,hdk->hk", normed[-1], heads.W_Q), heads.b_Q) / math.sqrt(heads.W_Q.shape[-1])
    scoring = jnp.einsum("hdk,hk->dh", heads.W_K, query)
    return [x @ scoring for x in normed]


def _neurons(model: Transformer, z: Float[Array, "*batch z"], constant: Float[Array, "d"]) -> Float[Array, "*batch m"]:
    block = model.blocks[0]
    heads, mlp = block.attn, block.mlp
    assert mlp is not None
    W_O = heads.W_O.reshape(-1, heads.W_O.shape[-1])
    if block.ln2 is None:
        pre = z @ (W_O @ mlp.W_in) + plus(constant @ mlp.W_in, mlp.b_in)
    else:
        pre = plus(block.ln2(z @ W_O + constant) @ mlp.W_in, mlp.b_in)
    return activate(mlp.activation, pre)


def _mlp(model: MLP, inputs: Inputs) -> Float[Array, "*batch class"]:
    """The operands' shares of every neuron's input are looked up in tables over the vocabulary."""
    hidden = model.mlp
    for_a, for_b = jnp.split(hidden.W_in, 2)
    second = model.embed if model.embed_b is None else model.embed_b
    pre = rows(model.embed.W_E @ for_a, inputs.a) + rows(plus(second.W_E @ for_b, hidden.b_in), inputs.b)
    return plus(activate(hidden.activation, pre) @ hidden.W_out, hidden.b_out)
