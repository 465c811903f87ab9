"""How strong the generalising and the memorising circuit are, on margins, with train and held-out pairs told apart.

The lead of a pair is its label's logit minus the mean of the other answers' logits. Unlike the raw logit it does not
change when all logits of a pair move together, and unlike the distance to the largest other one it is linear in
the logits, so that what two circuits give adds up. A circuit that generalises gives the same lead on pairs that were
trained on and on others; one that memorises says nothing about pairs that it has not seen: their right answer is to
it an answer like any other, its mean lead there is 0. A memoriser that knows a o b = b o a has seen the mirrors of
its train pairs as well, so those are left out. Varma et al. 2023, appendix B, project on cosines over train and test
pairs together instead (`gen_logit`, `mem_logit`): what is memorised with right labels then counts in part as general.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from groklab.measures.measure import measure
from groklab.measures.view import View, masked_mean


@measure(units="nats", needs=("test",))
def gen_lead(view: View) -> Float[Array, ""]:
    """Strength of generalising: mean lead of the right answer over test pairs whose mirror is not trained on."""
    return masked_mean(view.once(leads), _unseen(view))


@measure(units="nats", needs=("test",))
def mem_lead(view: View) -> Float[Array, ""]:
    """Strength of memorising: mean lead of the label over the train pairs minus `gen_lead`."""
    return masked_mean(view.once(leads), view.data.train) - gen_lead.compute(view)


def leads(view: View) -> Float[Array, "pair"]:
    """The label's logit minus the mean of the other answers' logits."""
    answers = view.task.classes
    logits, label = view.logits[:, :answers], view.data.labels[:, None]
    own = jnp.sum(jnp.where(label == jnp.arange(answers), logits, 0.0), axis=1)
    return (answers * own - jnp.sum(logits, axis=1)) / (answers - 1)


def _unseen(view: View) -> Bool[Array, "pair"]:
    """Test pairs whose mirror, if they have one, is not trained on."""
    mirror = view.task.mirror
    return view.data.test & ~jnp.where(mirror >= 0, view.data.train[np.maximum(mirror, 0)], False)
