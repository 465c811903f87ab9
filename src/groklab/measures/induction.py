"""What makes an induction head (Olsson et al. 2022), for every head of every layer.

An induction head completes a repeated subsequence: where its token came before, it attends to the token after that
(prefix matching), and raises that token's logit (copying). It needs a head of an earlier layer that attends to the
token before (Elhage et al. 2021). Heads are named by layer and number, `1.0`.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.sequence_view import SequenceView
from groklab.measures.view import View


@measure(units="1", dims=("head",), needs=("repeats", "attention"))
def prefix_matching(view: View) -> Float[Array, "head"]:
    """Mean attention from tokens of a block's second copy to the token after the same one in its first copy.

    Over all positions of the test sequences that count: sum of A[n, h, q, s] over their number, q the position and s
    the one whose token comes next.
    """
    assert isinstance(view, SequenceView)
    tested = view.tested
    place = jnp.maximum(tested.source, 0)[:, None, :, None]
    scores: list[Array] = []
    for pattern in view.patterns:
        taken = jnp.take_along_axis(pattern[:, :, -tested.source.shape[1] :, :], place, axis=3)[..., 0]
        scores.append(jnp.sum(jnp.where(tested.counts[:, None], taken, 0.0), axis=(0, 2)) / jnp.sum(tested.counts))
    return jnp.concatenate(scores)


@measure(units="1", dims=("head",), needs=("repeats", "attention"))
def copying(view: View) -> Float[Array, "head"]:
    """Share of the tokens whose own logit a head that attends to them raises most: argmax of W_E W_V W_O W_U is itself.

    The head's direct way from the embedding to the logits alone. By chance it is one over the vocabulary.
    """
    assert isinstance(view, SequenceView)
    model, shares = view.network, list[Array]()
    for block in model.blocks:
        into = jnp.einsum("vd,hdk->hvk", model.embed.W_E, block.attn.W_V)
        out = jnp.einsum("hkd,dc->hkc", block.attn.W_O, model.unembed.W_U)
        most = jnp.argmax(into @ out, axis=2)
        shares.append(jnp.mean((most == jnp.arange(most.shape[1])).astype(jnp.float32), axis=1))
    return jnp.concatenate(shares)


@measure(units="1", dims=("head",), needs=("repeats", "attention"))
def previous_token(view: View) -> Float[Array, "head"]:
    """Mean attention to the token before, over all positions of the test sequences but the first."""
    assert isinstance(view, SequenceView)
    means = [jnp.mean(jnp.diagonal(pattern, -1, 2, 3), axis=(0, 2)) for pattern in view.patterns]
    return jnp.concatenate(means)
