"""One self-contained page: figures, tables and the library that draws them, in a file that opens offline."""

import html
import itertools
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr
from plotly.offline import get_plotlyjs

from groklab.errors import StoreError
from groklab.report.panel import Panel, panels
from groklab.report.style import colours, run_names
from groklab.report.tables import flattened, glossary, provenance_table, runs_table, settings_tables

if TYPE_CHECKING:
    from groklab.record import Record

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""What a browser may load: nothing from outside the file."""


ORIGIN = {
    "versions.groklab": "groklab",
    "commit": "commit",
    "versions.jax": "jax",
    "device": "on",
    "cpu": "",
    "started": "started",
}
"""What the page's head says of the last session, and in which words."""


def write_page(records: "Sequence[Record]", path: str | Path) -> Path:
    """Writes one page of all records to `path`, and returns it. An older page there is replaced in one step.

    Raises `StoreError` when the file cannot be written.
    """
    target = Path(path)
    text = page(records)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, prefix=".report-", suffix=".html", delete=False
        ) as draft:
            try:
                draft.write(text)
                draft.close()
                os.chmod(draft.name, 0o644)
                os.replace(draft.name, target)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StoreError(f"cannot write the page {target}: {error.strerror or error}; give another") from error
    return target


def page(records: "Sequence[Record]") -> str:
    """The page's HTML."""
    names = [f"{record.study}, {record.scale} scale" for record in records]
    title = names[0] if len(names) == 1 else f"{len(names)} studies"
    links = [
        f'<a href="#study-{index}">{html.escape(f"{name} ({record.path.name})")}</a>'
        for index, (name, record) in enumerate(zip(names, records, strict=True))
    ]
    menu = f"<nav>{''.join(links)}</nav>" if len(links) > 1 else ""
    articles = "".join(_article(index, record) for index, record in enumerate(records))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{html.escape(title)} · groklab</title>
<link rel="icon" href="data:,">
<style>{_beside("page.css")}</style>
</head>
<body>
{menu}
<main>{articles}</main>
<noscript><p class="note">The curves need JavaScript; the tables do not.</p></noscript>
<script>{get_plotlyjs()}</script>
<script>{_beside("page.js")}</script>
</body>
</html>
"""


def _article(index: int, record: "Record") -> str:
    """One record: heading, key numbers, figures, tables."""
    metrics = record.metrics()
    groups = itertools.groupby(panels(metrics), key=lambda panel: panel.group)
    figures = "".join(
        f"<section><h3>{html.escape(group)}</h3>"
        f'<div class="grid">{"".join(_figure(index, panel) for panel in members)}</div></section>'
        for group, members in groups
    )
    sessions = record.provenance
    made = f"<h4>Sessions</h4>{provenance_table(sessions)}" if sessions else ""
    return f"""<article id="study-{index}">
<header>
<p class="eyebrow">groklab · {html.escape(record.scale)} scale</p>
<h2>{html.escape(record.study)}</h2>
<p class="lead">{html.escape(_summary(record.study))}</p>
{_tiles(record)}
<p class="origin">{_origin(record)}</p>
</header>
{_run_buttons(metrics)}
{figures}
<section><h3>Runs</h3>{runs_table(record)}</section>
<section><h3>Glossary</h3>{glossary(metrics)}</section>
<section><details><summary><h3>Settings and provenance</h3></summary>
{settings_tables(record)}{made}</details></section>
</article>
"""


def _figure(index: int, panel: Panel) -> str:
    """A figure's frame, its controls, and its data as JSON, drawn when it comes into view."""
    place = f"figure-{index}-{panel.name}"
    layout: Any = panel.figure.layout
    meta = dict(layout.meta or {})
    controls = [_axis_buttons(axis, _axis_type(panel, axis)) for axis in panel.axes]
    if meta.get("options"):
        options = "".join(
            f'<option value="{number}">{html.escape(option)}</option>' for number, option in enumerate(meta["options"])
        )
        kind = html.escape(str(meta["choice"]))
        controls.append(f'<label>{kind} <select data-choice="{kind}">{options}</select></label>')
    lines = "".join(
        f'<span class="key"><i class="{dash}"></i>{html.escape(word)}</span>'
        for word, dash in meta.get("lines", {}).items()
    )
    return f"""<figure id="{place}">
<h4>{html.escape(panel.title)}</h4>
<div class="controls">{"".join(controls)}<span class="keys">{lines}</span></div>
<div class="plot" role="img" aria-label="{html.escape(panel.title)}"></div>
<script type="application/json">{_json(panel)}</script>
<figcaption>{html.escape(panel.caption)}</figcaption>
</figure>
"""


def _json(panel: Panel) -> str:
    """The figure as JSON that no browser takes for the end of a script."""
    plain = json.loads(panel.figure.to_json() or "{}")
    plain["layout"].pop("template", None)
    plain["data"] = [trace for trace in plain["data"] if not trace.get("meta", {}).get("key")]
    return json.dumps(plain, separators=(",", ":")).replace("<", "\\u003c")


def _axis_type(panel: Panel, axis: str) -> str:
    return str(panel.figure.layout[f"{axis}axis"]["type"] or "linear")


def _axis_buttons(axis: str, now: str) -> str:
    name = "step" if axis == "x" else "value"
    buttons = "".join(
        f'<button type="button" data-axis="{axis}" data-type="{kind}" '
        f'aria-pressed="{str(kind == now).lower()}">{kind}</button>'
        for kind in ("linear", "log")
    )
    return f'<span class="switch" role="group" aria-label="{name} axis">{name} {buttons}</span>'


def _run_buttons(metrics: xr.Dataset) -> str:
    """A button a run, in its colour: shows and hides its curves in every figure."""
    names = run_names(metrics)
    buttons = "".join(
        f'<button type="button" data-run="{run}" aria-pressed="true">'
        f'<i class="swatch" style="background:{colour}"></i>{name}</button>'
        for run, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True))
    )
    if len(names) < 2:
        return f'<div class="runs-bar">{buttons}</div>'
    every = '<button type="button" data-run="all">all</button>'
    how = "click: show or hide; double click: this one alone"
    return f'<div class="runs-bar" title="{how}">{buttons}{every}</div>'


def _tiles(record: "Record") -> str:
    """The key numbers."""
    rows, statuses = record.table(), record.statuses
    numbers = {
        "networks": str(len(rows)),
        "memorised": str(sum(row.get("memorised") is not None for row in rows)),
        "grokked": str(sum(row.get("grokked") is not None for row in rows)),
        "optimiser steps in all": f"{sum(status.step for status in statuses):,}",
    }
    if any(status.bad for status in statuses):
        numbers["ended badly"] = str(sum(status.bad for status in statuses))
    tiles = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in numbers.items())
    return f'<dl class="tiles">{tiles}</dl>'


def _summary(study: str) -> str:
    """What the study shows, with its source, where it is known here."""
    from groklab.studies import catalogue

    known = catalogue().get(study)
    return f"{known.summary} {known.source}." if known else ""


def _origin(record: "Record") -> str:
    """Where the numbers come from, on one line: folder, sessions, and the last session in short."""
    sessions = record.provenance
    facts = [str(record.path), f"{len(sessions)} session{'s' if len(sessions) != 1 else ''}"]
    if sessions:
        last = dict(flattened(sessions[-1]))
        facts += [f"{words} {last[name]}".strip() for name, words in ORIGIN.items() if last.get(name) is not None]
        facts.append(f"{sum(session.get('seconds') or 0 for session in sessions):,.0f} s of training")
    return " · ".join(map(html.escape, facts))


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
