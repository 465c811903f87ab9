"""Every run's curve of one measure, in arms."""

import html
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from groklab.errors import Mistake, unknown
from groklab.figures.arms import EVERY, arms, leaves, operations, right_pairs
from groklab.figures.look import over_steps, panels, see_through, sheet
from groklab.figures.reading import known, thinned
from groklab.studies.reading import Reading
from groklab.style import axis_title, colours, run_names
from groklab.tasks import Task

if TYPE_CHECKING:
    from groklab.record import Record

LISTED = 12
"""Kinds of run that a legend lists at most."""
LOGARITHMIC = ("loss",)


def training_curves(record: "Record", name: str = "test_accuracy") -> go.Figure:
    """A measure of every run over training; the pointer names the run and its settings.

    `name` is a variable of run and step. A panel an arm where arms differ and training sets too, and then a colour a
    training-set size (of several tasks: a share of the table), in order; else a colour an arm. Curves of more than 240
    points are thinned evenly to those, so that spikes between them are not drawn. Runs that others start from are left
    out, and those that diverged. Raises `Mistake` for a variable that is not there.
    """
    read = Reading(record)
    simple = {str(one) for one, values in read.metrics.data_vars.items() if values.dims == ("run", "step")}
    if name not in simple:
        raise unknown("measure of run and step", name, simple)
    shown = leaves(read) & np.isfinite(read.curve(name)).any(axis=1)
    if not shown.any():
        raise Mistake(f"{record.path} has no {name} of any run yet; go on with the run")
    sizes = right_pairs(read)
    groups = arms(read, shown)
    by_arm = groups if len(groups) > 1 and len(np.unique(sizes[shown])) > 1 else {EVERY: np.flatnonzero(shown)}
    rows, columns = panels(len(by_arm))
    gap = (0.18 if len(by_arm) % columns == 0 else 0.3) / rows
    figure = sheet(
        rows, columns, shared_xaxes="all", shared_yaxes="all", subplot_titles=_titles(list(by_arm)),
        vertical_spacing=gap if rows > 1 else 0, horizontal_spacing=0.03,
    )  # fmt: skip
    names = run_names(read.metrics)
    kinds = _kinds(read, shown, by_size=len(by_arm) > 1)
    palette = dict(zip(kinds, colours(len(kinds)), strict=True))
    seen: set[str] = set()
    for place, members in enumerate(by_arm.values()):
        for run in members.tolist():
            kind = next(kind for kind, runs in kinds.items() if run in runs)
            steps, values = thinned(*known(read.metrics[name].isel(run=run)))
            figure.add_scatter(
                x=steps,
                y=values,
                mode="lines",
                name=html.escape(kind),
                legendgroup=kind,
                legendrank=1000 + list(kinds).index(kind),
                showlegend=kind not in seen and 1 < len(kinds) <= LISTED,
                line={"color": see_through(palette[kind], 0.75), "width": 1.5},
                hovertemplate=f"<b>{names[run]}</b><br>{html.escape(kind)}: %{{y:.4g}}, step %{{x:,}}<extra></extra>",
                meta={"run": int(read.metrics["run"].values[run])},
                row=place // columns + 1,
                col=place % columns + 1,
            )
            seen.add(kind)
    logarithmic = name.endswith(LOGARITHMIC)
    figure.update_yaxes(type="log" if logarithmic else "linear", exponentformat="power")
    words = "accuracy (share of pairs)" if name.endswith("accuracy") else name.replace("_", " ")
    words = f"{name.partition('_')[0]} {words}" if name.endswith("accuracy") and "_" in name else words
    for row in range(1, rows + 1):
        figure.update_yaxes(title_text=axis_title(words, read.metrics[name].attrs), row=row, col=1)
    for column in range(1, columns + 1):
        bottom = rows if column <= (len(by_arm) - 1) % columns + 1 else max(rows - 1, 1)
        over_steps(figure, row=bottom, col=column)
        figure.update_xaxes(showticklabels=True, row=bottom, col=column)
    alt = f"{name.replace('_', ' ')} of {int(shown.sum())} runs over training, in {len(by_arm)} panels."
    return figure.update_layout(meta={"alt": alt, "rows": rows, "columns": columns})


def _kinds(read: Reading, shown: np.ndarray, *, by_size: bool) -> dict[str, np.ndarray]:
    """What colours stand for: sizes within panels of arms, else arms and sizes together, else single runs."""
    if by_size:
        tables = np.array([Task.of(run.task).pairs for run in read.runs])
        sizes, words = right_pairs(read), "{:,.0f} pairs"
        if len(set(operations(read))) > 1:
            sizes, words = np.round(sizes / tables, 2), "{:.0%} of the table"
        return {words.format(size): np.flatnonzero(shown & (sizes == size)) for size in np.unique(sizes[shown])}
    found = arms(read, shown, by_size=True)
    if len(found) > 1:
        return dict(found)
    return {f"seed {read.runs[run].seed}": np.array([run]) for run in np.flatnonzero(shown).tolist()}


def _titles(names: list[str]) -> list[str] | None:
    return [html.escape(name) for name in names] if len(names) > 1 else None
