"""How much of a function on a group lies in each frequency."""

from typing import Any

from jaxtyping import Float

from groklab.groups.group import Group


def spectrum(group: Group, values: Float[Any, "*batch order column"]) -> Float[Any, "*batch frequency"]:
    """The norm of each frequency's component of functions on a group, all columns together.

    `values` has one row for each group element, in the group's order, and one function a column; it may be an
    array of numpy or JAX, traced or not, and the answer is of the same kind. The constant has no place in the
    answer: entry k belongs to `group.frequency_labels[k]`.

    With F_k the rows of the basis that belong to k the norm is |F_k values|, Frobenius: on a cyclic group
    cosine and sine are merged, and no choice of basis within an irrep changes it. The squares of the answer
    and of the constant's component add up to the sum of squared values (Parseval).
    """
    coefficients = group.basis @ values
    return ((coefficients**2).sum(-1) @ group.membership) ** 0.5
