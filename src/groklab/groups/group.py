"""Finite groups by their multiplication tables, with the real Fourier basis of the functions on them.

Axes: order, the group's elements; irrep, its irreducible representations, the trivial one first; frequency,
the irreps without the trivial one; row, the basis functions, as many as there are elements.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from groklab.groups.irrep import Irrep


@dataclass(frozen=True)
class Group(ABC):
    """A finite group. Its elements are the numbers 0 to order - 1, and 0 is the identity.

    Two groups of the same class and `n` are equal, so a group can be a static argument of a compiled
    function. The tables are computed when first asked for, kept, and read-only.
    """

    n: int
    """Which group of its family: the order of a cyclic group, the number of things that are permuted."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The usual name, such as Z_113 or S_5."""

    @property
    @abstractmethod
    def order(self) -> int:
        """The number of elements."""

    @cached_property
    @abstractmethod
    def product(self) -> Int[np.ndarray, "order order"]:
        """The multiplication table: product[x, y] = x y."""

    @cached_property
    @abstractmethod
    def irreps(self) -> tuple[Irrep, ...]:
        """The real irreducible representations, each once, the trivial one first."""

    @cached_property
    def inverse(self) -> Int[np.ndarray, " order"]:
        """The inverse of every element: product[x, inverse[x]] = 0."""
        return read_only(np.argmin(self.product, axis=1).astype(np.int32))

    @cached_property
    def abelian(self) -> bool:
        """Whether x y = y x for all x and y."""
        return np.array_equal(self.product, self.product.T)

    @cached_property
    def basis(self) -> Float[np.ndarray, "row order"]:
        """The orthonormal real Fourier basis; `basis @ f` are the Fourier coefficients of a function f.

        The rows of one irrep are consecutive and span its matrix entries; the first row is the constant.
        """
        return read_only(np.concatenate([irrep.functions for irrep in self.irreps]))

    @cached_property
    def frequencies(self) -> Int[np.ndarray, " row"]:
        """The index in `irreps` of the irrep each row of the basis belongs to; 0 is the constant's."""
        sizes = [len(irrep.functions) for irrep in self.irreps]
        return read_only(np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))

    @cached_property
    def frequency_labels(self) -> tuple[int | str, ...]:
        """The labels of the irreps without the trivial one: the coordinates of a spectrum."""
        return tuple(irrep.label for irrep in self.irreps[1:])

    @cached_property
    def membership(self) -> Float[np.ndarray, "row frequency"]:
        """1 where a row of the basis belongs to a frequency, else 0; the constant belongs to none."""
        frequencies = np.arange(1, len(self.irreps))
        return read_only((self.frequencies[:, None] == frequencies).astype(np.float64))

    @cached_property
    def dimensions(self) -> Int[np.ndarray, " irrep"]:
        """The dimension of every irrep's matrices."""
        return read_only(np.array([irrep.dimension for irrep in self.irreps], dtype=np.int32))

    @cached_property
    def characters(self) -> Float[np.ndarray, "irrep order"]:
        """The character table, one irrep a row and one element (not class of elements) a column."""
        return read_only(np.stack([irrep.character for irrep in self.irreps]))


def read_only(array: np.ndarray) -> np.ndarray:
    """The same array, refusing to be written to, since everyone who asks shares it."""
    array.flags.writeable = False
    return array
