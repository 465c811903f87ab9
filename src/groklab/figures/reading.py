"""What figures read off a record: one run's curves, its key frequencies, and a run that is worth showing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from jaxtyping import Float

from groklab.curves import Phases, find_phases
from groklab.errors import Mistake
from groklab.training.milestones import grokked

if TYPE_CHECKING:
    from groklab.record import Record

POINTS = 240
"""At most this many points of a curve are drawn, where hundreds of curves are."""


def one_run(record: "Record", run: int, names: Sequence[str | tuple[str, ...]]) -> xr.Dataset:
    """A run's measures. Raises `Mistake` for a run that is not there, or one in which a measure was never taken.

    Of measures in a tuple one is enough.
    """
    count = len(record.runs)
    if not -count <= run < count:
        raise Mistake(f"{record.path} has runs 0 to {count - 1}, not {run}")
    one = record.metrics().isel(run=run)
    wanted = [(name,) if isinstance(name, str) else name for name in names]
    absent = [choice[0] for choice in wanted if first_of(one, choice) not in one]
    if absent:
        which = f"run {run % count} of {record.path} has no {', '.join(absent)}"
        if record.path.is_file():
            raise Mistake(f"{which}: it was not kept in this file; take the folder of its runs")
        raise Mistake(f"{which}: go on with the run, or take one whose task and network have it")
    return one


def first_of(run: xr.Dataset, names: Sequence[str]) -> str:
    """The first of the measures that was taken of a run at some step; nothing where none was."""
    return next((name for name in names if name in run and bool(run[name].notnull().any())), "")


def known(values: xr.DataArray) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Steps and values of a curve where it was measured and is finite."""
    steps, measured = values["step"].values.astype(float), values.values.astype(float)
    kept = np.isfinite(measured)
    return steps[kept], measured[kept]


def thinned(
    steps: Float[np.ndarray, " point"], values: Float[np.ndarray, " point"], most: int = POINTS
) -> tuple[Float[np.ndarray, " drawn"], Float[np.ndarray, " drawn"]]:
    """At most so many points of a curve, evenly chosen among the measured ones, first and last included."""
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), most)).round().astype(int))
    return steps[chosen], values[chosen].astype(np.float32)


def phases_of(run: xr.Dataset) -> Phases:
    """The phases of a run, from its losses by the rule of `groklab.curves`."""
    excluded = run["excluded_loss"].values if "excluded_loss" in run else None
    return find_phases(
        run["step"].values, train_loss=run["train_loss"].values, test_loss=run["test_loss"].values,
        excluded_loss=excluded,
    )  # fmt: skip


def worth_showing(record: "Record") -> int:
    """The number of the first run that shows all three phases; else of the first that grokked; else 0."""
    metrics = record.metrics()
    if {"train_loss", "test_loss", "excluded_loss"} <= set(metrics.data_vars):
        for run in range(len(record.runs)):
            one = metrics.isel(run=run)
            if all(bool(one[name].notnull().any()) for name in ("train_loss", "test_loss", "excluded_loss")):
                phases = phases_of(one)
                if all(phase.present for phase in (phases.memorisation, phases.circuit_formation, phases.clean_up)):
                    return run
    if "test_accuracy" in metrics:
        found = grokked(metrics["test_accuracy"].values).any(axis=1)
        return int(found.argmax())
    return 0


def key_frequencies(run: xr.Dataset) -> list[int | str]:
    """The labels of a run's key frequencies as the store has them, at its last measured step; none where it has none.

    Without the variable `key_frequency` they are the outliers of the last spectrum of W_L.
    """
    from groklab.circuits.key_frequencies import outliers

    if "key_frequency" in run:
        marked = _last(run["key_frequency"]) > 0
    elif "neuron_logit_norm" in run:
        marked = np.asarray(outliers(_last(run["neuron_logit_norm"])))
    else:
        return []
    return [label for label, is_key in zip(run["frequency"].values.tolist(), marked, strict=True) if is_key]


def _last(values: xr.DataArray) -> Float[np.ndarray, " frequency"]:
    """A spectrum at the last step at which it was measured; zeros where it never was."""
    if "step" in values.dims:
        values = values.dropna("step", how="all")
        values = values.isel(step=-1) if values.sizes["step"] else xr.zeros_like(values["frequency"], dtype=float)
    return np.nan_to_num(values.values.astype(float))
