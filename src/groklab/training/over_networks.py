"""One function of a network evaluated on many networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from groklab.machine import cores

AT_LEAST = 2
"""Networks in a piece of many: a loop of one turn would be compiled otherwise, and round otherwise."""


@dataclass(frozen=True)
class Pieces:
    """What was found of some networks after another, perhaps still being computed."""

    parts: Sequence[Any]
    """Trees of arrays with a leading axis of networks."""
    repeated: int
    """Networks at the start of the last part that are in the one before as well."""

    def get(self) -> Any:
        """Waits for all of it, and gives the tree over all networks, in numpy."""
        *first, last = jax.device_get(self.parts)
        whole = [*first, jax.tree.map(lambda leaf: leaf[self.repeated :], last)]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *whole)


class OverNetworks:
    """A function with a leading axis of networks on every argument and every result, compiled when first called.

    On a CPU one network comes after the other, because the tables of one stay in its cache (the measures of several at
    once took twice as long), and the networks are shared out among the cores. On an accelerator all are computed at
    once. Calls return before they are done.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """`function` takes one network's arguments, and gives a tree of arrays."""

        def piece(size: int, start: jax.Array, *arguments: Any) -> Any:
            cut = partial(jax.lax.dynamic_slice_in_dim, start_index=start, slice_size=size)
            return jax.lax.map(lambda one: function(*one), jax.tree.map(cut, arguments))

        self._piece = jax.jit(piece, static_argnums=0)
        self._whole = jax.jit(jax.vmap(function))

    def __call__(self, *arguments: Any) -> Pieces:
        """The function of every network."""
        if jax.default_backend() != "cpu":
            return Pieces(parts=[self._whole(*arguments)], repeated=0)
        count = _count(arguments)
        size = _size(count)
        starts = range(0, count, size)
        parts = [self._piece(size, jnp.int32(min(start, count - size)), *arguments) for start in starts]
        return Pieces(parts=parts, repeated=len(starts) * size - count)

    def at_once(self, count: int) -> int:
        """How many programs a call for so many networks runs at the same time."""
        return -(-count // _size(count)) if jax.default_backend() == "cpu" else 1

    def lower(self, *arguments: Any) -> Any:
        """What JAX's `lower` gives of the program that a call runs, on a CPU several times at once."""
        if jax.default_backend() != "cpu":
            return self._whole.lower(*arguments)
        return self._piece.lower(_size(_count(arguments)), jnp.int32(0), *arguments)


def _count(arguments: Any) -> int:
    return jax.tree.leaves(arguments)[0].shape[0]


def _size(count: int) -> int:
    """Networks in a piece, so that there is one for every core."""
    return min(count, max(AT_LEAST, -(-count // cores())))
