"""Figures as plain facts, with their numbers taken out: a page packs those of all figures together, once each.

Where numbers stood, the facts say `{"packed": NAME}`. Lines of more points than there is room for are thinned:
`thinned` keeps the least and the largest value of each stretch, so that no spike is lost. Heatmaps then keep as many of
their columns, evenly chosen.
"""

import base64
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

FEWEST = 40
"""Points that every line keeps, however many lines there are."""
SHORT = 8
"""Arrays up to this length stay among the facts."""


@dataclass
class Extraction:
    """Facts of figures by name, and the arrays they refer to."""

    figures: dict[str, Any] = field(default_factory=dict)
    """Each figure's `data` and `layout` as JSON."""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    """The numbers, float32 or int32."""
    points: int | None = None
    """How many points each line was thinned to; nothing where all are there."""
    thinned: list[str] = field(default_factory=list)
    """The figures that have fewer points than were drawn."""

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(values.nbytes for values in self.arrays.values())


def extracted(figures: Mapping[str, go.Figure], room: int) -> Extraction:
    """Figures by name as facts and arrays of at most `room` bytes, lines thinned as far as that takes.

    No line is thinned below `FEWEST` points.
    """
    plain = {name: _plain(figure) for name, figure in figures.items()}
    lengths = [len(trace["y"]) for one in plain.values() for trace in one["data"] if _is_line(trace)]
    points: int | None = None
    while True:
        found = _extracted(plain, points)
        if found.nbytes <= room or points == FEWEST or not lengths:
            return found
        points = max(FEWEST, int(min(points or max(lengths), max(lengths)) * min(0.8, room / found.nbytes)))


def thinned(values: Float[np.ndarray, " point"], points: int) -> Int[np.ndarray, " kept"]:
    """Which of a line's points to keep, at most `points`: both ends, and of each stretch the least and the largest."""
    if len(values) <= points:
        return np.arange(len(values))
    edges = np.linspace(1, len(values) - 1, max(1, (points - 2) // 2) + 1).round().astype(int)
    inner = [
        begin + place
        for begin, end in itertools.pairwise(edges.tolist())
        if end > begin
        for place in (int(values[begin:end].argmin()), int(values[begin:end].argmax()))
    ]
    return np.unique([0, *inner, len(values) - 1])


def _plain(figure: go.Figure) -> dict[str, Any]:
    """The figure as dictionaries, without template and legend entries, with lines at the measured points only."""
    plain = _decoded(figure.to_plotly_json())
    plain["layout"] = {name: value for name, value in plain["layout"].items() if name != "template"}
    traces: list[dict[str, Any]] = []
    for trace in plain["data"]:
        if (trace.get("meta") or {}).get("key"):
            continue
        if _is_line(trace):
            known = np.isfinite(np.asarray(trace["y"], float))
            trace = trace | {axis: np.asarray(trace[axis])[known] for axis in ("x", "y")}
        traces.append(trace)
    return {"data": traces, "layout": plain["layout"]}


def _decoded(value: Any) -> Any:
    """Plotly's facts with its base64 of typed numbers as arrays."""
    if isinstance(value, Mapping):
        if "bdata" in value:
            values = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
            return values.reshape([int(size) for size in str(value.get("shape", values.size)).split(",")])
        return {name: _decoded(inner) for name, inner in value.items()}
    return [_decoded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _is_line(trace: Mapping[str, Any]) -> bool:
    """Whether the trace is a curve over training, which may be thinned."""
    return trace.get("type", "scatter") == "scatter" and "line" in (trace.get("meta") or {})


def _extracted(plain: Mapping[str, dict[str, Any]], points: int | None) -> Extraction:
    found = Extraction(points=points)
    known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def take(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: take(inner) for name, inner in value.items()}
        array = _numbers(value)
        if array is not None:
            key = (array.dtype.str, array.shape, array.tobytes())
            name = known.setdefault(key, str(len(known)))
            found.arrays[name] = array
            return {"packed": name}
        if isinstance(value, list | tuple | np.ndarray):
            return [take(inner) for inner in value]
        value = value.item() if isinstance(value, np.generic) else value
        return None if isinstance(value, float) and not math.isfinite(value) else value

    for name, figure in plain.items():
        traces = figure["data"]
        if points is not None:
            traces = [_shortened(trace, points) for trace in figure["data"]]
            if any(one is not other for one, other in zip(traces, figure["data"], strict=True)):
                found.thinned.append(name)
        facts = {"data": [take(trace) for trace in traces], "layout": take(figure["layout"])}
        found.figures[name] = facts
    return found


def _shortened(trace: dict[str, Any], points: int) -> dict[str, Any]:
    if _is_line(trace) and len(trace["y"]) > points:
        kept = thinned(np.asarray(trace["y"], float), points)
        return trace | {axis: trace[axis][kept] for axis in ("x", "y")}
    if trace.get("type") == "heatmap" and len(trace["x"]) > points:
        kept = np.linspace(0, len(trace["x"]) - 1, points).round().astype(int)
        return trace | {"x": trace["x"][kept], "z": trace["z"][:, kept]}
    return trace


def _numbers(value: Any) -> np.ndarray | None:
    """A long or many-dimensional array of numbers in the type it is packed in; nothing for what is none."""
    if isinstance(value, list | tuple) and len(value) > SHORT and _plain_numbers(value):
        value = np.asarray([np.nan if one is None else one for one in value], float)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        return None
    if value.ndim == 1 and value.size <= SHORT:
        return None
    return value.astype(np.float32 if value.dtype.kind == "f" else np.int32)


def _plain_numbers(values: Sequence[Any]) -> bool:
    return all(one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in values)
