"""The charts and heat maps of a study's own analysis, as they stand on its page."""

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from groklab.errors import Mistake
from groklab.figures.look import logarithmic, sheet
from groklab.findings.analysis import Chart, HeatMap
from groklab.style import OKABE_ITO, colours

if TYPE_CHECKING:
    from groklab.record import Record

DASHES = ("solid", "dash", "dot", "dashdot")
DRAWN = 24
"""Marks are drawn on lines of so many points at most."""
NAMED = 24
"""Rows and columns of a heat map that have their names at most."""


def study_charts(record: "Record") -> dict[str, go.Figure]:
    """The charts of the study's analysis by title, those without a point left out, then its heat maps.

    Among them, for the studies of those figures: Varma et al. 2023, figures 1c, 5 and 6 (`semi_grokking`), 8
    (`ungrokking_tasks`) and 10 (`tradeoff`). Raises `Mistake` where the study has none, or its runs have not ended.
    """
    analysis = record.analysis()
    found = {chart.title: drawn(chart) for chart in analysis.charts if _has_points(chart)}
    found |= {shown.title: shaded(shown) for shown in analysis.heat_maps}
    if not found:
        raise Mistake(f"the analysis of {record.study} gives no chart of the runs in {record.path}")
    return found


def named(record: "Record") -> Iterator[tuple[str, go.Figure]]:
    """The same, by what is added to the name of a file."""
    for title, figure in study_charts(record).items():
        yield "-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-"), figure


def drawn(chart: Chart) -> go.Figure:
    """A chart as a figure: its lines in order, told apart by colour and dash."""
    figure = sheet()
    lines = {name: np.array(points, dtype=float).reshape(-1, 2) for name, points in chart.series.items() if points}
    for number, ((name, points), colour) in enumerate(zip(lines.items(), colours(len(lines)), strict=True)):
        figure.add_scatter(
            x=points[:, 0],
            y=points[:, 1],
            mode="lines+markers" if len(points) <= DRAWN else "lines",
            name=name,
            showlegend=len(lines) > 1,
            line={"color": colour, "dash": DASHES[number % len(DASHES)]},
            hovertemplate=f"%{{x:,.4~g}}, %{{y:.4~g}}<extra>{name}</extra>",
        )
    values = np.concatenate(list(lines.values()))
    axes = ((chart.x, chart.log_x, figure.update_xaxes), (chart.y, chart.log_y, figure.update_yaxes))
    for column, (title, is_logarithmic, update) in enumerate(axes):
        known = values[:, column][np.isfinite(values[:, column])]
        scale = logarithmic(known.min(), known.max()) if is_logarithmic and len(known) and known.min() > 0 else {}
        update(title_text=title, **scale)
    return figure.update_layout(meta={"alt": f"{chart.title}: {chart.y} against {chart.x}, {len(lines)} lines."})


def shaded(shown: HeatMap) -> go.Figure:
    """A heat map as a figure, its first row above; outlined cells have a square."""
    figure = sheet()
    figure.add_heatmap(
        x=list(range(len(shown.columns))),
        y=list(range(len(shown.rows))),
        z=[list(row) for row in shown.values],
        zmin=0,
        zmax=shown.most,
        colorscale="Viridis",
        colorbar={"title": {"text": shown.shade, "side": "right"}, "thickness": 12, "outlinewidth": 0},
        hoverongaps=False,
        hovertemplate="row %{y}, column %{x}: %{z:.4g}<extra></extra>",
    )
    if shown.marked:
        figure.add_scatter(
            x=[column for _, column in shown.marked],
            y=[row for row, _ in shown.marked],
            mode="markers",
            name=shown.marks,
            marker={"symbol": "square-open", "size": 10, "color": OKABE_ITO[1], "line": {"width": 1.5}},
            hoverinfo="skip",
        )
    for names, title, update in (
        (shown.columns, shown.x, figure.update_xaxes),
        (shown.rows, shown.y, figure.update_yaxes),
    ):
        places = list(range(0, len(names), math.ceil(len(names) / NAMED)))
        ticks: dict[str, Any] = {
            "tickmode": "array",
            "tickvals": places,
            "ticktext": [names[place] for place in places],
        }
        update(title_text=title, showgrid=False, constrain="domain", **ticks)
    figure.update_yaxes(autorange="reversed", scaleanchor="x")
    known = [value for row in shown.values for value in row if value is not None]
    there = [value for row, column in shown.marked if (value := shown.values[row][column]) is not None]
    alt = f"{shown.title}: {shown.shade}, {np.mean(known):.3g} on average"
    alt += f", {np.mean(there):.3g} in the {len(there)} cells outlined." if there else "."
    return figure.update_layout(meta={"alt": alt, "square": True})


def _has_points(chart: Chart) -> bool:
    return any(bool(np.isfinite(point).all()) for points in chart.series.values() for point in points)
