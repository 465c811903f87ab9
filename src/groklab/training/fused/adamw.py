"""AdamW on a vector, in one pass (Loshchilov and Hutter 2019), with Optax's own rounding of the corrections."""

# pyright: reportMissingParameterType=false

import math

from groklab.training.fused.loops import compiled


@compiled
def adamw(w, g, mu, nu, count, beta1, beta2, eps, learning_rate, weight_decay):
    """w -= learning_rate * (m / (sqrt(v) + eps) + weight_decay * w), after step number `count`, from 1 on.

    The vectors and the scalars have one floating-point type.
    """
    one = w.dtype.type(1)
    first, second = one / (one - beta1**count), one / (one - beta2**count)
    for i in range(len(w)):
        mu[i] = beta1 * mu[i] + (one - beta1) * g[i]
        nu[i] = beta2 * nu[i] + (one - beta2) * g[i] * g[i]
        step = first * mu[i] / (math.sqrt(second * nu[i]) + eps)
        w[i] -= learning_rate * (step + weight_decay * w[i])


@compiled
def penalty(w, g, strength):
    """g += strength * sign(w), the gradient of an l1 penalty; 0 where a weight is 0."""
    zero = w.dtype.type(0)
    for i in range(len(w)):
        if w[i] > zero:
            g[i] += strength
        elif w[i] < zero:
            g[i] -= strength


@compiled
def squares(g):
    """The sum of squares."""
    total = g.dtype.type(0)
    for i in range(len(g)):
        total += g[i] * g[i]
    return total
