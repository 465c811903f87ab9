"""A quadratic form and a linear term, which makes it asymmetric."""

from groklab.tasks.domain import INTEGERS
from groklab.tasks.operation import Operation

operation = Operation(
    module=__name__,
    formula="x^2 + x y + y^2 + x mod P",
    domain=INTEGERS,
    answers=lambda x, y, p: (x**2 + x * y + y**2 + x) % p,
)
