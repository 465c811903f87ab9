"""Addition: the group Z_P itself, and the task of Nanda et al. 2023."""

import numpy as np

from groklab.groups.cyclic import Cyclic
from groklab.tasks.domain import INTEGERS
from groklab.tasks.operation import GroupStructure, Operation


def _structure(modulus: int) -> GroupStructure:
    x = np.arange(modulus, dtype=np.int32)
    return GroupStructure(group=Cyclic(modulus), a_element=x, b_element=x, answer_element=x)


operation = Operation(
    module=__name__,
    formula="x + y mod P",
    domain=INTEGERS,
    answers=lambda x, y, p: (x + y) % p,
    commutative=True,
    structure=_structure,
)
