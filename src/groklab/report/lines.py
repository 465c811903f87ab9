"""Curves over training: one colour a run, one kind of line a variable."""

import html
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from groklab.style import (
    DASHES,
    MARKS,
    OKABE_ITO,
    arm_numbers,
    axis_title,
    blank,
    run_colours,
    run_names,
)

Axis = Literal["linear", "log"]
Trace = dict[str, Any]

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
    kinds = list(zip(present.items(), DASHES, strict=False))
    traces = [trace for (name, word), dash in kinds for trace in _traces(metrics[name], word, dash)]
    lines = {word: dash for (_, word), dash in kinds} if len(present) > 1 else {}
    return _figure(axis_title(title, attributes), axis, [*traces, *_key(lines)], {"lines": lines})


def choice_curves(metrics: xr.Dataset, name: str, title: str, axis: Axis = "linear") -> go.Figure:
    """A variable of dimensions (run, step, others) over training, one value of the other dimensions at a time.

    `layout.meta.options` lists the values, `meta.option` of a trace says to which it belongs; the first is
    shown.
    """
    values = metrics[name]
    others = [str(dim) for dim in values.dims if dim not in ("run", "step")]
    places = list(np.ndindex(*(values.sizes[dim] for dim in others)))
    chosen = [values.isel(dict(zip(others, place, strict=True))) for place in places]
    options = [" · ".join(str(one[dim].values) for dim in others) for one in chosen]
    traces = [
        trace
        for option, (label, one) in enumerate(zip(options, chosen, strict=True))
        for trace in _traces(one, label, "solid", option)
    ]
    choice = {"choice": " · ".join(others), "options": options, "lines": {}}
    return _figure(axis_title(title, values.attrs), axis, traces, choice)


def loss_curves(metrics: xr.Dataset) -> go.Figure:
    """Mean cross-entropy, test solid and train dashed."""
    return curves(metrics, {"test_loss": "test", "train_loss": "train"}, "loss", "log")


def accuracy_curves(metrics: xr.Dataset) -> go.Figure:
    """Share of right answers, test solid and train dashed."""
    variables = {"test_accuracy": "test", "train_accuracy": "train"}
    return curves(metrics, variables, "accuracy (share of pairs)")


def restricted_curves(metrics: xr.Dataset) -> go.Figure:
    """Loss of the key frequencies alone (solid) beside the whole network's on the same pairs (dashed)."""
    return curves(metrics, {"restricted_loss_test": "restricted, test", "test_loss": "whole, test"}, "loss", "log")


def excluded_curves(metrics: xr.Dataset) -> go.Figure:
    """Loss without the key frequencies (solid) beside the whole network's on the same pairs (dashed)."""
    return curves(metrics, {"excluded_loss": "excluded, train", "train_loss": "whole, train"}, "loss", "log")


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


def _figure(title: str, axis: Axis, traces: Sequence[Trace], meta: Trace) -> go.Figure:
    """All traces are given at once: added one by one, hundreds take minutes."""
    figure = go.Figure(data=[*traces], layout=blank().layout)
    figure.update_xaxes(title_text="training (optimiser steps)", type="linear", rangemode="tozero")
    figure.update_yaxes(title_text=title, type=axis, exponentformat="power")
    figure.update_layout(meta={**meta, "training": True})
    return figure


def _traces(values: xr.DataArray, word: str, dash: str, option: int | None = None) -> list[Trace]:
    """A trace a run."""
    runs = values.sizes["run"]
    dataset = values.to_dataset(name="values")
    arms, marked = arm_numbers(dataset), max(arm_numbers(dataset), default=0) < len(MARKS) and runs <= MANY
    units = html.escape(str(values.attrs.get("units", "")))
    traces: list[Trace] = []
    for run, (name, colour) in enumerate(zip(run_names(dataset), run_colours(dataset), strict=True)):
        line = values.isel(run=run)
        measured = int(np.isfinite(line.values).sum())
        mode = "markers" if measured < 2 else "lines+markers" if marked else "lines"
        traces.append(
            {
                "type": "scatter",
                "x": line["step"].values,
                "y": line.values,
                "mode": mode,
                # A measure taken at some logged steps only is one line all the same.
                "connectgaps": True,
                "name": name,
                "legendgroup": name,
                "showlegend": dash == "solid" and not option and runs <= MANY,
                "visible": not option,
                "line": {"color": colour, "dash": dash, "width": 1.6 if runs <= MANY else 1.1},
                "marker": {
                    "color": colour,
                    "size": 7,
                    "symbol": MARKS[arms[run] % len(MARKS)],
                    "maxdisplayed": 7 if measured > 1 else 0,
                },
                "hovertemplate": f"<b>{name}</b><br>{html.escape(word)}: %{{y:.4g}} {'' if units == '1' else units}"
                "<br>step %{x:,}<extra></extra>",
                "meta": _without_nothing(run=int(line["run"]), line=word, option=option),
            }
        )
    return traces


def _key(lines: Mapping[str, str]) -> list[Trace]:
    """Legend entries that say which kind of line is what."""
    return [
        {
            "type": "scatter",
            "x": [None],
            "y": [None],
            "mode": "lines",
            "name": html.escape(word),
            "line": {"color": OKABE_ITO[-1], "dash": dash},
            "meta": {"key": True},
        }
        for word, dash in lines.items()
    ]


def _without_nothing(**entries: Any) -> dict[str, Any]:
    return {name: value for name, value in entries.items() if value is not None}
