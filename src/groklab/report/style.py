"""Colours, names and axes that all figures share."""

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.colors import sample_colorscale

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C")
"""Colours that colour-blind readers can tell apart (Okabe and Ito 2008). Grey stands for black and yellow,
which vanish on one of the two backgrounds."""

DASHES = ("solid", "dash", "dot", "dashdot")
"""The line of a figure's first, second, ... variable."""

PER_RUN = ("seed", "task", "train_size", "weight_decay", "learning_rate")
"""Coordinates that say what sets a run apart."""


def colours(runs: int) -> list[str]:
    """One colour a run: Okabe and Ito's for few, an even walk through viridis for many."""
    if runs <= len(OKABE_ITO):
        return list(OKABE_ITO[:runs])
    return [str(colour) for colour in sample_colorscale("Viridis", list(np.linspace(0.25, 0.9, runs)))]


def run_names(metrics: xr.Dataset) -> list[str]:
    """Every run's name: its number, and what sets it apart: `run 2 · seed 2`. Escaped for HTML."""
    values = {name: metrics[name].values.tolist() for name in PER_RUN if name in metrics.coords}
    telling = {name: each for name, each in values.items() if len(set(each)) > 1}
    names: list[str] = []
    for index, run in enumerate(metrics["run"].values.tolist()):
        parts = [f"run {run}"]
        for name, each in telling.items():
            value = f"{each[index]:g}" if isinstance(each[index], float) else str(each[index])
            parts.append(value if name == "task" else f"{name.replace('_', ' ')} {value}")
        names.append(html.escape(" · ".join(parts)))
    return names


def axis_title(words: str, attributes: Mapping[Any, Any]) -> str:
    """An axis's name with its unit, from a variable's attribute `units`.

    Words that say in brackets what a pure number counts stand as they are.
    """
    units = str(attributes.get("units", "")).strip()
    if units in ("", "1"):
        return html.escape(words if words.endswith(")") else f"{words} (pure number)")
    return html.escape(f"{words} ({units})")


def blank(**layout: Any) -> go.Figure:
    """A figure without data, in the style of all: transparent, small margins, closest hover."""
    figure = go.Figure()
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13},
        margin={"l": 64, "r": 16, "t": 12, "b": 48},
        hovermode="closest",
        hoverlabel={"align": "left"},
        legend={"orientation": "h", "y": -0.22},
    )
    grid = {"showgrid": True, "gridcolor": "rgba(128,128,128,0.22)", "zeroline": False, "automargin": True}
    figure.update_xaxes(grid, ticks="outside", ticklen=4)
    figure.update_yaxes(grid)
    figure.update_layout(**layout)
    return figure
