"""One measured curve, ready to be read: what was not logged is left out, and it stands on its scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from groklab.errors import Mistake

Scale = Literal["linear", "log"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """A curve at the steps at which it was logged. Made by `Curve.of`."""

    steps: Float[np.ndarray, " point"]
    """Ascending, in optimiser steps."""
    values: Float[np.ndarray, " point"]
    """Finite; natural logarithms on a logarithmic scale."""
    scale: Scale
    """The scale of the values."""

    @classmethod
    def of(cls, steps: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray, scale: Scale) -> "Curve":
        """A curve from what a dataset holds: NaN where nothing was logged, infinite where a run had diverged.

        On a logarithmic scale a value of 0 or below stands for the least value above 0. Raises `Mistake` for steps
        that do not ascend or do not fit the values, and for a logarithm of a curve without any value above 0.
        """
        at, measured = np.asarray(steps, float), np.asarray(values, float)
        if at.ndim != 1 or at.shape != measured.shape or np.any(np.diff(at) <= 0):
            raise Mistake(f"a curve takes ascending steps and a value for each, not {at.shape} and {measured.shape}")
        logged = np.isfinite(measured)
        at, measured = at[logged], measured[logged]
        if scale == "log" and len(measured):
            above = measured[measured > 0]
            if not len(above):
                raise Mistake(f"a curve on a log scale needs a value above 0; all {len(measured)} are 0 or below")
            measured = np.log(np.maximum(measured, above.min()))
        return cls(steps=at, values=measured, scale=scale)

    def __len__(self) -> int:
        return len(self.steps)

    def on_scale(self, value: float) -> float:
        """A level in the curve's units on its scale."""
        return math.log(value) if self.scale == "log" else value

    def in_units(self, value: float) -> float:
        """A level on the scale, back in the curve's units."""
        return math.exp(value) if self.scale == "log" else value

    def smoothed(self, share: float) -> "Curve":
        """Its running median over a share of its points."""
        return replace(self, values=running_median(self.values, share))

    def between(self, begin: float, end: float) -> "Curve":
        """What was logged from one step to another, both included."""
        inside = (self.steps >= begin) & (self.steps <= end)
        return replace(self, steps=self.steps[inside], values=self.values[inside])

    def at(self, step: float) -> float:
        """The value at a step on the scale, interpolated linearly; outside the logged steps the nearest one's."""
        return float(np.interp(step, self.steps, self.values))

    def stretch(self, begin: float, end: float) -> float:
        """The median, on the scale, over a stretch given in shares of the steps from the first to the last.

        Without a logged point in the stretch it is the value in its middle. `stretch(0.9, 1)` is the final level.
        """
        first, last = self.steps[0], self.steps[-1]
        low, high = first + begin * (last - first), first + end * (last - first)
        inside = self.between(low, high)
        return float(np.median(inside.values)) if len(inside) else self.at((low + high) / 2)


def running_median(values: Float[np.ndarray, " point"], share: float) -> Float[np.ndarray, " point"]:
    """The median over a window of odd length around each point, a share of all points or just below it.

    Near the ends the window shrinks on both sides alike, so that a monotone curve comes out as it went in. Values
    are finite. Raises `Mistake` for a share outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise Mistake(f"a share of the points lies from 0 to 1, not {share}")
    count = len(values)
    radius = min(max(round(share * count) - 1, 0) // 2, max(count - 1, 0) // 2)
    smooth = np.array(values, float)
    if radius == 0:
        return smooth
    windows = np.lib.stride_tricks.sliding_window_view(smooth.copy(), 2 * radius + 1)
    smooth[radius : count - radius] = np.median(windows, axis=1)
    for index in range(1, radius):
        smooth[index] = np.median(values[: 2 * index + 1])
        smooth[count - 1 - index] = np.median(values[count - 1 - 2 * index :])
    return smooth
