"""How strong the generalising and the memorising circuit are, on leads, with train and held-out pairs told apart.

Gen gives the same on pairs that were trained on and on others. What Mem gives on others is no more than it has seen:
that an answer never came up with an operand. It has seen that of the right answer of a held-out pair too, where the
operation has each answer once for every operand, and so puts it far below those that did come up. Compared with the
other answers that came up in training with neither operand, in any place, the right one is to Mem like any other. A
lead is the label's logit minus the mean of those. It does not change when all logits of a pair move together, and it
is linear in the logits, so that what two circuits give adds up.

Varma et al. 2023, appendix B, project on cosines over train and test pairs together instead (`gen_logit`,
`mem_logit`): what is memorised with right labels then counts in part as general.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from groklab.measures.measure import measure
from groklab.measures.view import View, masked_mean


@measure(units="nats", needs=("test",))
def gen_lead(view: View) -> Float[Array, ""]:
    """Strength of generalising: mean lead, on test pairs, of right answers that came up with neither operand."""
    values, known, fresh = view.once(_leads)
    return masked_mean(values, view.data.test & known & fresh)


@measure(units="nats", needs=("test",))
def mem_lead(view: View) -> Float[Array, ""]:
    """Strength of memorising: mean lead of the label over the train pairs minus `gen_lead`."""
    values, known, _ = view.once(_leads)
    return masked_mean(values, view.data.train & known) - gen_lead.compute(view)


def _leads(view: View) -> tuple[Float[Array, "pair"], Bool[Array, "pair"], Bool[Array, "pair"]]:
    """Each pair's lead, whether there are answers to compare with, whether its label came up with neither operand."""
    task, label, answers = view.task, view.data.labels, view.task.classes
    came_up = jnp.zeros((task.elements, answers), bool)
    for operand in (task.a, task.b):
        came_up = came_up.at[operand, label].max(view.data.train)
    free = ~(came_up[task.a] | came_up[task.b])
    own = label[:, None] == jnp.arange(answers)
    logits, others = view.logits[:, :answers], free & ~own
    count = jnp.sum(others, axis=1)
    mean = jnp.sum(jnp.where(others, logits, 0.0), axis=1) / jnp.maximum(count, 1)
    return jnp.sum(jnp.where(own, logits, 0.0), axis=1) - mean, count > 0, jnp.any(free & own, axis=1)
