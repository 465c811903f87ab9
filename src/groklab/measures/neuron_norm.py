"""The Fourier spectrum of the neurons over the pairs, by the terms of each frequency (Nanda et al. 2023, 4.3)."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.measures.measure import measure
from groklab.measures.view import View
from groklab.measures.waves import power
from groklab.models import MLP, Inputs, answer_neurons


@measure(units="1", dims=("frequency",), needs=("group", "mlp"), afterwards=True)
def neuron_norm(view: View) -> Float[Array, "frequency"]:
    """Norm over all pairs and neurons of the last layer's activations in the 8 terms of each frequency.

    The terms of frequency k: cos and sin of w_k a, of w_k b, and their 4 products, an orthonormal basis. Activations
    are those after the nonlinearity, at the answer's position.
    """
    order = view.basis.order
    return jnp.sqrt(power(_activations(view).reshape(order, order, -1), view.basis))


def _activations(view: View) -> Float[Array, "pair neuron"]:
    """The last layer's neurons at the last position, for the pairs inside the group."""
    model, task, rows = view.model, view.task, view.basis.pairs
    a, b = jnp.asarray(task.a[rows]), jnp.asarray(task.b[rows])
    inputs = Inputs(a, b, task.template)
    if not isinstance(model, MLP) and len(model.blocks) == 1:
        return answer_neurons(model, inputs)
    if isinstance(model, MLP):
        return model.run(inputs, ["mlp.post"])[1]["mlp.post"]
    name = f"blocks.{len(model.blocks) - 1}.mlp.post"
    return model.run(inputs, [name])[1][name][:, -1]
