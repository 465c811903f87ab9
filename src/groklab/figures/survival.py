"""The share of networks that have not grokked yet, by arm."""

import html
import math
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from groklab.curves import Survival
from groklab.errors import Mistake
from groklab.figures.arms import arms
from groklab.figures.look import STEPS, logarithmic, see_through, sheet
from groklab.studies.reading import Reading, in_steps
from groklab.style import DASHES, colours

if TYPE_CHECKING:
    from groklab.record import Record

LISTED = 12
"""Arms that a legend lists at most."""


def grokking_survival(record: "Record") -> go.Figure:
    """Kaplan-Meier estimate of the time to grok, a staircase an arm with its 95% band (`groklab.curves.kaplan_meier`).

    The time to grok by weight decay, data and size of Nanda et al. 2023, appendix D, and Varma et al. 2023, section 7,
    told without leaving out those that did not grok in the time they had: a stroke marks where one was last seen.
    Runs from random weights that have test pairs; arms are told apart by settings and training-set size. Reads
    `train_accuracy` and `test_accuracy`. Raises `Mistake` where there is no such run.
    """
    read = Reading(record)
    tested = np.isfinite(read.curve("test_accuracy")).any(axis=1)
    shown = tested & (read.lasted > 0) & np.array([run.start is None for run in read.runs], dtype=bool)
    if not shown.any():
        raise Mistake(f"{record.path} has no run from random weights that was tested over training: none can grok")
    groups = arms(read, shown, by_size=True)
    figure = sheet()
    said: list[str] = []
    first = float(read.time[shown & read.has_grokked].min(initial=read.lasted[shown].max()))
    for place, ((name, runs), colour) in enumerate(zip(groups.items(), colours(len(groups)), strict=True)):
        found = read.times(runs)
        dash = DASHES[place % len(DASHES)]
        _band(figure, name, found, max(first / 2, 1.0), see_through(colour, 0.13 if len(groups) <= 4 else 0.07))
        steps, share = staircase(found, found.share, max(first / 2, 1.0))
        figure.add_scatter(
            x=steps, y=share, mode="lines", name=html.escape(name), legendgroup=name,
            showlegend=len(groups) <= LISTED, line={"color": colour, "shape": "hv", "dash": dash, "width": 2},
            hovertemplate=f"<b>{html.escape(name)}</b> ({len(runs)} networks)<br>%{{y:.0%}} not yet at step %{{x:,}}"
            "<extra></extra>", meta={"arm": name},
        )  # fmt: skip
        _censored(figure, name, read, runs, found, colour)
        grokked = int(read.has_grokked[runs].sum())
        when = f", median step {in_steps(found.median)}" if math.isfinite(found.median.value) else ""
        said.append(f"{name}: {grokked} of {len(runs)} grokked{when}.")
    last = float(read.lasted[shown].max())
    figure.update_xaxes(title_text=STEPS, **logarithmic(max(first / 2, 1.0), last))
    figure.update_yaxes(title_text="not grokked yet (share)", range=[-0.03, 1.03])
    return figure.update_layout(meta={"alt": " ".join(said), "sentences": said})


def staircase(
    found: Survival, share: Float[np.ndarray, " time"], begin: float
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """A share that falls in steps, from 1 at `begin` on; to be drawn level first, then down."""
    return np.concatenate([[min(begin, found.steps[0])], found.steps]), np.concatenate([[1.0], share])


def _band(figure: go.Figure, name: str, found: Survival, begin: float, colour: str) -> None:
    for edge, fill in ((found.high, None), (found.low, "tonexty")):
        steps, share = staircase(found, edge, begin)
        figure.add_scatter(
            x=steps, y=share, mode="lines", line={"width": 0, "shape": "hv"}, fill=fill,
            fillcolor=colour, legendgroup=name, showlegend=False, hoverinfo="skip",
            meta={"arm": name, "band": "low" if fill else "high"},
        )  # fmt: skip


def _censored(
    figure: go.Figure, name: str, read: Reading, runs: Int[np.ndarray, " arm"], found: Survival, colour: str
) -> None:
    last = np.unique(read.lasted[runs][~read.has_grokked[runs]])
    if len(last):
        figure.add_scatter(
            x=last,
            y=[float(found.share[np.searchsorted(found.steps, step)]) for step in last],
            mode="markers",
            marker={"symbol": "line-ns", "size": 9, "line": {"color": colour, "width": 1.5}},
            legendgroup=name,
            showlegend=False,
            hovertemplate=f"<b>{html.escape(name)}</b><br>last seen at step %{{x:,}}, not grokked<extra></extra>",
            meta={"arm": name, "censored": True},
        )
