"""Spectra: frequency against step as a heatmap, and the last one as bars; one run at a time."""

import html
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from groklab.style import OKABE_ITO, axis_title, blank, run_names

COLUMNS = 240
"""At most this many steps of a heatmap are drawn, evenly chosen among the logged ones, the last included."""


def spectra(metrics: xr.Dataset, name: str, title: str = "norm") -> go.Figure:
    """A variable of dimensions (run, step, frequency) as a heatmap of frequency against step.

    One trace for each run in which it was measured: `layout.meta.options` lists them, and the first is shown.
    `title` names the colours, to which the unit is added.
    """
    figure = _frame("training (optimiser steps)", "frequency k (index)")
    label = axis_title(title, metrics[name].attrs)
    options: list[str] = []
    for run, (words, values) in _measured(metrics, name).items():
        step = values["step"].values
        kept = np.unique(np.linspace(0, len(step) - 1, min(len(step), COLUMNS)).round().astype(int))
        figure.add_heatmap(
            x=step[kept],
            y=values["frequency"].values,
            z=values.isel(step=kept).transpose("frequency", "step").values,
            colorscale="Viridis",
            zmin=0,
            zmax=float(np.nanmax(values.values)),
            colorbar={"title": {"text": label, "side": "right"}, "thickness": 12, "outlinewidth": 0},
            name=words,
            visible=not options,
            hoverongaps=False,
            hovertemplate=f"<b>{words}</b><br>frequency %{{y}}<br>step %{{x:,}}<br>%{{z:.4g}}<extra></extra>",
            meta={"option": len(options), "of": run, "line": name},
        )
        options.append(words)
    figure.update_layout(meta=_choice(options) | {"training": True})
    return figure


def final_spectra(metrics: xr.Dataset, name: str, title: str = "norm") -> go.Figure:
    """The last spectrum of a variable of dimensions (run, step, frequency) as bars, one run at a time."""
    figure = _frame("frequency k (index)", axis_title(title, metrics[name].attrs))
    figure.update_yaxes(rangemode="tozero")
    options: list[str] = []
    for run, (words, values) in _measured(metrics, name).items():
        last = values.isel(step=-1)
        step = int(last["step"])
        keys = _keys(metrics, run, last["frequency"].values.tolist())
        figure.add_bar(
            x=last["frequency"].values,
            y=last.values,
            marker={"color": [OKABE_ITO[1] if key else OKABE_ITO[0] for key in keys]},
            text=["★" if key else "" for key in keys],
            textposition="outside",
            cliponaxis=False,
            name=words,
            visible=not options,
            hovertemplate=f"<b>{words}</b>, step {step:,}<br>frequency %{{x}}<br>%{{y:.4g}}<extra></extra>",
            meta={"option": len(options), "of": run, "line": name},
        )
        options.append(words)
    figure.update_layout(meta=_choice(options), bargap=0.25, showlegend=False)
    return figure


def _keys(metrics: xr.Dataset, run: int, frequencies: list[Any]) -> list[bool]:
    """Whether each of these frequencies is key in a run; none where that was not measured."""
    if "key_frequency" not in metrics:
        return [False] * len(frequencies)
    taken = metrics["key_frequency"].sel(run=run)
    return [bool(taken.sel(frequency=frequency) == 1) for frequency in frequencies]


def _choice(options: list[str]) -> dict[str, Any]:
    return {"choice": "run", "options": [html.unescape(option) for option in options]}


def _frame(x: str, y: str) -> go.Figure:
    figure = blank()
    figure.update_xaxes(title_text=x, showgrid=False)
    figure.update_yaxes(title_text=y)
    return figure


def _measured(metrics: xr.Dataset, name: str) -> dict[int, tuple[str, xr.DataArray]]:
    """Each run that has the variable at some step, by number: its name, and its values where they were measured."""
    found: dict[int, tuple[str, xr.DataArray]] = {}
    for place, words in enumerate(run_names(metrics)):
        values = metrics[name].isel(run=place)
        values = values.where(np.isfinite(values)).dropna("step", how="all").dropna("frequency", how="all")
        if values.size:
            found[int(metrics["run"][place])] = (words, values)
    return found
