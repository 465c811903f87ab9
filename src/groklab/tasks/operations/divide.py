"""Division by anything but 0: outside 0 the group Z_(P-1), with the second operand's logarithm negated."""

import numpy as np

from groklab.groups.cyclic import Cyclic
from groklab.tasks.domain import PRIME_FIELD
from groklab.tasks.operation import GroupStructure, Operation
from groklab.tasks.primes import logarithms, reciprocals


def _structure(modulus: int) -> GroupStructure:
    log = logarithms(modulus)
    negated = np.where(log < 0, log, -log % (modulus - 1))
    return GroupStructure(group=Cyclic(modulus - 1), a_element=log, b_element=negated, answer_element=log)


operation = Operation(
    module=__name__,
    formula="x / y mod P",
    domain=PRIME_FIELD,
    answers=lambda x, y, p: x * reciprocals(p)[y] % p,
    defined=lambda x, y: y != 0,
    structure=_structure,
)
