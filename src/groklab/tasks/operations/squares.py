"""The sum of two squares."""

from groklab.tasks.domain import INTEGERS
from groklab.tasks.operation import Operation

operation = Operation(
    module=__name__,
    formula="x^2 + y^2 mod P",
    domain=INTEGERS,
    answers=lambda x, y, p: (x**2 + y**2) % p,
    commutative=True,
)
