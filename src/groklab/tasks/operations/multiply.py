"""Multiplication: outside 0 the group Z_(P-1), by logarithms to a primitive root."""

from groklab.groups.cyclic import Cyclic
from groklab.tasks.domain import PRIME_FIELD
from groklab.tasks.operation import GroupStructure, Operation
from groklab.tasks.primes import logarithms


def _structure(modulus: int) -> GroupStructure:
    log = logarithms(modulus)
    return GroupStructure(group=Cyclic(modulus - 1), a_element=log, b_element=log, answer_element=log)


operation = Operation(
    module=__name__,
    formula="x y mod P",
    domain=PRIME_FIELD,
    answers=lambda x, y, p: x * y % p,
    commutative=True,
    structure=_structure,
)
