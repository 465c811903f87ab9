"""The page's tables as HTML: runs, settings, glossary, provenance. What comes from data is escaped."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from groklab.report.rows import COLUMNS, cell, columns_of
from groklab.style import run_colours, run_signs

if TYPE_CHECKING:
    from groklab.record import Record


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str, *, label: str) -> str:
    """A table of cells that are HTML already, in a box that scrolls on its own, by keyboard too.

    `kind` is its CSS class, `label` what a screen reader calls it.
    """
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join("<tr>" + "".join(f"<td>{value}</td>" for value in row) + "</tr>" for row in rows)
    inner = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    box = f'class="wide" tabindex="0" role="region" aria-label="{html.escape(label)}"'
    return f'<div {box}><table class="{kind}">{inner}</table></div>'


def swatch(colour: str, sign: str) -> str:
    """A run's sign in its colour."""
    return f'<i class="swatch" aria-hidden="true" data-colour="{colour}" style="color:{colour}">{sign}</i>'


def runs_table(record: "Record", metrics: xr.Dataset) -> str:
    """A row a run, with its colour in the figures of `metrics`; how it ended is marked where it ended badly."""
    rows = record.table()
    drawn, signs = run_colours(metrics), run_signs(metrics)
    columns = columns_of(rows)
    body: list[list[str]] = []
    for row, status, colour, sign in zip(rows, record.statuses, drawn, signs, strict=True):
        cells = [html.escape(cell(row.get(name), COLUMNS[name][1])) for name in columns]
        mark = "bad" if status.bad else "open" if not status.ended else "good"
        cells[columns.index("run")] = f"{swatch(colour, sign)}{cells[0]}"
        cells[columns.index("status")] = f'<span class="{mark}">{html.escape(status.sentence)}</span>'
        body.append(cells)
    return table([COLUMNS[name][0] for name in columns], body, "numbers runs", label="the runs")


def settings_tables(record: "Record") -> str:
    """The settings that differ between runs, a row a run, and those that all share."""
    flat = [run.flat() for run in record.runs]
    names = list(dict.fromkeys(name for settings in flat for name in settings))
    values = {name: [shown(settings.get(name)) for settings in flat] for name in names}
    common = {name: texts[0] for name, texts in values.items() if len(set(texts)) == 1}
    differing = [name for name in names if name not in common]
    parts: list[str] = []
    if differing:
        rows = [[str(run), *(values[name][run] for name in differing)] for run in range(len(flat))]
        head = ["run", *map(html.escape, differing)]
        parts.append(f"<h4>What differs between the runs</h4>{table(head, rows, 'numbers', label='what differs')}")
    rows = [[f"<code>{html.escape(name)}</code>", text] for name, text in common.items()]
    parts.append(f"<h4>What all runs share</h4>{table(['setting', 'value'], rows, 'settings', label='shared')}")
    return "".join(parts)


def glossary(metrics: xr.Dataset) -> str:
    """Every variable and coordinate: name, dimensions, unit, what it is."""
    rows: list[list[str]] = []
    for key, values in {**metrics.data_vars, **metrics.coords}.items():
        units = str(values.attrs.get("units", ""))
        described = str(values.attrs.get("description", ""))
        if not described and key in metrics.coords:
            continue
        dims = ", ".join(map(str, values.dims))
        unit = "pure number" if units == "1" else units or "-"
        rows.append([f"<code>{html.escape(str(key))}</code>", *map(html.escape, (described, unit, dims))])
    return table(["name", "what it is", "unit", "for each"], rows, "glossary", label="the glossary")


def provenance_table(sessions: Sequence[Mapping[str, Any]]) -> str:
    """A row a fact, a column a session."""
    flat = [dict(flattened(session)) for session in sessions]
    names = list(dict.fromkeys(name for session in flat for name in session))
    head = ["", *(f"session {number}" for number in range(1, len(flat) + 1))]
    rows = [[f"<code>{html.escape(name)}</code>", *(shown(session.get(name)) for session in flat)] for name in names]
    return table(head, rows, "settings", label="the sessions")


def flattened(facts: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    """Nested facts as dotted names and values."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def shown(value: Any) -> str:
    """One value as escaped text, long lists cut."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, tuple | list):
        some = ", ".join(map(str, value[:8]))
        return html.escape(f"{some}, … ({len(value)} in all)" if len(value) > 8 else some)
    return html.escape(str(value))
