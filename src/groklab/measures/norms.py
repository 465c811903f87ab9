"""The size of the weights: what weight decay presses on."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.view import View


@measure(units="1")
def sum_of_squares(view: View) -> Float[Array, ""]:
    """Sum of the squares of all parameters."""
    return sum((jnp.sum(weight**2) for weight in view.weights.values()), start=jnp.float32(0.0))


@measure(units="1", dims=("matrix",))
def matrix_norm(view: View) -> Float[Array, "matrix"]:
    """Frobenius norm of each parameter array, by its name."""
    return jnp.stack([jnp.sqrt(jnp.sum(weight**2)) for weight in view.weights.values()])
