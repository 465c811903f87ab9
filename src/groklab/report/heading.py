"""The head of a record's part of the page: what it is, its key numbers, and the buttons of its runs."""

import html
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from groklab.report.tables import flattened, swatch
from groklab.style import arm_numbers, run_colours, run_names, run_signs

if TYPE_CHECKING:
    from groklab.record import Record

ORIGIN = {
    "versions.groklab": "groklab",
    "commit": "commit",
    "versions.jax": "jax",
    "device": "on",
    "cpu": "",
    "started": "started",
}
"""What the head says of the last session, and in which words."""


def heading(place: str, record: "Record", lead: str, note: str = "") -> str:
    """Name, summary, key numbers and origin of a record; `note` says what its figures leave out."""
    left_out = f'<p class="origin">{html.escape(note)}</p>' if note else ""
    return f"""<header>
<p class="eyebrow">{html.escape(record.scale)} scale</p>
<h2 id="{place}-name">{html.escape(record.study)}</h2>
<p class="lead">{html.escape(lead)}</p>
{_tiles(record)}
<p class="origin">{_origin(record)}</p>{left_out}
</header>"""


def runs_bar(metrics: xr.Dataset) -> str:
    """A button a run, or an arm of runs, in its colour: shows and hides its curves in every figure."""
    groups = _groups(metrics)
    buttons = "".join(
        f'<button type="button" data-runs="{" ".join(map(str, runs))}" aria-pressed="true">'
        f"{swatch(colour, sign)}{name}</button>"
        for name, runs, colour, sign in groups
    )
    names = run_names(metrics)
    options = "".join(
        f'<option value="{run}">{name}</option>'
        for run, name in zip(metrics["run"].values.tolist(), names, strict=True)
    )
    chosen = f'<label class="focus">phases of <select class="run-focus">{options}</select></label>'
    every = (
        '<button type="button" data-runs="all">all</button>'
        '<button type="button" class="alone" title="hide all but the run in view">only the one in view</button>'
        if len(groups) > 1
        else ""
    )
    how = "click: show or hide; double click: this one alone"
    return (
        f'<div class="runs-bar" role="group" aria-label="runs">{chosen}'
        f'<div class="shown" role="group" aria-label="curves shown; {how}" title="{how}">{buttons}{every}</div></div>'
    )


def summary(study: str) -> str:
    """What the study shows, with its source, where it is known here."""
    from groklab.studies import catalogue

    known = catalogue().get(study)
    return f"{known.summary} {known.source}." if known else ""


def _groups(metrics: xr.Dataset) -> list[tuple[str, list[int], str, str]]:
    """The name, the runs' numbers, the colour and the sign of each arm; of each run where there are no arms."""
    numbers = [int(run) for run in metrics["run"].values.tolist()]
    shades, signs, arms = run_colours(metrics), run_signs(metrics), arm_numbers(metrics)
    names = (
        [html.escape(str(name)) for name in metrics["arm"].values] if "arm" in metrics.coords else run_names(metrics)
    )
    found: dict[int, tuple[str, list[int], str, str]] = {}
    for run, name, arm, shade, sign in zip(numbers, names, arms, shades, signs, strict=True):
        found.setdefault(arm, (name, [], shade, sign))[1].append(run)
    return list(found.values())


def _tiles(record: "Record") -> str:
    """The key numbers."""
    rows, statuses = record.table(), record.statuses
    when = {name: [row[name] for row in rows if row.get(name) is not None] for name in ("memorised", "grokked")}
    numbers = {"networks": str(len(rows))}
    for name, steps in when.items():
        numbers[name] = f"{len(steps)} of {len(rows)}"
        if steps:
            numbers[f"{name}, median step"] = f"{np.median(steps):,.0f}"
    numbers["optimiser steps in all"] = f"{sum(status.step for status in statuses):,}"
    waiting = sum(not status.ended for status in statuses)
    if waiting:
        numbers["still in training"] = str(waiting)
    if any(status.bad for status in statuses):
        numbers["ended badly"] = str(sum(status.bad for status in statuses))
    tiles = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in numbers.items())
    return f'<dl class="tiles">{tiles}</dl>'


def _origin(record: "Record") -> str:
    """Where the numbers come from, on one line: folder, sessions, and the last session in short."""
    sessions = record.provenance
    facts = [str(record.path), f"{len(sessions)} session{'s' if len(sessions) != 1 else ''}"]
    if sessions:
        last = dict(flattened(sessions[-1]))
        facts += [f"{words} {last[name]}".strip() for name, words in ORIGIN.items() if last.get(name) is not None]
        facts.append(f"{sum(session.get('seconds') or 0 for session in sessions):,.0f} s of training")
    return " · ".join(map(html.escape, facts))
