"""Loss and accuracy on the train and on the test pairs."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.view import View, masked_mean


@measure(units="nats")
def train_loss(view: View) -> Float[Array, ""]:
    """Mean cross-entropy on the train pairs, against the labels trained on."""
    return masked_mean(view.losses, view.data.train)


@measure(units="nats")
def test_loss(view: View) -> Float[Array, ""]:
    """Mean cross-entropy on the test pairs, against the right answers."""
    return masked_mean(view.losses, view.data.test)


@measure(units="1")
def train_accuracy(view: View) -> Float[Array, ""]:
    """Share of the train pairs whose label has the largest logit."""
    return masked_mean(view.correct.astype(jnp.float32), view.data.train)


@measure(units="1")
def test_accuracy(view: View) -> Float[Array, ""]:
    """Share of the test pairs whose right answer has the largest logit."""
    return masked_mean(view.correct.astype(jnp.float32), view.data.test)
