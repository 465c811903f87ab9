"""The three phases of every run, as the page shades them."""

from typing import Any

import numpy as np
import xarray as xr

from groklab.curves import Boundary, Phase, find_phases

NAMES = {"memorisation": "memorisation", "circuit_formation": "circuit formation", "clean_up": "clean-up"}
"""The phases in their order, and their names."""


def phases_of(metrics: xr.Dataset) -> list[list[dict[str, Any]]]:
    """For each run its phases by `groklab.curves.find_phases`: name, begin and end, and words where one is missing.

    A boundary is a step with the earliest and the latest one (`low`, `high`), and whether it is `stable`. Empty for a
    run without losses.
    """
    names = [name for name in ("train_loss", "test_loss", "excluded_loss") if name in metrics]
    if names[:2] != ["train_loss", "test_loss"]:
        return [[] for _ in range(metrics.sizes["run"])]
    found: list[list[dict[str, Any]]] = []
    for run in range(metrics.sizes["run"]):
        losses = {name: metrics[name].isel(run=run).values.astype(float) for name in names}
        if not all(np.isfinite(losses[name]).any() for name in ("train_loss", "test_loss")):
            found.append([])
            continue
        phases = find_phases(metrics["step"].values, **losses)
        found.append([_plain(words, getattr(phases, name)) for name, words in NAMES.items()])
    return found


def _plain(name: str, phase: Phase) -> dict[str, Any]:
    begin, end = _boundary(phase.begin), _boundary(phase.end)
    return {"name": name, "begin": begin, "end": end, "reason": phase.reason}


def _boundary(boundary: Boundary | None) -> dict[str, Any] | None:
    if boundary is None:
        return None
    return {"step": boundary.step, "low": boundary.low, "high": boundary.high, "stable": boundary.stable}
