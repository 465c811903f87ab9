"""Curves over training: one colour a run, one kind of line a variable."""

import html
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from groklab.report.style import DASHES, axis_title, blank, colours, run_names

Axis = Literal["linear", "log"]

MANY = 10
"""With more runs than this the legend lists the kinds of line only."""


def curves(metrics: xr.Dataset, variables: Mapping[str, str], title: str, axis: Axis = "linear") -> go.Figure:
    """Variables of dimensions (run, step) over training.

    `variables` maps a variable's name to the word for its line ("test"); the first is drawn solid, the next
    dashed. `title` names the y axis, to which the unit is added; `axis` is its first type. Variables that the
    dataset does not have are left out.
    """
    present = {name: word for name, word in variables.items() if name in metrics}
    attributes = metrics[next(iter(present))].attrs if present else {}
    figure = _frame(axis_title(title, attributes), axis)
    for (name, word), dash in zip(present.items(), DASHES, strict=False):
        _draw(figure, metrics[name], word, dash)
    lines = dict(zip(present.values(), DASHES, strict=False)) if len(present) > 1 else {}
    _add_key(figure, lines)
    figure.update_layout(meta={"lines": lines})
    return figure


def choice_curves(metrics: xr.Dataset, name: str, title: str, axis: Axis = "linear") -> go.Figure:
    """A variable of dimensions (run, step, other) over training, one value of the other dimension at a time.

    `layout.meta.options` lists the values, `meta.option` of a trace says to which it belongs; the first is
    shown.
    """
    values = metrics[name]
    (other,) = [dim for dim in values.dims if dim not in ("run", "step")]
    figure = _frame(axis_title(title, values.attrs), axis)
    options = [str(value) for value in values[other].values.tolist()]
    for option, label in enumerate(options):
        _draw(figure, values.isel({other: option}), label, "solid", option)
    figure.update_layout(meta={"choice": str(other), "options": options, "lines": {}})
    return figure


def loss_curves(metrics: xr.Dataset) -> go.Figure:
    """Mean cross-entropy, test solid and train dashed."""
    return curves(metrics, {"test_loss": "test", "train_loss": "train"}, "loss", "log")


def accuracy_curves(metrics: xr.Dataset) -> go.Figure:
    """Share of right answers, test solid and train dashed."""
    variables = {"test_accuracy": "test", "train_accuracy": "train"}
    return curves(metrics, variables, "accuracy (share of pairs)")


def trig_share_curves(metrics: xr.Dataset) -> go.Figure:
    """Share of the logits' variance that the generalising circuit explains."""
    return curves(metrics, {"trig_share": "logits"}, "variance of logits (share)")


def sparsity_curves(metrics: xr.Dataset) -> go.Figure:
    """Gini coefficients of the spectra, embedding solid and neuron-logit map dashed."""
    variables = {"gini_embedding": "embedding W_E", "gini_neuron_logit": "neuron-logit map W_L"}
    return curves(metrics, variables, "Gini coefficient (0 to 1)")


def sum_of_squares_curves(metrics: xr.Dataset) -> go.Figure:
    """Sum of the squares of all parameters."""
    return curves(metrics, {"sum_of_squares": "all parameters"}, "sum of squares (pure number)")


def matrix_norm_curves(metrics: xr.Dataset) -> go.Figure:
    """Norm of each weight matrix, one at a time."""
    return choice_curves(metrics, "matrix_norm", "Frobenius norm")


def margin_curves(metrics: xr.Dataset) -> go.Figure:
    """Mean of the right answer's margin, test solid and train dashed."""
    return curves(metrics, {"test_margin": "test", "train_margin": "train"}, "mean margin")


def mirror_curves(metrics: xr.Dataset) -> go.Figure:
    """Test accuracy on pairs whose mirror was trained on (dashed), and on the others (solid)."""
    variables = {
        "mirror_accuracy_untrained": "mirror not trained",
        "mirror_accuracy_trained": "mirror trained",
    }
    return curves(metrics, variables, "test accuracy (share of pairs)")


def _frame(title: str, axis: Axis) -> go.Figure:
    figure = blank()
    figure.update_xaxes(title_text="training (optimiser steps)", type="linear", rangemode="tozero")
    figure.update_yaxes(title_text=title, type=axis, exponentformat="power")
    return figure


def _draw(figure: go.Figure, values: xr.DataArray, word: str, dash: str, option: int | None = None) -> None:
    """Adds a trace a run."""
    runs = values.sizes["run"]
    names = run_names(values.to_dataset(name="values"))
    units = html.escape(str(values.attrs.get("units", "")))
    for run, (name, colour) in enumerate(zip(names, colours(runs), strict=True)):
        line = values.isel(run=run)
        measured = int(np.isfinite(line.values).sum())
        figure.add_scatter(
            x=line["step"].values,
            y=line.values,
            mode="lines" if measured > 1 else "markers",
            # A measure taken at some logged steps only is one line all the same.
            connectgaps=True,
            name=name,
            legendgroup=name,
            showlegend=dash == "solid" and not option and runs <= MANY,
            visible=not option,
            line={"color": colour, "dash": dash, "width": 2 if runs <= MANY else 1.2},
            marker={"color": colour, "size": 7},
            hovertemplate=f"<b>{name}</b><br>{html.escape(word)}: %{{y:.4g}} {'' if units == '1' else units}"
            "<br>step %{x:,}<extra></extra>",
            meta=_without_nothing(run=run, option=option),
        )


def _add_key(figure: go.Figure, lines: Mapping[str, str]) -> None:
    """Legend entries that say which kind of line is what."""
    for word, dash in lines.items():
        name, line = html.escape(word), {"color": "#8C8C8C", "dash": dash}
        figure.add_scatter(x=[None], y=[None], mode="lines", name=name, line=line, meta={"key": True})


def _without_nothing(**entries: Any) -> dict[str, Any]:
    return {name: value for name, value in entries.items() if value is not None}
