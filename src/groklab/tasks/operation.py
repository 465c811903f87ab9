"""A binary operation on finitely many elements, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from groklab.groups.group import Group
from groklab.tasks.domain import Domain

Indices = Int[np.ndarray, "..."]
Mask = Bool[np.ndarray, "..."]


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupStructure:
    """How an operation is a group's product in disguise.

    answer_element[c] = a_element[a] * b_element[b], the product of `group`, for every pair (a, b) with answer
    c whose two elements lie in the group. An entry of -1 means that the element lies outside.
    """

    group: Group
    """The group."""
    a_element: Int[np.ndarray, " element"]
    """The group element of each first operand."""
    b_element: Int[np.ndarray, " element"]
    """The group element of each second operand."""
    answer_element: Int[np.ndarray, " element"]
    """The group element of each answer."""

    def in_order(self, of: Literal["a", "b", "answer"]) -> Int[np.ndarray, " order"]:
        """The operands or answers in the order of the group's elements.

        With one row of W_E an element, `W_E[structure.in_order("a")]` is a function on the group.
        """
        elements = {"a": self.a_element, "b": self.b_element, "answer": self.answer_element}[of]
        outside = np.count_nonzero(elements < 0)
        return np.argsort(elements, kind="stable")[outside:].astype(np.int32)


def _everywhere(x: Indices, y: Indices) -> Mask:
    return np.ones(np.broadcast_shapes(x.shape, y.shape), dtype=np.bool_)


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """A binary operation for every modulus of its domain."""

    module: str
    """The `__name__` of the file that defines it."""
    formula: str
    """The operation in words and signs, such as `x + y mod P`."""
    domain: Domain
    """What it works on, and which moduli there are."""
    answers: Callable[[Indices, Indices, int], Indices]
    """The answers for arrays of first and second operands (int64, of one shape) and a modulus."""
    defined: Callable[[Indices, Indices], Mask] = _everywhere
    """Which pairs have an answer."""
    commutative: bool = False
    """Whether x with y gives what y with x gives, for every modulus."""
    structure: Callable[[int], GroupStructure] | None = None
    """For a modulus, the group whose product this is in disguise; nothing where there is none."""

    @property
    def name(self) -> str:
        """The name in settings and on the command line: its file's."""
        return self.module.rpartition(".")[2]

    def check(self, modulus: int) -> None:
        """Raises `Mistake` for a modulus the operation does not work with."""
        self.domain.check(self.name, modulus)
