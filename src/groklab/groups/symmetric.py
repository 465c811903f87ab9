"""The symmetric groups: all permutations of n things."""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from groklab.errors import Mistake
from groklab.groups.group import Group, read_only
from groklab.groups.irrep import Irrep
from groklab.groups.young import partitions, transposition_matrices

LARGEST = 5


@dataclass(frozen=True)
class Symmetric(Group):
    """S_n for n up to 5, its elements the permutations of 0 to n - 1 in lexicographic order.

    The basis functions are the matrix entries of Young's orthogonal form, row by row, times
    sqrt(dimension / n!): orthonormal by Schur's orthogonality relations. Frequencies are labelled by the
    partitions of n, from (n-1,1) to (1,...,1), the sign.
    """

    def __post_init__(self) -> None:
        if not 1 <= self.n <= LARGEST:
            raise Mistake(f"a symmetric group permutes 1 to {LARGEST} things here, not {self.n}")

    @property
    def name(self) -> str:
        """S_n."""
        return f"S_{self.n}"

    @property
    def order(self) -> int:
        """n!."""
        return math.factorial(self.n)

    @cached_property
    def permutations(self) -> tuple[tuple[int, ...], ...]:
        """The elements: `permutations[x][i]` is where x takes i."""
        return tuple(itertools.permutations(range(self.n)))

    @cached_property
    def product(self) -> Int[np.ndarray, "order order"]:
        """product[x, y] is first y, then x: (x y)(i) = x(y(i))."""
        images = np.array(self.permutations)
        place_values = self.n ** np.arange(self.n)[::-1]
        composed = images[:, images]
        return read_only(np.searchsorted(images @ place_values, composed @ place_values).astype(np.int32))

    @cached_property
    def irreps(self) -> tuple[Irrep, ...]:
        """Young's orthogonal form of every partition of n."""
        return tuple(self._irrep(partition) for partition in partitions(self.n))

    def _irrep(self, partition: tuple[int, ...]) -> Irrep:
        generators = transposition_matrices(partition)
        number = {images: x for x, images in enumerate(self.permutations)}
        dimension = generators.shape[-1]
        matrices = np.empty((self.order, dimension, dimension))
        matrices[0] = np.eye(dimension)
        for x, images in enumerate(self.permutations[1:], start=1):
            # Undoing the first descent gives a permutation that comes earlier in lexicographic order.
            i = next(i for i in range(self.n - 1) if images[i] > images[i + 1])
            earlier = (*images[:i], images[i + 1], images[i], *images[i + 2 :])
            matrices[x] = matrices[number[earlier]] @ generators[i]
        functions = matrices.reshape(self.order, -1).T * np.sqrt(dimension / self.order)
        label = f"({','.join(map(str, partition))})"
        return Irrep(label=label, matrices=matrices, functions=functions)
