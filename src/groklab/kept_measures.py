"""Any measure of the networks that a store kept, as a dataset."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Int

from groklab.errors import Mistake, unknown
from groklab.measures import Measure, built_in, on_request
from groklab.store import Reader
from groklab.training.afterwards import KEY_FREQUENCY, Networks, attributes, evaluate, last_kept
from groklab.training.applicable import fitting_to
from groklab.training.settings import Run

Wanted = str | Measure | Callable[..., Any]
"""A measure: a built-in one's name, a measure, or a function f(model, task)."""


def kept_measures(
    reader: Reader,
    settings: Sequence[Run],
    wanted: Iterable[Wanted] | Wanted | None,
    key: str,
    runs: Sequence[int],
    steps: Sequence[int] | None,
) -> xr.Dataset:
    """What `groklab.Record.measure` gives: measures of kept networks, batch by batch, NaN where none were kept.

    `settings` are those of every run, `runs` the numbers of those asked for.
    """
    measures = built_in() if wanted is None else _chosen(wanted)
    asked: dict[str, tuple[list[int], Networks]] = {}
    for batch, members in reader.manifest.batches.items():
        rows = [row for row, number in enumerate(members) if number in runs]
        kept = reader.kept(batch) if rows else None
        if kept is not None:
            numbers = [members[row] for row in rows]
            alike = tuple(settings[number] for number in numbers)
            asked[batch] = numbers, _networks(reader, batch, rows, alike, *kept)
    steps_of = np.unique(np.concatenate([np.empty(0, int), *(networks.steps for _, networks in asked.values())]))
    if not len(steps_of):
        raise Mistake(f"no weights of these runs are kept yet in {reader.path}")
    for step in set(steps or ()) - {-1, *steps_of.tolist()}:
        near = np.sort(steps_of[np.argsort(np.abs(steps_of - step), kind="stable")[:4]])
        raise Mistake(f"no weights were kept at step {step}; the nearest kept are at {', '.join(map(str, near))}")
    parts: list[xr.Dataset] = []
    fitted: set[str] = set()
    for numbers, networks in asked.values():
        fitting, coordinates = fitting_to(networks.runs[0], measures)
        fitted |= {measure.name for measure in fitting}
        chosen = networks if steps is None else _at(networks, steps)
        if fitting and len(chosen.steps):
            found = _dataset(chosen, fitting, key)
            parts.append(found.assign_coords(coordinates | {"run": numbers, "step": chosen.steps}))
    for measure in measures if wanted is not None else ():
        if measure.name not in fitted:
            needs = ", ".join(measure.needs)
            raise Mistake(f"the measure {measure.name} needs {needs}; none of the runs asked for has all of it")
    return reader.whole(parts).sel(run=list(runs))


def _chosen(wanted: Iterable[Wanted] | Wanted) -> tuple[Measure, ...]:
    each = [wanted] if isinstance(wanted, str | Measure) or callable(wanted) else wanted
    known = {measure.name: measure for measure in (*built_in(), *on_request())}
    for one in each:
        if isinstance(one, str) and one not in known:
            raise unknown("measure", one, known)
    return tuple(known[one] if isinstance(one, str) else Measure.of(one) for one in each)


def _networks(
    reader: Reader,
    batch: str,
    rows: list[int],
    runs: tuple[Run, ...],
    steps: Int[np.ndarray, " step"],
    where: Bool[np.ndarray, "member step"],
) -> Networks:
    """All kept networks of the runs in some rows of a batch."""
    kept = where[rows]
    return Networks(
        runs=runs,
        steps=steps,
        where=kept,
        last=last_kept(steps, kept),
        read=lambda steps: {name: leaf[rows] for name, leaf in reader.weights(batch, steps).items()},
    )


def _at(networks: Networks, steps: Sequence[int]) -> Networks:
    """Those at some steps alone, -1 for each run's last."""
    where = networks.where & np.isin(networks.steps, list(steps))
    if -1 in steps:
        where |= networks.steps == networks.last[:, None]
    used = where.any(axis=0)
    return dataclasses.replace(networks, steps=networks.steps[used], where=where[:, used])


def _dataset(networks: Networks, measures: tuple[Measure, ...], key: str) -> xr.Dataset:
    found = evaluate(networks, measures, key)
    variables = {
        measure.name: (("run", "step", *measure.dims), found.values[measure.name], attributes(measure, key))
        for measure in measures
    }
    if found.key is not None:
        dims = ("run", *(["step"] if found.key.ndim == 3 else []), "frequency")
        variables[KEY_FREQUENCY.name] = (dims, found.key, attributes(KEY_FREQUENCY, key))
    return xr.Dataset(variables)
