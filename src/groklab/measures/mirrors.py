"""Test accuracy on pairs whose mirror image was trained on, and on those whose was not.

A memoriser that knows a o b = b o a is right on the first and at chance on the second, so that early test
accuracy need not be generalisation. A pair (a, a), or one whose mirror is not in the table, counts as unmirrored.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from groklab.measures.measure import measure
from groklab.measures.view import View, masked_mean


@measure(units="1", needs=("mirrors",))
def mirror_accuracy_trained(view: View) -> Float[Array, ""]:
    """Share of right answers among the test pairs (a, b) whose mirror (b, a) is a train pair."""
    return masked_mean(view.correct.astype(jnp.float32), view.data.test & _mirror_trained(view))


@measure(units="1", needs=("mirrors",))
def mirror_accuracy_untrained(view: View) -> Float[Array, ""]:
    """Share of right answers among the test pairs (a, b) whose mirror (b, a) is no train pair."""
    return masked_mean(view.correct.astype(jnp.float32), view.data.test & ~_mirror_trained(view))


def _mirror_trained(view: View) -> Bool[Array, "pair"]:
    mirror = view.task.mirror
    own = np.arange(len(mirror))
    return jnp.where((mirror >= 0) & (mirror != own), view.data.train[np.maximum(mirror, 0)], False)
