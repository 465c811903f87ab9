"""A task in its own Fourier basis: its pairs and answers in the order of the group's elements.

Axes, in this whole room: x and y, the group elements of the operands; z = x y, that of the answer; c, the group
elements as possible answers; pair, the (x, y) with y moving fastest; i and j, rows of the group's basis; k,
frequencies, the constant not among them; m, neurons; h, heads.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from groklab.errors import Mistake
from groklab.groups.group import Group
from groklab.tasks.operation import GroupStructure
from groklab.tasks.task import Task


@dataclass(frozen=True)
class Basis:
    """The part of a task's table that is a group's product, and functions on it. Made by `Basis.of`.

    Elements outside the group (0 in a multiplication) are left out: the pairs that hold one, and the answers
    that are one. What remains is the whole product table, so addition, subtraction, multiplication, division
    and the composition of permutations are all the same thing here.
    """

    structure: GroupStructure
    """How operands and answers stand for elements."""
    rows: Int[np.ndarray, "x y"]
    """The row of the task's table of every pair of elements."""

    @staticmethod
    def of(task: Task) -> "Basis":
        """The basis of a task. Raises `Mistake` for one that is no group's product."""
        structure = task.group
        if structure is None:
            raise Mistake(
                f"{task.name} is no group's product, so it has no Fourier basis; "
                "its losses and the ablations of its parts can be had without one"
            )
        a, b = structure.in_order("a"), structure.in_order("b")
        return Basis(structure, task.row_table[a[:, None], b[None, :]])

    @property
    def group(self) -> Group:
        """The group."""
        return self.structure.group

    @property
    def order(self) -> int:
        """The number of its elements."""
        return self.group.order

    @property
    def labels(self) -> tuple[int | str, ...]:
        """The frequencies' names: 1, 2, ... for a cyclic group."""
        return self.group.frequency_labels

    @cached_property
    def pairs(self) -> Int[np.ndarray, " pair"]:
        """The rows of the task's table that are looked at."""
        return self.rows.reshape(-1)

    @cached_property
    def classes(self) -> Int[np.ndarray, " c"]:
        """The answers that are looked at, in the order of their elements."""
        return self.structure.in_order("answer")

    @cached_property
    def second(self) -> Int[np.ndarray, "z x"]:
        """The y with x y = z."""
        return self.group.product[self.group.inverse[None, :], np.arange(self.order)[:, None]]

    @cached_property
    def answer(self) -> Int[np.ndarray, "z d"]:
        """The c with z c^-1 = d, which is d^-1 z."""
        return self.group.product[self.group.inverse[None, :], np.arange(self.order)[:, None]]

    @cached_property
    def difference(self) -> Int[np.ndarray, "z c"]:
        """The d = z c^-1."""
        return self.group.product[np.arange(self.order)[:, None], self.group.inverse[None, :]]

    @cached_property
    def waves(self) -> Float[np.ndarray, "k d"]:
        """Each frequency's character divided by its dimension: cos w_k d on a cyclic group, 1 at d = 0."""
        return self.group.characters[1:] / self.group.dimensions[1:, None]

    def rows_of(self, frequency: int) -> Int[np.ndarray, " i"]:
        """The basis rows of a frequency, given by its index in `labels`."""
        return np.flatnonzero(self.group.membership[:, frequency])

    def table(self, logits: Float[Any, "row class"]) -> Float[Any, "x y c"]:
        """The logits of the task's whole table as a function on the group, three times over.

        numpy or JAX, traced or not. Columns of no answer (the `=`, elements outside) are dropped, as in the
        paper's analysis.
        """
        return logits[self.rows[:, :, None], self.classes[None, None, :]]
