"""One permutation before and after another."""

from groklab.groups.symmetric import Symmetric
from groklab.tasks.domain import PERMUTATIONS
from groklab.tasks.operation import Indices, Operation


def _answers(x: Indices, y: Indices, modulus: int) -> Indices:
    product = Symmetric(modulus).product
    return product[product[x, y], x]


operation = Operation(
    module=__name__,
    formula="x y x in S_n",
    domain=PERMUTATIONS,
    answers=_answers,
)
