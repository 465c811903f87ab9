"""The charts of a study's own analysis, as they stand on its page."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from groklab.errors import Mistake
from groklab.figures.look import logarithmic, sheet
from groklab.findings.analysis import Chart
from groklab.report.style import colours

if TYPE_CHECKING:
    from groklab.record import Record

DASHES = ("solid", "dash", "dot", "dashdot")
DRAWN = 24
"""Marks are drawn on lines of so many points at most."""


def study_charts(record: "Record") -> dict[str, go.Figure]:
    """The charts of the study's analysis by title, those without a point left out.

    Among them, for the studies of those figures: Varma et al. 2023, figures 1c, 5 and 6 (`semi_grokking`), 8
    (`ungrokking_tasks`) and 10 (`tradeoff`). Raises `Mistake` where the study has none, or its runs have not ended.
    """
    found = {chart.title: drawn(chart) for chart in record.analysis().charts if _has_points(chart)}
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


def _has_points(chart: Chart) -> bool:
    return any(bool(np.isfinite(point).all()) for points in chart.series.values() for point in points)
