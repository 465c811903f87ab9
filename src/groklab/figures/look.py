"""One look for all figures: panels in the style of the page, and the same figure at print size."""

import html
import math
import re
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from groklab.figures.sizes import MM, POINT, SINGLE
from groklab.style import blank

GREY = "#8C8C8C"
LINE = 5.2
"""Height in mm of a line of a legend or of panels' titles."""
DASHED = {"dash": "4px,2px", "dot": "1.2px,1.8px", "dashdot": "5px,2px,1.2px,2px"}
"""Plotly's dashes, shorter."""
LETTERS = 7 * POINT
BAR = {"thickness": 6, "ticklen": 2, "tickwidth": 0.5, "title": {"side": "right", "font": {"size": LETTERS}}}
"""A bar of colours in print."""
PRINTED = "Helvetica, Arial, Liberation Sans, sans-serif"
STEPS = "training (optimiser steps)"
"""What a horizontal axis of time is called."""
ROUND = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))
"""Round numbers within a decade, coarse to fine."""


def sheet(rows: int = 1, columns: int = 1, **options: Any) -> go.Figure:
    """Panels without data in the style of all; `options` go to Plotly's `make_subplots`."""
    figure = make_subplots(rows, columns, **options)
    style = blank().layout.to_plotly_json()
    x, y = style.pop("xaxis"), style.pop("yaxis")
    figure.update_layout(style, showlegend=True)
    figure.update_xaxes(x)
    figure.update_yaxes(y)
    return figure


def panels(count: int) -> tuple[int, int]:
    """Rows and columns for so many panels, at most four side by side."""
    columns = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}.get(count, 4)
    return math.ceil(count / columns), columns


def over_steps(figure: go.Figure, row: int | None = None, col: int | None = None) -> None:
    """Makes horizontal axes those of training, from step 0: all, or those of a row and column."""
    figure.update_xaxes(title_text=STEPS, rangemode="tozero", tickformat=",", row=row, col=col)


def logarithmic(low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis for values from `low` to `high`, with at least three round numbers where there are such."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    inside: list[float] = []
    for digits in ROUND:
        ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
        inside = [tick for tick in ticks if low / 1.03 <= tick <= high * 1.03]
        if len(inside) >= 3:
            break
    return {"type": "log", "tickvals": inside, "ticktext": [f"{tick:,.10g}" for tick in inside]}


def layout_of(figure: go.Figure) -> Any:
    """A figure's layout, whose fields are not known to type checkers."""
    return figure.layout


def traces_of(figure: go.Figure) -> Any:
    """A figure's traces, likewise."""
    return figure.data


def see_through(colour: str, opacity: float) -> str:
    """A colour, `#RRGGBB` or `rgb(r, g, b)`, with an opacity from 0 to 1."""
    if colour.startswith("#"):
        parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    else:
        parts = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return f"rgba({', '.join(map(str, parts))}, {opacity:g})"


def for_print(figure: go.Figure, width: float = SINGLE, height: float | None = None) -> go.Figure:
    """A copy of a figure for a journal's page: `width` and `height` in mm, letters of 7 points, thin lines, on white.

    Without a height it follows the panels. The legend stands above them.
    """
    copy = go.Figure(figure)
    height = height_of(figure, width) if height is None else height
    titles = LINE if layout_of(copy).annotations else 0.0
    letters = {"family": PRINTED, "size": LETTERS, "color": "black"}
    for number, trace in enumerate(traces_of(copy)):
        # Without one Plotly draws a random number.
        trace.uid = f"t{number}"
        _thin(trace)
    copy.update_layout(
        width=round(width * MM),
        height=round(height * MM),
        paper_bgcolor="white",
        plot_bgcolor="white",
        font=letters,
        margin={"l": 8, "r": 14, "t": 8 + titles * MM, "b": 8, "pad": 0},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02 + titles / height,
            "yanchor": "bottom",
            "tracegroupgap": 0,
        },
    )
    lines = {"showline": True, "linecolor": "black", "linewidth": 0.7, "tickcolor": "black", "tickwidth": 0.7}
    grid = {"gridwidth": 0.5, "gridcolor": "rgba(0, 0, 0, 0.12)", "ticks": "outside", "ticklen": 3, "automargin": True}
    copy.update_xaxes({**lines, **grid, "title": {"standoff": 4, "font": letters}, "nticks": 5})
    copy.update_yaxes({**lines, **grid, "title": {"standoff": 3, "font": letters}, "nticks": 5})
    # Plotly writes powers a quarter larger than other numbers.
    powers = {"tickfont": {"size": LETTERS / 1.25}}
    copy.update_xaxes(powers, selector={"type": "log", "exponentformat": "power"})
    copy.update_yaxes(powers, selector={"type": "log", "exponentformat": "power"})
    copy.update_annotations(font=letters)
    copy.update_shapes({"line": {"width": 0.7}}, selector={"type": "line"})
    return copy


def height_of(figure: go.Figure, width: float) -> float:
    """The height in mm that a figure of a width takes: by the rows of its panels, and by what the legend needs."""
    meta = layout_of(figure).meta or {}
    rows, columns = meta.get("rows", 1), meta.get("columns", 1)
    if meta.get("square"):
        return width
    if meta.get("pictures"):
        return width * 0.39
    own = width * (0.46 if columns == 2 else 0.58) if rows == 1 else 14 + rows * (44 if columns > 1 else 32)
    return own + _legend(figure, width) + (LINE if layout_of(figure).annotations else 0)


def _legend(figure: go.Figure, width: float) -> float:
    """About the height in mm of a legend above the panels: what its words take at 7 points, in lines."""
    if layout_of(figure).showlegend is False:
        return 0.0
    named = {trace.name: trace for trace in traces_of(figure) if trace.name and trace.showlegend is not False}
    if len(traces_of(figure)) < 2 or not named:
        return 0.0
    lines, room = 1, width - 14
    for name in named:
        words = html.unescape(re.sub("<[^>]*>", "", name))
        needed = 13 + 1.35 * len(words)
        lines, room = (lines, room - needed) if needed <= room else (lines + 1, width - 14 - needed)
    return lines * LINE


def _thin(trace: Any) -> None:
    """Lines and marks for print: a little over half of what they are on a screen."""
    if trace.type == "heatmap":
        trace.update(colorbar=BAR)
        return
    if trace.type == "bar":
        return
    if trace.line.width is None or trace.line.width > 0:
        trace.line.width = 0.6 * (trace.line.width or 2)
    trace.line.dash = DASHED.get(trace.line.dash, trace.line.dash)
    sizes = trace.marker.size
    trace.marker.size = 0.6 * (6 if sizes is None else sizes)
    if trace.marker.colorbar.to_plotly_json():
        trace.marker.colorbar.update(BAR)
    if trace.error_x.to_plotly_json():
        trace.error_x.update(thickness=0.8, width=2)
