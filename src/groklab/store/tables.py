"""A batch's growing arrays: what was measured, and the weights that were kept."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import zarr

from groklab.errors import StoreError
from groklab.store.layout import STEPS, array_of, at_once, create, dims_of, quoted, rows, subgroup, unquoted
from groklab.store.manifest import FORMAT
from groklab.store.variable import Variable

Described = Mapping[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]
"""Dimensions, values and attributes of arrays by name."""
INT, BOOL, FLOAT = np.dtype(np.int64), np.dtype(np.bool_), np.dtype(np.float32)


def prepare(root: zarr.Group, runs: list[int], variables: Sequence[Variable], coords: Mapping[str, np.ndarray]) -> None:
    """Creates the groups and arrays that are not there yet.

    Raises `StoreError` when a coordinate is there with other values, or a variable with other dimensions.
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
    create_variables(group, [variable for variable in variables if not variable.afterwards], coords)
    before = own(root)
    after = before | {variable.name: variable.afterwards for variable in variables if variable.own}
    if after != before:
        root.update_attributes({"own": after})


def create_variables(group: zarr.Group, variables: Sequence[Variable], coords: Mapping[str, np.ndarray]) -> None:
    """Creates the variables that are not there yet, NaN at every step that was logged.

    Raises `StoreError` when one is there with other dimensions.
    """
    outer, logged = array_of(group, "run").shape[0], array_of(group, "step").shape[0]
    for variable in variables:
        inner = tuple(len(coords[dim]) for dim in variable.dims)
        by_step = variable.by_step
        dims = ("run", *(["step"] if by_step else []), *variable.dims)
        attributes = {**variable.notes, "units": variable.units, "description": variable.description}
        if quoted(variable.name) not in group:
            create(
                group,
                variable.name,
                (outer, *([logged] if by_step else []), *inner),
                (outer, *([rows(STEPS, (outer, *inner), FLOAT.itemsize)] if by_step else []), *inner),
                FLOAT,
                dims,
                **(attributes | ({"own": "true"} if variable.own else {})),
            )
        elif (stored := dims_of(array_of(group, variable.name))) != dims:
            raise StoreError(
                f"the store holds {variable.name} by {', '.join(stored)}, not by {', '.join(dims)}; "
                "choose another --out, or another name"
            )


def fill(
    group: zarr.Group, logged_steps: np.ndarray, variables: Sequence[Variable], values: Mapping[str, np.ndarray]
) -> None:
    """Writes whole variables: (run, logged, ...), NaN at the other steps, or (run, ...) for those without steps.

    Raises `ValueError` for steps that were not logged.
    """
    known = np.asarray(array_of(group, "step")[...])
    if not np.isin(logged_steps, known).all():
        raise ValueError(f"not all of the steps {logged_steps} were logged")
    places = np.searchsorted(known, logged_steps)

    def write(variable: Variable) -> None:
        array = array_of(group, variable.name)
        block = np.full(array.shape, np.nan, dtype=FLOAT)
        block[:, places if variable.by_step else slice(None)] = values[variable.name]
        array[...] = block

    at_once([partial(write, variable) for variable in variables])


def append_measures(
    group: zarr.Group, where: np.ndarray, logged_steps: np.ndarray, measures: Mapping[str, np.ndarray]
) -> None:
    """Appends rows (run, logged, ...) for the runs at positions `where`; NaN for all else."""
    arrays = dict(group.arrays())
    before = arrays["step"].shape[0]
    after = before + len(logged_steps)
    for array in arrays.values():
        dims = dims_of(array)
        if "step" in dims:
            array.resize(tuple(after if dim == "step" else n for dim, n in zip(dims, array.shape, strict=True)))
    arrays["step"][before:] = logged_steps

    def write(name: str, values: np.ndarray) -> None:
        array = arrays[quoted(name)]
        block = np.full((array.shape[0], len(logged_steps), *array.shape[2:]), np.nan, dtype=FLOAT)
        block[where] = values
        array[:, before:] = block

    at_once([partial(write, name, values) for name, values in measures.items()])


