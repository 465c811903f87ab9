"""The weights of the linear model: the one that solves every sample, and those that memorise one each.

The solution of least norm of n samples has memorising weights of 1 / (n + 1) and a general one of n / (n + 1).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.sample_view import SampleView
from groklab.measures.view import View


@measure(units="1", needs=("linear",))
def general_weight(view: View) -> Float[Array, ""]:
    """The weight that solves all samples, those never seen too."""
    return _general(view)


@measure(units="1", needs=("linear",))
def memorising_weight_mean(view: View) -> Float[Array, ""]:
    """Mean of the weights that memorise one sample each."""
    return jnp.mean(_memorising(view))


@measure(units="1", needs=("linear",))
def memorising_weight_largest(view: View) -> Float[Array, ""]:
    """The largest of the weights that memorise one sample each."""
    return jnp.max(_memorising(view))


@measure(units="1", needs=("linear",))
def general_difference(view: View) -> Float[Array, ""]:
    """Largest difference between the general weight and a memorising one, over the larger of the two; 0 where both are.

    Larger in absolute value: it is 1 where one of them is 0, and 2 where they are opposite.
    """
    general, memorising = _general(view), _memorising(view)
    larger = jnp.maximum(jnp.abs(general), jnp.abs(memorising))
    return jnp.max(jnp.where(larger > 0, jnp.abs(general - memorising) / jnp.where(larger > 0, larger, 1.0), 0.0))


@measure(units="1", needs=("linear",))
def straight_line_distance(view: View) -> Float[Array, ""]:
    """Distance of the weights from the line between 0 and the solution of least norm, over that solution's norm."""
    weights = jnp.append(_memorising(view), _general(view))
    samples = len(weights) - 1
    least = jnp.append(jnp.full(samples, 1 / (samples + 1)), samples / (samples + 1))
    length = jnp.sum(least**2)
    along = jnp.clip(weights @ least / length, 0, 1)
    return jnp.sqrt(jnp.sum((weights - along * least) ** 2) / length)


def _general(view: View) -> Float[Array, ""]:
    assert isinstance(view, SampleView)
    return view.linear.general


def _memorising(view: View) -> Float[Array, "sample"]:
    assert isinstance(view, SampleView)
    return view.linear.memorising
