"""Cross-entropy, in the form that stays exact in float32 and in the usual form that does not."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

PairLoss = Callable[[Float[Array, "pair class"], Int[Array, "pair"]], Float[Array, "pair"]]


def margin_loss(logits: Float[Array, "pair class"], labels: Int[Array, "pair"]) -> Float[Array, "pair"]:
    """Cross-entropy of each pair in nats, as log1p(S) with S the sum over c != y of exp(l_c - l_y).

    No difference of nearly equal numbers occurs in it nor in its gradient p_c = exp(l_c - l_y) / (1 + S), so
    that losses of 1e-30 and their gradients are right in float32; the usual form stops near 1e-7. With
    m = max(0, max_c l_c - l_y) held out of the exponentials, gaps of any size and sign are safe.
    """
    return loss_and_margin(logits, labels)[0]


def loss_and_margin(
    logits: Float[Array, "pair class"], labels: Int[Array, "pair"]
) -> tuple[Float[Array, "pair"], Float[Array, "pair"]]:
    """`margin_loss`, and the margin that it takes anyway: the label's logit minus the largest other one."""
    right = labels[:, None] == jnp.arange(logits.shape[1])
    own = jnp.sum(jnp.where(right, logits, 0.0), axis=1)
    others = jnp.where(right, -jnp.inf, logits)
    margin = own - jnp.max(others, axis=1)
    most = jax.lax.stop_gradient(jnp.maximum(0.0, -margin))
    rest = jnp.sum(jnp.exp(others - own[:, None] - most[:, None]), axis=1)
    return most + jnp.log1p(jnp.expm1(-most) + rest), margin


def log_softmax_loss(logits: Float[Array, "pair class"], labels: Int[Array, "pair"]) -> Float[Array, "pair"]:
    """Cross-entropy of each pair in nats, the usual way: minus the log-softmax at the label.

    In float32 its gradient for the right answer, p_y - 1, is a difference of nearly equal numbers: the cause of
    the slingshots of Nanda et al. 2023, appendix D. Kept because they are a thing to study.
    """
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]


def pair_loss(form: Literal["margin", "log_softmax"]) -> PairLoss:
    """The loss of that form, a function of logits and labels."""
    return {"margin": margin_loss, "log_softmax": log_softmax_loss}[form]
