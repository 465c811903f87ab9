"""How much of the logits is the generalising circuit's: the part that depends on a o b o c^-1 alone.

For addition this is the span of all cos w_k(a + b - c): with f(d) the mean logit over all (a, b, c) of
a + b - c = d, the projection on them is (f(d) + f(-d)) / 2 minus the mean of f (Varma et al. 2023, appendix B).
Over any finite group the place of cos w_k is taken by the real part of an irreducible character, and that of
averaging d with -d by averaging over the conjugacy classes of d and its inverse.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from groklab.groups import Group
from groklab.measures.measure import measure
from groklab.measures.view import View


@measure(units="1", needs=("group",))
def trig_share(view: View) -> Float[Array, ""]:
    """Share of the centred logits' variance (each pair's mean removed) that depends on a o b o c^-1 alone."""
    inside, classes = _tables(view)
    by_difference = view.logits[inside[:, None], classes]
    by_difference -= jnp.mean(by_difference, axis=1, keepdims=True)
    profile = jnp.mean(by_difference, axis=0) @ _class_average(view.group)
    return len(inside) * jnp.sum(profile**2) / jnp.sum(by_difference**2)


def _tables(view: View) -> tuple[Int[np.ndarray, "pair"], Int[np.ndarray, "pair element"]]:
    """The rows of pairs inside the group, and for each and each element d the class c of a o b o c^-1 = d."""
    structure, group = view.structure, view.group
    left, right = structure.a_element[view.task.a], structure.b_element[view.task.b]
    inside = np.flatnonzero((left >= 0) & (right >= 0))
    answer = group.product[left[inside], right[inside]]
    elements = group.product[group.inverse[None, :], answer[:, None]]
    return inside, structure.in_order("answer")[elements]


def _class_average(group: Group) -> Float[np.ndarray, "element element"]:
    """The matrix that averages a function over each conjugacy class united with its inverse."""
    elements = np.arange(group.order)
    conjugates = group.product[group.product[:, elements], group.inverse[:, None]]
    least = conjugates.min(axis=0)
    least = np.minimum(least, least[group.inverse])
    same = (least[:, None] == least[None, :]).astype(np.float32)
    return same / same.sum(axis=0)
