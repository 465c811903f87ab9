"""A table of logits that differs from another one by few directions, multiplied out slab by slab."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from groklab.circuits.products import product

SLAB = 1024
"""Pairs that are multiplied out and scored at once: half a megabyte at P = 113, which a processor's cache holds."""


@dataclass(frozen=True, eq=False)
class Change:
    """The table base + left @ right, the product in the shape of the base.

    Its rows are the pairs and its columns the answers, or its rows x and its columns y and the answers.
    """

    base: Float[np.ndarray, "x y c"]
    """What is changed, float32."""
    left: Float[np.ndarray, "row r"]
    """The directions, float32."""
    right: Float[np.ndarray, "r column"]
    """How much there is of each, float32."""
    keep: bool = True
    """Whether the base stays, or gives nothing but its shape."""

    def slabs(self) -> Iterator[tuple[slice, Float[np.ndarray, "pair c"]]]:
        """The rows of the table, some at a time, each with the pairs it belongs to; the caller may write on them."""
        order, width, classes = self.base.shape
        flat = self.base.reshape(-1, classes)
        step = max(1, SLAB // width)
        for start in range(0, order, step):
            some = slice(start, min(start + step, order))
            pairs = slice(some.start * width, some.stop * width)
            slab = product(self.left[some if len(self.left) == order else pairs], self.right).reshape(-1, classes)
            if self.keep:
                slab += flat[pairs]
            yield pairs, slab

    def table(self) -> Float[np.ndarray, "x y c"]:
        """The table itself."""
        return np.concatenate([slab for _, slab in self.slabs()]).reshape(self.base.shape)
