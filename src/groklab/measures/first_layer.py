"""What the first layer's heads see of each token, as tables over the tokens.

The last position's token is constant, so its query is one vector a head, and the key and the value of an operand
depend on its token and position alone. Axes: t token, d residual stream, h head, k within a head.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.models import Transformer
from groklab.models.inputs import OPERAND
from groklab.models.parts import activate, plus
from groklab.tasks import Task


def streams(model: Transformer, task: Task) -> list[Float[Array, "... d"]]:
    """What stands in the residual stream before the first layer at every position.

    A table over the tokens where an operand stands, a vector elsewhere.
    """
    tokens = [model.embed.W_E if token == OPERAND else model.embed.W_E[token] for token in task.template]
    return [table + model.pos_embed.W_pos[position] for position, table in enumerate(tokens)]


def scores(model: Transformer, task: Task) -> list[Float[Array, "... h"]]:
    """The score of the last position's query with the key of every token, for every position.

    Without the keys' bias, which moves all scores of a head alike.
    """
    block = model.blocks[0]
    heads = block.attn
    normed = [x if block.ln1 is None else block.ln1(x) for x in streams(model, task)]
    query = plus(jnp.einsum("d,hdk->hk", normed[-1], heads.W_Q), heads.b_Q) / math.sqrt(heads.W_Q.shape[-1])
    scoring = jnp.einsum("hdk,hk->dh", heads.W_K, query)
    return [x @ scoring for x in normed]


def neurons(model: Transformer, task: Task, a: Array, b: Array) -> Float[Array, "pair m"]:
    """The first layer's neurons at the last position after the nonlinearity, for the pairs (a, b).

    The same as the plain forward's in a tenth of its time: nothing is computed for a pair that could be for a token.
    """
    block = model.blocks[0]
    heads, mlp, before = block.attn, block.mlp, streams(model, task)
    assert mlp is not None
    normed = [x if block.ln1 is None else block.ln1(x) for x in before]
    values = [plus(jnp.einsum("...d,hdk->...hk", x, heads.W_V), heads.b_V) for x in normed]
    scored = scores(model, task)
    for position, operand in zip(task.operand_positions, (a, b), strict=True):
        scored[position], values[position] = scored[position][operand], values[position][operand]
    pattern = jax.nn.softmax(jnp.stack(jnp.broadcast_arrays(*scored)), axis=0)[..., None]
    mixed = sum(weight * value for weight, value in zip(pattern, values, strict=True))
    z = jnp.asarray(mixed).reshape(len(a), -1)
    W_O = heads.W_O.reshape(-1, heads.W_O.shape[-1])
    constant = plus(before[-1], heads.b_O)
    if block.ln2 is None:
        pre = z @ (W_O @ mlp.W_in) + plus(constant @ mlp.W_in, mlp.b_in)
    else:
        pre = plus(block.ln2(z @ W_O + constant) @ mlp.W_in, mlp.b_in)
    return activate(mlp.activation, pre)
