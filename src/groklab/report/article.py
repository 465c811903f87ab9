"""One record of the page: its sections in the order of reading."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Bool

from groklab.figures.study_charts import shaded
from groklab.findings import HeatMap
from groklab.report.extraction import Extraction, extracted
from groklab.report.frame import grid
from groklab.report.heading import heading, runs_bar, summary
from groklab.report.labels import labelled
from groklab.report.ledger import ledger
from groklab.report.packing import pack
from groklab.report.panel import LEARNING, OTHERS, Panel, panels
from groklab.report.phases import phases_of
from groklab.report.sweeps import sweep_panels
from groklab.report.tables import glossary, provenance_table, runs_table, settings_tables
from groklab.style import run_names

if TYPE_CHECKING:
    from groklab.record import Record

PICTURES = "Seen in single networks"
"""The heading of the heat maps of the study's analysis."""
MANY, FEW = 24, 8
"""Of more than `MANY` runs, `FEW` are drawn where there is much for each run."""


def article(index: int, record: "Record", explorer: str, room: int) -> str:
    """A record's part of a page, data included; `index` sets its names apart from those of other records.

    `explorer` is its explorer's packed data, empty where it has none; `room` what its curves may take, in bytes before
    they are packed.
    """
    place = f"study-{index}"
    metrics = labelled(record)
    runs = metrics.sizes["run"]
    few = metrics.isel(run=np.linspace(0, runs - 1, FEW).round().astype(int)) if runs > MANY else metrics
    drawn = panels(metrics, few)
    sweeps = list(sweep_panels(record)) if "arm" in metrics.coords else []
    analysis = record.analysis()
    pictures = [_picture(number, shown) for number, shown in enumerate(analysis.heat_maps, start=1)]
    figures = extracted({panel.name: panel.figure for panel in [*drawn, *sweeps, *pictures]}, room)
    sections = [
        _training(place, [panel for panel in drawn if panel.group == LEARNING], bool(explorer)),
        *(
            _section(place, group, grid(place, [panel for panel in drawn if panel.group == group]))
            for group in dict.fromkeys(panel.group for panel in drawn)
            if group not in (LEARNING, OTHERS)
        ),
        _folded(place, [panel for panel in drawn if panel.group == OTHERS]),
        _section(place, sweeps[0].group, f'<div class="broad">{grid(place, sweeps)}</div>') if sweeps else "",
        _section(place, "What held", ledger(analysis)),
        _section(place, PICTURES, grid(place, pictures)) if pictures else "",
        _section(place, "Runs", runs_table(record, metrics)),
        _section(place, "Glossary", f"<details><summary>Every measure</summary>{glossary(metrics)}</details>"),
        _section(place, "Settings and provenance", _origins(record)),
    ]
    facts = _facts(metrics, figures, record)
    return f"""<article id="{place}" aria-labelledby="{place}-name">
{heading(place, record, summary(record.study), _thinned(figures, runs, few.sizes["run"]))}
{runs_bar(metrics)}
{"".join(sections)}
{_packed("curves", pack(figures.arrays, facts))}
{_packed("explorer", explorer) if explorer else ""}
</article>
"""


def _section(place: str, title: str, content: str) -> str:
    """A section with its heading; nothing without content."""
    if not content:
        return ""
    name = f"{place}-{'-'.join(title.lower().replace(',', '').split())}"
    head = f'<h3 id="{name}-h">{html.escape(title)}</h3>'
    return f'<section id="{name}" aria-labelledby="{name}-h">{head}{content}</section>'


def _training(place: str, learning: Sequence[Panel], explored: bool) -> str:
    """Loss and accuracy, with the phases in words, and the place of the explorer that the page's script fills."""
    words = '<p class="phase-words" aria-live="polite"></p>' if learning else ""
    root = '<div class="explorer-root"></div>' if explored else ""
    frames = grid(place, list(learning)) if learning else ""
    return _section(
        place, "Through training" if explored else LEARNING, f'{root}<div class="learning">{words}{frames}</div>'
    )


def _picture(number: int, shown: HeatMap) -> Panel:
    """A heat map of the study's analysis, with what is outlined below it."""
    caption = f"{shown.shade[:1].upper()}{shown.shade[1:]}" + (f"; outlined: {shown.marks}." if shown.marked else ".")
    figure = shaded(shown)
    return Panel(name=f"picture-{number}", group=PICTURES, title=shown.title, caption=caption, figure=figure, axes=())


def _folded(place: str, others: Sequence[Panel]) -> str:
    """The measures that no figure is named after, found by a filter."""
    if not others:
        return ""
    find = (
        f'<p class="find"><label>find <input type="search" class="filter" placeholder="margin, rank, loss ..."></label>'
        f' <span class="found" role="status">{len(others)} figures</span></p>'
    )
    inner = f"{find}{grid(place, list(others))}"
    folded = f'<details id="{place}-others"><summary>{len(others)} more figures</summary>{inner}</details>'
    return _section(place, OTHERS, folded)


def _origins(record: "Record") -> str:
    sessions = record.provenance
    made = f"<h4>Sessions</h4>{provenance_table(sessions)}" if sessions else ""
    return (
        f"<details><summary>All settings, and where each session ran</summary>{settings_tables(record)}{made}</details>"
    )


def _facts(metrics: xr.Dataset, figures: Extraction, record: "Record") -> dict[str, Any]:
    """What the page's script knows of the record beside its numbers."""
    numbers = [int(run) for run in metrics["run"].values.tolist()]
    names = [html.unescape(name) for name in run_names(metrics)]
    steps = metrics["step"].values
    # A run that ended early is not shaded beyond.
    ends = [int(steps[known.nonzero()[0][-1]]) if known.any() else 0 for known in _measured(metrics)]
    return {
        "study": record.study.replace("/", "-"),
        "figures": figures.figures,
        "thinned": dict.fromkeys(figures.thinned, figures.points),
        "runs": [
            {"run": run, "name": name, "last": last, "phases": found}
            for run, name, last, found in zip(numbers, names, ends, phases_of(metrics), strict=True)
        ],
    }


def _measured(metrics: xr.Dataset) -> Bool[np.ndarray, "run step"]:
    """At which steps anything of a run was measured."""
    plain = [values for values in metrics.data_vars.values() if values.dims == ("run", "step")]
    none = np.zeros((metrics.sizes["run"], metrics.sizes["step"]), bool)
    return np.any([none, *(values.notnull().values for values in plain)], axis=0)


def _thinned(figures: Extraction, runs: int, few: int) -> str:
    """What the figures leave out, in words; empty where they have all."""
    said: list[str] = []
    if figures.points is not None:
        said.append(
            f"Lines are thinned to {figures.points} points each, the least and the largest value of each stretch."
        )
    if few < runs:
        said.append(f"Each matrix, spectra and other measures are drawn of {few} of the {runs} runs.")
    return " ".join(said)


def _packed(name: str, text: str) -> str:
    return f'<script type="text/plain" data-pack="{name}">{text}</script>'
