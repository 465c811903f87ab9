"""A figure in words: what somebody reads, or hears, who does not see it."""

import html
from typing import Any

import numpy as np
import plotly.graph_objects as go

from groklab.figures.look import traces_of
from groklab.findings.words import number
from groklab.report.panel import Panel

LINES = 6
"""Kinds of line that are described one by one at most."""


def in_words(panel: Panel) -> str:
    """What is drawn along which axes, with the main numbers of each kind of line or picture.

    A figure that says it itself, as `layout.meta.alt`, is taken at its word.
    """
    layout: Any = panel.figure.layout
    meta = dict(layout.meta or {})
    if meta.get("alt"):
        return f"{panel.title}. {html.unescape(str(meta['alt']))}"
    across, up = (html.unescape(str(layout[axis].title.text or "")) for axis in ("xaxis", "yaxis"))
    parts = [f"{panel.title}: {up} against {across}." if across and up else f"{panel.title}."]
    kinds: dict[str, list[Any]] = {}
    for trace in traces_of(panel.figure):
        about = dict(trace.meta or {})
        if not about.get("key") and trace.y is not None:
            kinds.setdefault(str(about.get("line") or trace.name or trace.type), []).append(trace)
    for name, traces in list(kinds.items())[:LINES]:
        parts.append(_sentence(html.unescape(name), traces))
    if len(kinds) > LINES:
        parts.append(f"And {len(kinds) - LINES} more.")
    if meta.get("options"):
        parts.append(f"Shown one at a time: {len(meta['options'])} to choose from.")
    return " ".join(filter(None, parts))


def _sentence(name: str, traces: list[Any]) -> str:
    if traces[0].type == "scatter":
        return _line(name, traces)
    values = [np.asarray(trace.z if trace.type == "heatmap" else trace.y, float) for trace in traces]
    known = np.concatenate([one[np.isfinite(one)] for one in values])
    if not known.size:
        return f"{name.replace('_', ' ')}: not measured."
    return f"{name.replace('_', ' ')}: {number(float(known.min()))} to {number(float(known.max()))}."


def _line(name: str, traces: list[go.Scatter]) -> str:
    """First, last, least and largest values; medians over the lines where there are several."""
    lines = [np.asarray(trace.y, float) for trace in traces]
    lines = [line[np.isfinite(line)] for line in lines]
    lines = [line for line in lines if line.size]
    if not lines:
        return f"{name}: not measured."
    first, last = (float(np.median([line[end] for line in lines])) for end in (0, -1))
    least, most = min(float(line.min()) for line in lines), max(float(line.max()) for line in lines)
    of = f"median of {len(lines)} runs " if len(lines) > 1 else ""
    return f"{name}: {of}from {number(first)} to {number(last)}, between {number(least)} and {number(most)} in all."
