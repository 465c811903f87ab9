"""Young's orthogonal form: real orthogonal matrices of the irreducible representations of S_n.

James and Kerber 1981, The Representation Theory of the Symmetric Group, section 3.4. The irrep of a partition
acts on the space spanned by its standard tableaux. In tableau t let r be the content (column minus row) of
i + 1 less that of i. The transposition of i and i + 1 takes t to (1 / r) t + sqrt(1 - 1 / r^2) t', where t'
is t with i and i + 1 exchanged; t' is standard unless r is 1 or -1, when its coefficient is 0.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

Cell = tuple[int, int]
"""Row and column in a Young diagram, from 0."""


def partitions(n: int, largest: int | None = None) -> Iterator[tuple[int, ...]]:
    """The partitions of n into parts of at most `largest`, from (n) down to (1, ..., 1)."""
    if n == 0:
        yield ()
    for first in range(min(n, largest or n), 0, -1):
        for rest in partitions(n - first, first):
            yield (first, *rest)


def standard_tableaux(partition: tuple[int, ...]) -> Iterator[tuple[Cell, ...]]:
    """The standard tableaux of a partition, each as the cells in which 0, 1, ..., n - 1 stand."""
    if not sum(partition):
        yield ()
    for row, length in enumerate(partition):
        below = partition[row + 1] if row + 1 < len(partition) else 0
        if length > below:
            smaller = (*partition[:row], length - 1, *partition[row + 1 :])
            for tableau in standard_tableaux(smaller):
                yield (*tableau, (row, length - 1))


def transposition_matrices(
    partition: tuple[int, ...],
) -> Float[np.ndarray, "transposition dimension dimension"]:
    """The matrices that a partition's irrep gives the transpositions of i and i + 1, i = 0, ..., n - 2."""
    n = sum(partition)
    tableaux = list(standard_tableaux(partition))
    number = {tableau: t for t, tableau in enumerate(tableaux)}
    matrices = np.zeros((n - 1, len(tableaux), len(tableaux)))
    for t, tableau in enumerate(tableaux):
        content = [column - row for row, column in tableau]
        for i in range(n - 1):
            distance = content[i + 1] - content[i]
            matrices[i, t, t] = 1 / distance
            exchanged = (*tableau[:i], tableau[i + 1], tableau[i], *tableau[i + 2 :])
            if exchanged in number:
                matrices[i, t, number[exchanged]] = np.sqrt(1 - 1 / distance**2)
    return matrices
