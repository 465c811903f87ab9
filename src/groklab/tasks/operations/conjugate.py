"""Conjugation of y by x in a symmetric group."""

from groklab.groups.symmetric import Symmetric
from groklab.tasks.domain import PERMUTATIONS
from groklab.tasks.operation import Indices, Operation


def _answers(x: Indices, y: Indices, modulus: int) -> Indices:
    group = Symmetric(modulus)
    return group.product[group.product[x, y], group.inverse[x]]


operation = Operation(
    module=__name__,
    formula="x y x^-1 in S_n",
    domain=PERMUTATIONS,
    answers=_answers,
)
