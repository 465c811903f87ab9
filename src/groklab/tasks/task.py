"""A task: an operation's whole table as examples of tokens."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Int

from groklab.errors import Mistake
from groklab.tasks.discovery import find_operation
from groklab.tasks.operation import GroupStructure, Operation
from groklab.tasks.settings import ProblemSettings, TaskSettings

_FOUR_TOKENS = "op"
"""What a task's name ends with in the layout `a op b =`."""


@dataclass(frozen=True)
class Task:
    """A binary operation on n elements, as a language of three or four tokens. Made by `Task.of`.

    Axes: pair, the rows of the table, sorted by the first operand a and then by the second b, without those
    that have no answer (b = 0 in a division); token, the positions of one example. Where all pairs have an
    answer, the pair (a, b) is row a * n + b. All arrays are int32 and read-only.

    The tokens 0 to n - 1 are the elements. In the layout `a b =` token n is the `=`; in the layout `a op b =`
    token n is the operation and n + 1 the `=`. The answer is read at the last position.
    """

    settings: TaskSettings
    """What the task was made from."""

    @staticmethod
    def of(settings: ProblemSettings) -> "Task":
        """The task of these settings, the same object whenever it is asked for.

        Raises `Mistake` for an operation that is not known or a modulus it does not work with, and for what is no
        operation's table.
        """
        if not isinstance(settings, TaskSettings):
            raise Mistake(
                f"{settings.name} is no operation's table: it has no pairs, no group and no frequencies; "
                "for this a run of an operation is needed, such as add:113"
            )
        return _task_of(settings)

    def __post_init__(self) -> None:
        self.operation.check(self.settings.modulus)

    @cached_property
    def operation(self) -> Operation:
        """The operation."""
        return find_operation(self.settings.operation)

    @cached_property
    def name(self) -> str:
        """Operation and modulus, such as `add:113`; `add:113:op` in the layout of four tokens."""
        ending = f":{_FOUR_TOKENS}" if self.length == 4 else ""
        return f"{self.settings.operation}:{self.settings.modulus}{ending}"

    @cached_property
    def elements(self) -> int:
        """The number n of operands: P, or n! for permutations."""
        return self.operation.domain.elements(self.settings.modulus)

    @property
    def classes(self) -> int:
        """The number of possible answers: n."""
        return self.elements

    @property
    def length(self) -> int:
        """Tokens in one example: 3 or 4."""
        return 4 if self.settings.layout == "a op b =" else 3

    @property
    def vocabulary(self) -> int:
        """The number of tokens: n + 1, or n + 2 with one for the operation."""
        return self.elements + self.length - 2

    @property
    def operand_positions(self) -> tuple[int, int]:
        """Where a and b stand in an example."""
        return (0, self.length - 2)

    @property
    def template(self) -> tuple[int, ...]:
        """The layout: -1 where an operand stands, the constant token elsewhere; (-1, -1, 113) at P = 113."""
        return (-1, *([self.elements] if self.length == 4 else []), -1, self.vocabulary - 1)

    @cached_property
    def row_table(self) -> Int[np.ndarray, "element element"]:
        """The row of every pair (a, b), -1 where the table has none."""
        a, b = np.indices((self.elements, self.elements))
        defined = self.operation.defined(a, b)
        return _int32(np.where(defined, np.cumsum(defined).reshape(defined.shape) - 1, -1))

    @cached_property
    def a(self) -> Int[np.ndarray, " pair"]:
        """The first operand of every row."""
        return _int32(np.nonzero(self.row_table >= 0)[0])

    @cached_property
    def b(self) -> Int[np.ndarray, " pair"]:
        """The second operand of every row."""
        return _int32(np.nonzero(self.row_table >= 0)[1])

    @property
    def pairs(self) -> int:
        """The number of rows."""
        return len(self.a)

    @cached_property
    def answers(self) -> Int[np.ndarray, " pair"]:
        """The right answer of every row, from 0 to n - 1."""
        a, b = self.a.astype(np.int64), self.b.astype(np.int64)
        return _int32(self.operation.answers(a, b, self.settings.modulus))

    @cached_property
    def tokens(self) -> Int[np.ndarray, "pair token"]:
        """The tokens of every row."""
        equals = np.full(self.pairs, self.vocabulary - 1)
        sign = [np.full(self.pairs, self.elements)] if self.length == 4 else []
        return _int32(np.stack([self.a, *sign, self.b, equals], axis=1))

    @cached_property
    def mirror(self) -> Int[np.ndarray, " pair"]:
        """The row of (b, a) for every row (a, b), -1 where the table has none; itself where a = b."""
        return _int32(self.row_table[self.b, self.a])

    @cached_property
    def group(self) -> GroupStructure | None:
        """The group whose product the operation is in disguise, or nothing."""
        structure = self.operation.structure
        return None if structure is None else structure(self.settings.modulus)

    def row(self, a: int, b: int) -> int:
        """The row of the pair (a, b). Raises `Mistake` where the table has none."""
        inside = 0 <= a < self.elements and 0 <= b < self.elements
        if not inside or self.row_table[a, b] < 0:
            raise Mistake(f"{self.name} has no answer for ({a}, {b}); its operands are 0 to {self.elements - 1}")
        return int(self.row_table[a, b])


def parse_task(text: str) -> TaskSettings:
    """The settings of a task written as its name: `add:113`, or `add:113:op` for the layout of four tokens.

    Raises `Mistake` for any other form, an unknown operation, or a modulus it does not work with.
    """
    name, *rest = text.split(":")
    if not rest or not rest[0].isdecimal() or rest[1:] not in ([], [_FOUR_TOKENS]):
        raise Mistake(f"a task is written operation:modulus, such as add:113 (four tokens: add:113:op), not {text!r}")
    modulus = int(rest[0])
    find_operation(name).check(modulus)
    return TaskSettings(operation=name, modulus=modulus, layout="a op b =" if rest[1:] else "a b =")


@lru_cache(maxsize=32)
def _task_of(settings: TaskSettings) -> Task:
    return Task(settings)


def _int32(array: np.ndarray) -> Int[np.ndarray, "..."]:
    array = array.astype(np.int32)
    array.flags.writeable = False
    return array
