"""Final accuracy against the size of the training set, with the fit (Varma et al. 2023, figures 4, 7 and 8)."""

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from groklab.curves import SizeTransition, fit_transition
from groklab.curves.sigmoid import TENTHS
from groklab.errors import Mistake
from groklab.figures.arms import arms, ended, leaves, operations, right_pairs
from groklab.figures.look import logarithmic, panels, sheet
from groklab.studies.reading import Reading
from groklab.studies.varma._ends import ends, from_converged
from groklab.style import DASHES, colours, run_names
from groklab.tasks import Task

if TYPE_CHECKING:
    from groklab.record import Record

DRAWS = 200
"""Bootstrap draws of each fit."""
SYMBOLS = ("circle", "square", "triangle-up", "triangle-down", "cross", "x", "star")
"""Marks of the arms, beside their colours."""
LEAST = 3
"""Sizes that a transition needs."""


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """What stands on one pair of axes."""

    read: Reading
    accuracy: Float[np.ndarray, " run"]
    at: Float[np.ndarray, " run"]
    unit: str
    row: int
    column: int


def size_transition(record: "Record") -> go.Figure:
    """Test accuracy at convergence against training-set size, a point a run, with a logistic curve an arm.

    Figures 4 and 7 of Varma et al. 2023, and figure 8 where several tasks are learned: then a panel a task, over the
    share of its table. The diamond is the size at which the fit of `groklab.curves.fit_transition` passes one half,
    with its 95% interval over seeds. Accuracy at convergence is the median over the last quarter of a run's
    steps; with wrong labels among the trained ones the size counts the right ones. Runs that others start from,
    those that went on with a network that had not learnt its table, and those that have not ended are left out. Reads
    `train_accuracy` and `test_accuracy`. Raises `Mistake` where fewer than three sizes were trained.
    """
    read = Reading(record)
    accuracy, sizes = ends(read, "test_accuracy"), right_pairs(read)
    scratch = np.array([run.start is None for run in read.runs], dtype=bool)
    shown = ended(read) & leaves(read) & (scratch | from_converged(read)) & np.isfinite(accuracy) & np.isfinite(sizes)
    tasks = operations(read)
    chosen = {task: shown & np.array([task == one for one in tasks]) for task in dict.fromkeys(tasks)}
    chosen = {task: runs for task, runs in chosen.items() if len(np.unique(sizes[runs])) >= LEAST}
    if not chosen:
        count = len(np.unique(sizes[shown]))
        raise Mistake(
            f"a transition takes runs on {LEAST} training-set sizes or more of one task, and {record.path} has {count}"
        )
    rows, columns = panels(len(chosen))
    titles = [html.escape(task) for task in chosen] if len(chosen) > 1 else None
    figure = sheet(
        rows, columns, shared_yaxes=True, subplot_titles=titles, vertical_spacing=0.36 / rows if rows > 1 else 0,
        horizontal_spacing=0.03,
    )  # fmt: skip
    said: list[str] = []
    for place, (task, runs) in enumerate(chosen.items()):
        table = Task.of(read.runs[int(np.flatnonzero(runs)[0])].task).pairs
        at = sizes / table if len(chosen) > 1 else sizes
        unit = "" if len(chosen) > 1 else "pairs"
        row, column = place // columns + 1, place % columns + 1
        panel = _Panel(read=read, accuracy=accuracy, at=at, unit=unit, row=row, column=column)
        sentences = _draw(figure, panel, arms(read, runs, by_task=False), first=place == 0)
        said += [f"{task}, {words}" if len(chosen) > 1 else words for words in sentences]
        title = "share of the table trained on" if len(chosen) > 1 else "training set (pairs)"
        figure.update_xaxes(title_text=title if row == rows else None, row=row, col=column)
        figure.update_xaxes(logarithmic(float(at[runs].min()), float(at[runs].max())), row=row, col=column)
    figure.update_yaxes(range=[-0.04, 1.04])
    for row in range(1, rows + 1):
        figure.update_yaxes(title_text="final test accuracy (share)", row=row, col=1)
    return figure.update_layout(meta={"alt": " ".join(said), "sentences": said, "rows": rows, "columns": columns})


