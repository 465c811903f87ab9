"""The loss of every digit of a sum: each may be learned in a phase change of its own."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.sequence_view import SequenceView
from groklab.measures.view import View


@measure(units="nats", dims=("digit",), needs=("digits",))
def loss_by_digit(view: View) -> Float[Array, "digit"]:
    """Mean cross-entropy on the test sums of each digit of the sum, by its power of ten, given those before it."""
    assert isinstance(view, SequenceView)
    return jnp.mean(view.by_position(view.losses), axis=0)
