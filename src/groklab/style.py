"""Colours, marks, names and axes that all figures share."""

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.colors import sample_colorscale

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C")
"""Colours that colour-blind readers can tell apart (Okabe and Ito 2008). Grey stands for black and yellow,
which vanish on one of the two backgrounds; the page darkens or lightens each until it stands out on its own."""

MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")
"""A run's marker, so that few runs differ by more than colour."""

SIGNS = ("●", "■", "◆", "▲", "✚", "✖", "★")
"""The markers as letters, for the buttons."""

DASHES = ("solid", "dash", "dot", "dashdot")
"""The line of a figure's first, second, ... variable."""

PER_RUN = ("seed", "task", "train_size", "weight_decay", "learning_rate")
"""Coordinates that say what sets a run apart."""


def colours(count: int) -> list[str]:
    """One colour each: Okabe and Ito's for few, an even walk through viridis for many."""
    if count <= len(OKABE_ITO):
        return list(OKABE_ITO[:count])
    sampled = sample_colorscale("Viridis", np.linspace(0.05, 0.95, count).tolist())
    return [_hexadecimal(str(colour)) for colour in sampled]


def run_colours(metrics: xr.Dataset) -> list[str]:
    """Each run's colour; runs of one arm (see `groklab.report.labels`) have one. As the coordinate `colour` says."""
    if "colour" in metrics.coords:
        return [str(colour) for colour in metrics["colour"].values.tolist()]
    arms = arm_numbers(metrics)
    return [colours(max(arms, default=0) + 1)[arm] for arm in arms]


def arm_numbers(metrics: xr.Dataset) -> list[int]:
    """The arm of each run, counted in order of appearance; each run is an arm of its own where none are named."""
    if "arm_number" in metrics.coords:
        return [int(number) for number in metrics["arm_number"].values.tolist()]
    if "arm" not in metrics.coords:
        return list(range(metrics.sizes["run"]))
    names = [str(name) for name in metrics["arm"].values.tolist()]
    order = list(dict.fromkeys(names))
    return [order.index(name) for name in names]


def run_signs(metrics: xr.Dataset) -> list[str]:
    """The letter that stands for each run's marker; a square where there are too many to tell apart."""
    arms = arm_numbers(metrics)
    return [SIGNS[arm] if max(arms) < len(SIGNS) else SIGNS[1] for arm in arms]


def run_names(metrics: xr.Dataset) -> list[str]:
    """Every run's name: its number, and what sets it apart: `run 2 · seed 2`. Escaped for HTML.

    The coordinate `label` is taken for it where there is one.
    """
    if "label" in metrics.coords:
        return [html.escape(str(label)) for label in metrics["label"].values.tolist()]
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


def _hexadecimal(colour: str) -> str:
    """`rgb(1, 2, 3)` as `#010203`."""
    return "#" + "".join(f"{round(float(part)):02X}" for part in colour.strip("rgb()").split(","))
