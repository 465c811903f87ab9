"""Composition of permutations, first y and then x: the group S_n itself."""

import numpy as np

from groklab.groups.symmetric import Symmetric
from groklab.tasks.domain import PERMUTATIONS
from groklab.tasks.operation import GroupStructure, Operation


def _structure(modulus: int) -> GroupStructure:
    group = Symmetric(modulus)
    x = np.arange(group.order, dtype=np.int32)
    return GroupStructure(group=group, a_element=x, b_element=x, answer_element=x)


operation = Operation(
    module=__name__,
    formula="x y in S_n",
    domain=PERMUTATIONS,
    answers=lambda x, y, n: Symmetric(n).product[x, y],
    structure=_structure,
)
