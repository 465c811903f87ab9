"""When a curve passes a level, or a fraction of its way from one level to another."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from groklab.curves.curve import Curve
from groklab.errors import Mistake


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Where a curve went past a level."""

    step: float
    """The step, interpolated linearly (on the curve's scale) between two logged ones."""
    low: float
    """The last logged step before it; the passage itself where the curve begins past the level."""
    high: float
    """The first logged step past it."""


def crossing(
    curve: Curve, level: float, direction: int, *, lasting: float = 0.0, after: float = -math.inf
) -> Passage | None:
    """The first passage of a level, or nothing.

    `level` stands on the curve's scale; `direction` is 1 for upward, -1 for downward; at the level counts as past.
    `lasting` is for how many steps the curve has to stay past, or to the end of the curve if that comes first: 0 asks
    for the first time at all, `math.inf` for the first time for good. `after` is the step from which on a curve that
    is past counts: where it is already, that step is the answer.
    """
    if direction not in (-1, 1):
        raise Mistake(f"direction takes 1 or -1, not {direction}")
    past = direction * (curve.values - level) >= 0
    until = _past_until(curve.steps, past)
    stays = past & (np.isinf(until) | (until > curve.steps + lasting)) & (curve.steps >= after)
    if not stays.any():
        return None
    index = int(stays.argmax())
    reached = float(curve.steps[index])
    if index == 0 or past[index - 1]:
        begin = max(after, float(curve.steps[index - 1])) if index else reached
        return Passage(step=begin, low=begin, high=reached)
    before, value, value_before = float(curve.steps[index - 1]), curve.values[index], curve.values[index - 1]
    met = before + (reached - before) * float((level - value_before) / (value - value_before))
    return Passage(step=max(after, met), low=max(after, before), high=reached)


def passage(
    curve: Curve,
    *,
    start: float,
    end: float,
    fraction: float,
    lasting: float = 0.0,
    after: float = -math.inf,
) -> Passage | None:
    """Where a curve has gone a fraction of its way from `start` to `end`, or nothing; `lasting`, `after`: `crossing`.

    `start` and `end` are in the curve's units; the way is measured on its scale, so that half the way from 1 to 1e-4
    is 1e-2 on a logarithmic one. A way of no length is passed nowhere. Raises `Mistake` for a fraction outside 0 to 1.
    """
    if not 0 <= fraction <= 1:
        raise Mistake(f"a fraction of the way lies from 0 to 1, not {fraction}")
    begin, way = curve.on_scale(start), curve.on_scale(end) - curve.on_scale(start)
    if way == 0:
        return None
    return crossing(curve, begin + fraction * way, 1 if way > 0 else -1, lasting=lasting, after=after)


def _past_until(steps: Float[np.ndarray, " point"], past: Bool[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    """For every point the first step at or after it at which the curve is not past; infinite where none is."""
    ends = np.where(past, np.inf, steps)
    return np.minimum.accumulate(ends[::-1])[::-1]
