"""A cubic polynomial, quadratic in y."""

from groklab.tasks.domain import INTEGERS
from groklab.tasks.operation import Operation

operation = Operation(
    module=__name__,
    formula="x^3 + x y^2 + y mod P",
    domain=INTEGERS,
    answers=lambda x, y, p: (x**3 + x * y**2 + y) % p,
)
