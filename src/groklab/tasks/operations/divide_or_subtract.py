"""Division by odd numbers, subtraction of even ones: two operations told apart by the second operand."""

import numpy as np

from groklab.tasks.domain import PRIME_FIELD
from groklab.tasks.operation import Operation
from groklab.tasks.primes import reciprocals

operation = Operation(
    module=__name__,
    formula="x / y mod P if y is odd, x - y mod P if y is even",
    domain=PRIME_FIELD,
    answers=lambda x, y, p: np.where(y % 2 == 1, x * reciprocals(p)[y], x - y) % p,
)
