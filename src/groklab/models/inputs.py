"""Pairs of operands and the layout of tokens they stand in."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from groklab.errors import Mistake

OPERAND = -1


class Inputs(eqx.Module):
    """Many examples of one layout: the operands are arrays, where they stand is known before compilation.

    `a` and `b` are the operands' tokens. `template` is the layout: -1 where an operand stands (first a, then
    b), the constant token everywhere else: at P = 113, `a b =` is (-1, -1, 113) and `a op b =`
    (-1, 113, -1, 114).
    Raises `Mistake` for a template without exactly two operands.
    """

    a: Int[Array, "*batch"]
    b: Int[Array, "*batch"]
    template: tuple[int, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        if self.template.count(OPERAND) != 2 or min(self.template) < OPERAND:
            raise Mistake(f"a template holds -1 twice, for a and b, and tokens from 0 elsewhere; not {self.template}")

    @property
    def operands(self) -> tuple[int, int]:
        """The positions of a and of b."""
        first = self.template.index(OPERAND)
        return first, self.template.index(OPERAND, first + 1)

    @property
    def tokens(self) -> Int[Array, "*batch length"]:
        """The examples written out as tokens."""
        columns = [jnp.full_like(self.a, token) for token in self.template]
        first, second = self.operands
        columns[first], columns[second] = self.a, self.b
        return jnp.stack(columns, axis=-1)
