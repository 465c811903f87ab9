"""Studies and runs as tables for the terminal, or as JSON."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from groklab.report.rows import COLUMNS, cell, columns_of

if TYPE_CHECKING:
    from groklab.record import Record

STUDY_FIELDS = ("name", "paper", "source", "summary", "costs", "seeds")


def show_record(record: "Record", as_json: bool, **more: object) -> None:
    """Prints a row a run. `more` are further entries of the JSON document."""
    if as_json:
        print_json(document_of(record) | more)
        return
    rows = record.table()
    table = Table(title=f"{record.study}, {record.scale} scale", title_justify="left", box=None, pad_edge=False)
    columns = columns_of(rows)
    for name in columns:
        right = COLUMNS[name][1] != "s"
        table.add_column(COLUMNS[name][0], justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(name), COLUMNS[name][1])) for name in columns))
    terminal().print(table)


def document_of(record: "Record") -> dict[str, object]:
    """A record as a JSON document: what it is, and a row a run."""
    head: dict[str, object] = {"path": str(record.path), "study": record.study, "scale": record.scale}
    return head | {"runs": record.table()}


def show_studies(as_json: bool) -> None:
    """Prints every study, paper by paper: name, source, what it shows, what each scale costs."""
    from groklab.studies import named, papers

    if as_json:
        known = [entry for paper in papers() for entry in named(paper)]
        print_json([{name: getattr(entry, name) for name in STUDY_FIELDS} for entry in known])
        return
    console = terminal()
    for number, (paper, line) in enumerate(papers().items()):
        if number:
            console.print()
        console.print(Text(paper, style="bold"), Text(f"{line} All of them: groklab run {paper}"), soft_wrap=True)
        for entry in named(paper):
            console.print()
            console.print(Text(f"  {entry.name}", style="bold"), Text(f"({entry.source})"), soft_wrap=True)
            console.print(Text(f"    {entry.summary}"), soft_wrap=True)
            for scale, cost in entry.costs.items():
                console.print(Text(f"    {scale + ':':8}{cost}"), soft_wrap=True)


def print_json(document: object) -> None:
    """Prints one JSON document; what is not a finite number becomes null."""
    print(json.dumps(_plain(document), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def terminal(*, stderr: bool = False) -> Console:
    """Standard output, or standard error; a pipe gets whole lines, whatever the width."""
    console = Console(highlight=False, stderr=stderr)
    return console if console.is_terminal else Console(highlight=False, stderr=stderr, width=200)
