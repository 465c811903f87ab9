"""Slingshots: a train loss that had been small jumps up and comes back (Thilak et al. 2022)."""

import math
from collections.abc import Sequence

import numpy as np

from groklab.curves.curve import Curve
from groklab.errors import Mistake

JUMP = 10.0
"""Factor above its running minimum at which a loss has jumped; it is back at the root of that factor."""


def slingshots(
    steps: Sequence[float] | np.ndarray, train_loss: Sequence[float] | np.ndarray, *, after: float, jump: float = JUMP
) -> int:
    """How often the loss jumps by `jump` above its running minimum and comes back, counted from the step `after` on.

    A loss that has not come back by the last step is no slingshot. Losses are in nats; NaN where none was logged.
    Raises `Mistake` for a factor that is none.
    """
    if not jump > 1:
        raise Mistake(f"a jump is by a factor above 1, not {jump}")
    curve = Curve.of(steps, train_loss, "log").between(after, math.inf)
    count, least, up = 0, math.inf, False
    for value in curve.values:
        least = min(least, float(value))
        height = float(value) - least
        if not up and height >= math.log(jump):
            up = True
        elif up and height <= math.log(jump) / 2:
            count, up = count + 1, False
    return count
