"""The optimisers, by Optax, with what differs between the runs of a batch left as arrays."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from groklab.training.settings import OptimiserSettings


def rate(settings: OptimiserSettings, steps: int, step: Int[Array, ""]) -> Float[Array, ""]:
    """The share of the learning rate at a step: linear warm-up, then 1, then linear cool-down to 0 at `steps`.

    Step 0 is the first; it has rate 1 / warmup. (The released code of Nanda et al. 2023 starts from 0, which
    only spends one step on nothing.)
    """
    share = jnp.float32(1.0)
    if settings.warmup:
        share = jnp.minimum(share, (step + 1) / settings.warmup)
    if settings.cooldown:
        share = jnp.minimum(share, (steps - step) / settings.cooldown)
    return share


def optimiser(
    settings: OptimiserSettings, learning_rate: Float[Array, ""], weight_decay: Float[Array, ""]
) -> optax.GradientTransformation:
    """The optimiser as a gradient transformation; both rates may be traced, the state does not depend on them.

    AdamW: w -= learning_rate * (m / (sqrt(v) + eps) + weight_decay * w) with both moments corrected for bias
    (Loshchilov and Hutter 2019). Adam and SGD add weight_decay * w to the gradient instead, as do RMSProp (Tieleman
    and Hinton 2012) and Adagrad (Duchi et al. 2011), whose sum starts at 0; Lion (Chen et al. 2023) decouples it.
    """
    decay = optax.add_decayed_weights(weight_decay)
    descend = optax.scale(-learning_rate)
    match settings.name:
        case "adamw":
            return optax.chain(_adam(settings), decay, descend)
        case "adam":
            return optax.chain(decay, _adam(settings), descend)
        case "sgd":
            return optax.chain(decay, optax.trace(decay=settings.momentum), descend)
        case "rmsprop":
            scale = optax.scale_by_rms(decay=settings.beta2, eps=settings.eps, eps_in_sqrt=False)
            return optax.chain(decay, scale, descend)
        case "adagrad":
            return optax.chain(decay, optax.scale_by_rss(initial_accumulator_value=0.0, eps=settings.eps), descend)
        case "lion":
            return optax.chain(optax.scale_by_lion(b1=settings.beta1, b2=settings.beta2), decay, descend)


def _adam(settings: OptimiserSettings) -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=settings.beta1, b2=settings.beta2, eps=settings.eps)
