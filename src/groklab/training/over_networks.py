"""One function of a network evaluated on many networks."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from groklab.machine import cores

AT_LEAST = 2
"""Networks that a piece of many has room for: with room for one it would be compiled otherwise, and round otherwise."""


@dataclass(frozen=True)
class Pieces:
    """What was found of some networks after another, perhaps still being computed."""

    parts: Sequence[Float[Array, "room value"]]
    """Every network's results in one row; the last rows of a part may be of none."""
    counts: Sequence[int]
    """The networks of each part."""
    outline: Any
    """The tree of one network's results, without the numbers."""

    def get(self) -> Any:
        """Waits for all of it, and gives the tree over all networks, in numpy."""
        parts = zip(jax.device_get(list(self.parts)), self.counts, strict=True)
        rows = np.concatenate([part[:count] for part, count in parts])
        leaves, structure = jax.tree.flatten(self.outline)
        columns = np.split(rows, np.cumsum([leaf.size for leaf in leaves])[:-1], axis=1)
        shaped = [column.reshape(-1, *leaf.shape) for column, leaf in zip(columns, leaves, strict=True)]
        return jax.tree.unflatten(structure, shaped)


class OverNetworks:
    """A function with a leading axis of networks on every argument and every result, compiled when first called.

    On a CPU one network comes after the other, because the tables of one stay in its cache (the measures of several at
    once took twice as long), and the networks are shared out among the cores: a piece for each, called from threads of
    their own, since JAX runs what one thread calls one after the other. On an accelerator all are computed at once.
    Calls return before they are done. All results of a network travel as one row of float32: to fetch forty
    arrays one by one took longer than some of them take to compute.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """`function` takes one network's arguments, and gives a tree of arrays, which come back as float32."""
        self._outline: Any = None

        @jax.jit
        def row(arguments: Any) -> Float[Array, " value"]:
            found = function(*arguments)
            self._outline = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), np.float32), found)
            flat = [jnp.ravel(leaf).astype(np.float32) for leaf in jax.tree.leaves(found)]
            return jnp.concatenate([jnp.zeros(0, np.float32), *flat])

        def piece(room: int, first: Int[Array, ""], count: Int[Array, ""], *arguments: Any) -> Any:
            def one(place: Int[Array, ""]) -> Any:
                pick = jax.lax.dynamic_index_in_dim
                return jax.tree.map(lambda leaf: pick(leaf, first + place, keepdims=False), arguments)

            def turn(place: Int[Array, ""], rows: Float[Array, "room value"]) -> Float[Array, "room value"]:
                return rows.at[place].set(row(one(place)))

            width = jax.eval_shape(row, jax.eval_shape(one, first)).shape
            return jax.lax.fori_loop(0, count, turn, jnp.zeros((room, *width), np.float32))

        self._piece = jax.jit(piece, static_argnums=0)
        self._whole = jax.jit(jax.vmap(lambda *arguments: row(arguments)))

    def __call__(self, *arguments: Any) -> Pieces:
        """The function of every network."""
        count = _count(arguments)
        if jax.default_backend() != "cpu":
            return Pieces(parts=[self._whole(*arguments)], counts=[count], outline=self._outline)
        room = _room(count)
        counts = [min(room, count - first) for first in range(0, count, room)]

        def call(place: int) -> Any:
            return self._piece(room, np.int32(place * room), np.int32(counts[place]), *arguments)

        # The first one here, so that the others find it compiled.
        parts = [call(0)]
        others = [_thread(place).submit(call, place) for place in range(1, len(counts))]
        return Pieces(parts=[*parts, *(other.result() for other in others)], counts=counts, outline=self._outline)

    def compile(self, *arguments: Any) -> None:
        """Compiles what a call with such arguments runs."""
        if jax.default_backend() == "cpu":
            self._piece(_room(_count(arguments)), np.int32(0), np.int32(0), *arguments)
        else:
            self._whole(*arguments)

    def at_once(self, count: int) -> int:
        """How many programs a call for so many networks runs at the same time."""
        return -(-count // _room(count)) if jax.default_backend() == "cpu" else 1

    def lower(self, *arguments: Any) -> Any:
        """What JAX's `lower` gives of the program that a call runs, on a CPU several times at once."""
        if jax.default_backend() != "cpu":
            return self._whole.lower(*arguments)
        return self._piece.lower(_room(_count(arguments)), np.int32(0), np.int32(0), *arguments)


@cache
def _thread(place: int) -> ThreadPoolExecutor:
    """The thread from which the piece at that place is called; it only starts it."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"piece-{place}")


def _count(arguments: Any) -> int:
    return jax.tree.leaves(arguments)[0].shape[0]


def _room(count: int) -> int:
    """Networks in a piece, so that there is one for every core."""
    return min(count, max(AT_LEAST, -(-count // cores())))