def append_checkpoints(
    group: zarr.Group, where: np.ndarray, checkpoints: Mapping[int, Mapping[str, np.ndarray]]
) -> None:
    """Keeps leaves (run, ...), by step and name, of the runs at positions `where`; again at a step replaces."""
    if not checkpoints:
        return
    steps, kept = array_of(group, "step"), array_of(group, "kept")
    known = np.asarray(steps[...]).tolist()
    whole = [*known, *sorted(checkpoints.keys() - set(known))]
    places = np.array([whole.index(step) for step in checkpoints])
    steps.resize((len(whole),))
    steps[...] = np.array(whole, dtype=INT)
    kept.resize((kept.shape[0], len(whole)))
    flags = np.asarray(kept[...])
    flags[np.ix_(where, places)] = True
    kept[...] = flags

    def write(name: str) -> None:
        leaf = np.stack([leaves[name] for leaves in checkpoints.values()], axis=1)
        outer, inner = kept.shape[0], leaf.shape[2:]
        if quoted(name) not in group:
            chunks = (rows(outer, inner, leaf.itemsize), 1, *inner)
            create(group, name, (outer, 0, *inner), chunks, leaf.dtype, ("run", "step", *axes(inner)))
        array = array_of(group, name)
        array.resize((outer, len(whole), *inner))
        block = np.asarray(array.oindex[:, places])
        block[where] = leaf
        array.oindex[:, places] = block

    at_once([partial(write, name) for name in next(iter(checkpoints.values()))])


def axes(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Dimension names for a leaf's own axes, told apart by length too, so that leaves share a dataset."""
    return tuple(f"axis{number}_{size}" for number, size in enumerate(shape))


def checkpoint_steps(root: zarr.Group, row: int) -> list[int]:
    """The steps at which the run in that row was kept, ascending."""
    steps, kept = kept_steps(root)
    return [int(step) for step in steps[kept[row]]]


def kept_steps(root: zarr.Group) -> tuple[np.ndarray, np.ndarray]:
    """The steps (step,) at which weights of any run were kept, ascending, and of which runs (run, step)."""
    group = subgroup(root, "checkpoints")
    steps = np.asarray(array_of(group, "step")[...])
    order = np.argsort(steps)
    return steps[order], np.asarray(array_of(group, "kept")[...])[:, order]


def checkpoint(root: zarr.Group, row: int, step: int) -> dict[str, np.ndarray]:
    """The leaves of the run in that row at a step that was kept."""
    return {name: leaf[0] for name, leaf in _leaves(root, row, [step]).items()}


def checkpoints(root: zarr.Group, steps: Sequence[int]) -> dict[str, np.ndarray]:
    """The leaves (run, step, ...) of all runs at steps that were kept; NaN or 0 for runs of which they were not."""
    return _leaves(root, slice(None), steps)


def _leaves(root: zarr.Group, runs: int | slice, steps: Sequence[int]) -> dict[str, np.ndarray]:
    group = subgroup(root, "checkpoints")
    known = {int(step): place for place, step in enumerate(np.asarray(array_of(group, "step")[...]))}
    places = np.array([known[step] for step in steps])
    leaves = {unquoted(name): array for name, array in group.arrays() if name not in ("step", "kept")}

    def read(array: zarr.Array[Any]) -> np.ndarray:
        return np.asarray(array.oindex[runs, places])

    return dict(zip(leaves, at_once([partial(read, array) for array in leaves.values()]), strict=True))


def history(root: zarr.Group, names: Sequence[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The logged steps (step,), and the measures of those names, each (run, step, ...)."""
    group, wanted = subgroup(root, "measures"), ("step", *names)
    values = at_once([partial(array_of(group, name).__getitem__, ...) for name in wanted])
    found = {name: np.asarray(value) for name, value in zip(wanted, values, strict=True)}
    return found.pop("step"), found


def variables(root: zarr.Group) -> set[str]:
    """The names of the variables that are there."""
    arrays = subgroup(root, "measures").arrays()
    return {unquoted(name) for name, array in arrays if dims_of(array)[:1] == ("run",) and name != "run"}


def own(root: zarr.Group) -> dict[str, bool]:
    """The user's own measures by name, and whether each is computed afterwards; also those not computed yet."""
    found: dict[str, Any] = root.attrs.asdict()
    return dict(found.get("own", {}))


def measured(root: zarr.Group) -> Described:
    """Every measure and coordinate, by name, in alphabetical order."""
    return described(subgroup(root, "measures"))


def described(group: zarr.Group) -> Described:
    """The arrays of a group by name, in alphabetical order."""
    stored = dict(sorted(group.arrays(), key=lambda entry: entry[0]))
    values = at_once([partial(array.__getitem__, ...) for array in stored.values()])
    return {
        unquoted(name): (
            dims_of(array),
            _plain(np.asarray(value)),
            {key: str(said) for key, said in array.attrs.asdict().items()},
        )
        for (name, array), value in zip(stored.items(), values, strict=True)
    }


def _plain(array: np.ndarray) -> np.ndarray:
    """Words as NumPy's usual type, everything else as it is."""
    return np.array(array.tolist()) if array.dtype.kind == "T" else array
