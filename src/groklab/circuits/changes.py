"""A table of logits that differs from another one by few directions, not multiplied out."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

WIDTHS = 8
"""Directions are filled up with zeros to a multiple of this, so that few shapes have to be compiled."""


@dataclass(frozen=True, eq=False)
class Change:
    """The table keep * base + left @ right, the product in the shape of the base.

    Its rows are the pairs and its columns the answers, or its rows x and its columns y and the answers.
    """

    base: Float[Array, "x y c"]
    """What is changed, on the device."""
    left: Float[np.ndarray, "row r"]
    """The directions, float32."""
    right: Float[np.ndarray, "r column"]
    """How much there is of each."""
    keep: float = 1.0
    """0 where nothing of the base stays."""

    def table(self) -> Float[np.ndarray, "x y c"]:
        """The table itself."""
        return self.keep * np.asarray(self.base) + (self.left @ self.right).reshape(self.base.shape)

    def filled_up(self) -> "Change":
        """The same with the number of directions a multiple of `WIDTHS`."""
        (rows, count), columns = self.left.shape, self.right.shape[1]
        width = count + -count % WIDTHS
        left, right = np.zeros((rows, width), np.float32), np.zeros((width, columns), np.float32)
        left[:, :count], right[:count] = self.left, self.right
        return Change(self.base, left, right, self.keep)