def _draw(figure: go.Figure, panel: _Panel, groups: dict[str, Int[np.ndarray, " arm"]], *, first: bool) -> list[str]:
    """The arms of one panel; gives what was found of each."""
    names = run_names(panel.read.metrics)
    said: list[str] = []
    for place, ((name, runs), colour) in enumerate(zip(groups.items(), colours(len(groups)), strict=True)):
        at, measured = panel.at[runs], panel.accuracy[runs]
        label = html.escape(name)
        figure.add_scatter(
            x=at,
            y=measured,
            mode="markers",
            name=label,
            legendgroup=name,
            showlegend=first and len(groups) > 1,
            marker={"color": colour, "size": 6, "opacity": 0.55, "symbol": SYMBOLS[place % len(SYMBOLS)]},
            text=[names[run] for run in runs.tolist()],
            hovertemplate=f"<b>%{{text}}</b><br>%{{x:,.3~f}} {panel.unit}<br>accuracy %{{y:.3f}}<extra></extra>",
            meta={"arm": name},
            row=panel.row,
            col=panel.column,
        )
        found = _fitted(panel, runs)
        if found is None:
            said.append(f"{name}: fewer than {LEAST} sizes.")
            continue
        said.append(f"{name}: {found.sentence}." if panel.unit else f"{name}: {_shares(found)}.")
        if not found.found:
            continue
        x, y = logistic(found, float(at.min()), float(at.max()))
        line = {"color": colour, "dash": DASHES[place % len(DASHES)], "width": 2, "simplify": False}
        figure.add_scatter(
            x=x, y=y, mode="lines", line=line, legendgroup=name, showlegend=False, hoverinfo="skip",
            name=label, meta={"arm": name}, row=panel.row, col=panel.column,
        )  # fmt: skip
        figure.add_scatter(
            x=[found.location.value],
            y=[0.5],
            mode="markers",
            name=label,
            legendgroup=name,
            showlegend=False,
            marker={"color": colour, "size": 9, "symbol": "diamond", "line": {"color": "white", "width": 1}},
            error_x=_interval(found, colour),
            hovertemplate=f"<b>{label}</b><br>{html.escape(said[-1])}<extra></extra>",
            meta={"arm": name},
            row=panel.row,
            col=panel.column,
        )
    return said


def _fitted(panel: _Panel, runs: Int[np.ndarray, " arm"]) -> SizeTransition | None:
    at = panel.at[runs]
    if len(np.unique(at)) < LEAST:
        return None
    seeds = np.array([panel.read.runs[run].seed for run in runs.tolist()])
    return fit_transition(at, panel.accuracy[runs], seeds, draws=DRAWS)


def logistic(found: SizeTransition, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The fitted curve from one size to another: sizes and accuracies, 1 / (1 + (m / D)^(1/s)), 81^s the width."""
    from scipy.special import expit

    # A step has a width of 1: a hair above it stands for it.
    spread = max(math.log(found.width.value) / TENTHS, 1e-4)
    sizes = np.unique(np.concatenate([np.geomspace(low, high, 160), [found.location.value]]))
    return sizes, expit((np.log(sizes) - math.log(found.location.value)) / spread)


def _interval(found: SizeTransition, colour: str) -> dict[str, object] | None:
    place = found.location
    if not (math.isfinite(place.low) and math.isfinite(place.high)):
        return None
    plus, minus = [place.high - place.value], [place.value - place.low]
    return {"type": "data", "symmetric": False, "array": plus, "arrayminus": minus, "color": colour, "thickness": 1.5}


def _shares(found: SizeTransition) -> str:
    if not found.found:
        return "no transition between the shares trained on"
    return f"half-way at {found.location.value:.3g} of the table"
