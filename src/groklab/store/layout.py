"""How arrays lie in a batch's repository: names, chunks, compression, and the saved state.

/             attributes: format, runs, step, meta
/measures     run, step, the other coordinates, and every variable (run, step, ...)
/checkpoints  step, kept (run, step), and every leaf (run, step, ...)
/state        the training state, array by array
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, unquote
from zlib import crc32

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

CHUNK = 2**20
"""Bytes that a chunk should not exceed unless a single row does."""
STEPS = 256
"""Logged steps in a chunk at most."""


AT_ONCE = 16
"""Arrays that are read or written at the same time."""

T = TypeVar("T")


@dataclass(frozen=True)
class Saved:
    """Where a batch stands: what was committed last."""

    step: int
    """Optimiser steps taken."""
    arrays: Mapping[str, np.ndarray]
    """The training state."""
    meta: Mapping[str, Any]
    """What the trainer noted: statuses, provenance, wall time."""


def create(
    group: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: np.dtype[Any],
    dims: tuple[str, ...] | None = None,
    **attributes: str,
) -> zarr.Array[Any]:
    """A new array of `group`: compressed, a checksum in every chunk, NaN (or 0) where nothing was written.

    Float weights hardly compress; of the usual codecs Zstandard over shuffled bits took the least (0.88 of
    the bytes for Gaussian weights, against 0.93 without the shuffle).
    """
    return group.create_array(
        quoted(name),
        shape=shape,
        chunks=tuple(max(1, size) for size in chunks),
        dtype=dtype,
        fill_value=np.nan if dtype.kind == "f" else "" if dtype.kind == "T" else dtype.type(0),
        compressors=[BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle"), Crc32cCodec()],
        dimension_names=dims,
        attributes={**attributes},
    )


def rows(count: int, row: tuple[int, ...], itemsize: int) -> int:
    """How many of `count` rows of shape `row` fit a chunk; at least one."""
    return max(1, min(count, CHUNK // max(1, math.prod(row) * itemsize)))


def write_state(root: zarr.Group, arrays: Mapping[str, np.ndarray]) -> None:
    """Replaces the whole saved state by `arrays`, and notes its checksum."""
    group, writes = root.create_group("state", overwrite=True), list[Callable[[], None]]()
    for name, given in arrays.items():
        array = np.asarray(given)
        first = (rows(array.shape[0], array.shape[1:], array.itemsize),) if array.ndim else ()
        made = create(group, name, array.shape, (*first, *array.shape[1:]), array.dtype)
        writes.append(partial(made.__setitem__, ..., array))
    at_once(writes)
    group.update_attributes({"crc32": checksum(arrays)})


def read_saved(root: zarr.Group, *, arrays: bool = True) -> Saved | None:
    """What was committed last, or nothing when no step was; without the training state unless `arrays`.

    Raises `ValueError` when the state is not the one that was written. Chunks have checksums of their own,
    but the manifests that say where they lie have none, and a chunk that is not found reads as never written.
    """
    attributes: dict[str, Any] = root.attrs.asdict()
    if "step" not in attributes:
        return None
    stored = dict(subgroup(root, "state").arrays()) if arrays else {}
    values = at_once([partial(array.__getitem__, ...) for array in stored.values()])
    found = {unquoted(name): np.asarray(value) for name, value in zip(stored, values, strict=True)}
    if arrays and checksum(found) != subgroup(root, "state").attrs["crc32"]:
        raise ValueError("the training state does not match its checksum")
    return Saved(step=attributes["step"], arrays=found, meta=attributes["meta"])


def at_once(work: Sequence[Callable[[], T]]) -> list[T]:
    """What several pieces of work give, in their order; done beside each other, since each waits for the storage."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(one) for one in work]]


def checksum(arrays: Mapping[str, np.ndarray]) -> int:
    """CRC-32 of arrays with their names, shapes and types, whatever their order."""
    total = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total = crc32(f"{name} {np.shape(arrays[name])} {array.dtype.str}".encode(), total)
        total = crc32(array.tobytes(), total)
    return total


def subgroup(root: zarr.Group, name: str) -> zarr.Group:
    """The group of that name. Raises `KeyError` when there is none."""
    found = root[name]
    if not isinstance(found, zarr.Group):
        raise KeyError(f"{name} is not a group")
    return found


def array_of(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """The array of that name. Raises `KeyError` when there is none."""
    found = group[quoted(name)]
    if not isinstance(found, zarr.Array):
        raise KeyError(f"{name} is not an array")
    return found


def dims_of(array: zarr.Array[Any]) -> tuple[str, ...]:
    """The names of an array's dimensions; none where it has no names."""
    return tuple(getattr(array.metadata, "dimension_names", None) or ())


def quoted(name: str) -> str:
    """An array's name as one part of a path: whatever a tree's leaf may be called."""
    return quote(name, safe="[]'")


def unquoted(name: str) -> str:
    """The name that `quoted` was given."""
    return unquote(name)
