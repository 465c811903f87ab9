"""A batch's growing arrays: what was measured, and the weights that were kept."""

from collections.abc import Mapping, Sequence

import numpy as np
import zarr

from groklab.errors import StoreError
from groklab.store.layout import STEPS, array_of, create, dims_of, quoted, rows, subgroup, unquoted
from groklab.store.manifest import FORMAT
from groklab.store.variable import Variable

INT, BOOL, FLOAT = np.dtype(np.int64), np.dtype(np.bool_), np.dtype(np.float32)


def prepare(root: zarr.Group, runs: list[int], variables: Sequence[Variable], coords: Mapping[str, np.ndarray]) -> None:
    """Creates the groups and arrays that are not there yet.

    Raises `StoreError` when a coordinate is there with other values.
    """
    if "runs" not in root.attrs:
        root.update_attributes({"format": FORMAT, "runs": runs})
        taken = {"units": "step", "description": "optimiser steps taken"}
        for name in ("measures", "checkpoints"):
            create(root.create_group(name), "step", (0,), (STEPS,), INT, ("step",), **taken)
        create(subgroup(root, "checkpoints"), "kept", (len(runs), 0), (len(runs), STEPS), BOOL, ("run", "step"))
    group = subgroup(root, "measures")
    for name, values in {"run": np.array(runs, dtype=INT), **coords}.items():
        array = np.asarray(values)
        if array.dtype.kind == "U":  # Zarr has no settled form for words of fixed length.
            array = array.astype(np.dtypes.StringDType())
        if quoted(name) not in group:
            create(group, name, array.shape, array.shape, array.dtype, (name,))[...] = array
        elif not np.array_equal(np.asarray(array_of(group, name)[...]), array):
            raise StoreError(f"the store holds other values of {name}; choose another --out")
    logged = array_of(group, "step").shape[0]
    for variable in variables:
        if quoted(variable.name) not in group:
            outer, inner = len(runs), tuple(len(coords[dim]) for dim in variable.dims)
            create(
                group,
                variable.name,
                (outer, logged, *inner),
                (outer, rows(STEPS, (outer, *inner), FLOAT.itemsize), *inner),
                FLOAT,
                ("run", "step", *variable.dims),
                units=variable.units,
                description=variable.description,
            )


def append_measures(
    group: zarr.Group, where: np.ndarray, logged_steps: np.ndarray, measures: Mapping[str, np.ndarray]
) -> None:
    """Appends rows (run, logged, ...) for the runs at positions `where`; NaN for all else."""
    before = array_of(group, "step").shape[0]
    after = before + len(logged_steps)
    for _, array in group.arrays():
        dims = dims_of(array)
        if "step" in dims:
            array.resize(tuple(after if dim == "step" else n for dim, n in zip(dims, array.shape, strict=True)))
    array_of(group, "step")[before:] = logged_steps
    for name, values in measures.items():
        array = array_of(group, name)
        block = np.full((array.shape[0], len(logged_steps), *array.shape[2:]), np.nan, dtype=FLOAT)
        block[where] = values
        array[:, before:] = block


def append_checkpoint(group: zarr.Group, where: np.ndarray, step: int, leaves: Mapping[str, np.ndarray]) -> None:
    """Keeps the leaves (run, ...) of the runs at positions `where` at a step; again at a step replaces."""
    steps, kept = array_of(group, "step"), array_of(group, "kept")
    known = [int(s) for s in np.asarray(steps[...])]
    place = known.index(step) if step in known else len(known)
    count = max(len(known), place + 1)
    steps.resize((count,))
    steps[place] = step
    kept.resize((kept.shape[0], count))
    flags = np.asarray(kept[:, place])
    flags[where] = True
    kept[:, place] = flags
    for name, leaf in leaves.items():
        outer, inner = kept.shape[0], leaf.shape[1:]
        if quoted(name) not in group:
            chunks = (rows(outer, inner, leaf.itemsize), 1, *inner)
            create(group, name, (outer, count, *inner), chunks, leaf.dtype, ("run", "step", *axes(inner)))
        array = array_of(group, name)
        array.resize((outer, count, *array.shape[2:]))
        block = np.asarray(array[:, place])
        block[where] = leaf
        array[:, place] = block


def axes(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Dimension names for a leaf's own axes, told apart by length too, so that leaves share a dataset."""
    return tuple(f"axis{number}_{size}" for number, size in enumerate(shape))


def checkpoint_steps(root: zarr.Group, row: int) -> list[int]:
    """The steps at which the run in that row was kept, ascending."""
    group = subgroup(root, "checkpoints")
    steps, kept = np.asarray(array_of(group, "step")[...]), np.asarray(array_of(group, "kept")[row])
    return sorted(int(step) for step in steps[kept])


def checkpoint(root: zarr.Group, row: int, step: int) -> dict[str, np.ndarray]:
    """The leaves of the run in that row at a step that was kept."""
    group = subgroup(root, "checkpoints")
    place = int(np.flatnonzero(np.asarray(array_of(group, "step")[...]) == step)[0])
    leaves = {name: array for name, array in group.arrays() if name not in ("step", "kept")}
    return {unquoted(name): np.asarray(array[row, place]) for name, array in leaves.items()}


def measured(root: zarr.Group) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """Dimensions, values and attributes of every measure and coordinate, by name."""
    return {
        unquoted(name): (
            dims_of(array),
            _plain(np.asarray(array[...])),
            {key: str(value) for key, value in array.attrs.asdict().items()},
        )
        for name, array in subgroup(root, "measures").arrays()
    }


def _plain(array: np.ndarray) -> np.ndarray:
    """Words as NumPy's usual type, everything else as it is."""
    return np.array(array.tolist()) if array.dtype.kind == "T" else array
