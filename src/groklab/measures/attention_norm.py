"""The Fourier spectrum of the attention scores: which frequencies the heads look at (Nanda et al. 2023, Table 2)."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.groups import spectrum
from groklab.measures.measure import measure
from groklab.measures.view import View
from groklab.models import Transformer, first_scores


@measure(units="1", dims=("frequency",), needs=("group", "attention"))
def attention_norm(view: View) -> Float[Array, "frequency"]:
    """Norm of each frequency's component of the first layer's scores to a and to b over the tokens, heads pooled.

    The score s_h(t) is the one before the softmax of the query at the last position and the key of token t at the
    operand's position. Squares are summed over the heads and the two operands.
    """
    model, structure = view.model, view.structure
    assert isinstance(model, Transformer)
    by_position, (a, b) = first_scores(model, view.task.template), view.task.operand_positions
    both = (by_position[a][structure.in_order("a")], by_position[b][structure.in_order("b")])
    return spectrum(view.group, jnp.concatenate(both, axis=1))
