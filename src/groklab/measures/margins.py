"""How far the right answer's logit stands above the largest other one."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from groklab.measures.measure import measure
from groklab.measures.view import View, masked_mean


@measure(units="nats", needs=("classes",))
def train_margin(view: View) -> Float[Array, ""]:
    """Mean over the train pairs of the label's logit minus the largest other logit."""
    return masked_mean(view.margins, view.data.train)


@measure(units="nats", needs=("classes",))
def test_margin(view: View) -> Float[Array, ""]:
    """Mean over the test pairs of the right answer's logit minus the largest other logit."""
    return masked_mean(view.margins, view.data.test)


@measure(units="nats", needs=("classes",))
def train_margin_spread(view: View) -> Float[Array, ""]:
    """Standard deviation over the train pairs of the label's logit minus the largest other logit."""
    return _spread(view.margins, view.data.train)


@measure(units="nats", needs=("classes",))
def test_margin_spread(view: View) -> Float[Array, ""]:
    """Standard deviation over the test pairs of the right answer's logit minus the largest other logit."""
    return _spread(view.margins, view.data.test)


def _spread(values: Float[Array, "pair"], mask: Bool[Array, "pair"]) -> Float[Array, ""]:
    return jnp.sqrt(masked_mean((values - masked_mean(values, mask)) ** 2, mask))
