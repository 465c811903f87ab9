"""Fourier spectra of the embedding and of the neuron-logit map over the task's group."""

from jaxtyping import Array, Float

from groklab.groups import spectrum
from groklab.measures.measure import measure
from groklab.measures.view import View


@measure(units="1", dims=("frequency",), needs=("group",))
def embedding_norm(view: View) -> Float[Array, "frequency"]:
    """Norm of each frequency's component of W_E along the tokens, cos and sin merged."""
    return spectrum(view.group, view.embedding)


@measure(units="1", dims=("frequency",), needs=("group", "mlp"))
def neuron_logit_norm(view: View) -> Float[Array, "frequency"]:
    """Norm of each frequency's component of W_L = W_U W_out along the answers, cos and sin merged."""
    return spectrum(view.group, view.neuron_logit_map)
