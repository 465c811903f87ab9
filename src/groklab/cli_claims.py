"""What held: findings as a table for the terminal, or as JSON; and results kept in a small file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from groklab.cli_tables import print_json, terminal
from groklab.cli_usage import say
from groklab.findings import Finding, not_run
from groklab.findings.words import measured

if TYPE_CHECKING:
    from groklab.record import Record

STYLES = {
    "reproduced": "green",
    "partly": "yellow",
    "not reproduced": "magenta",
    "contradicted": "bold red",
    "not tested at this scale": "dim",
    "not run": "dim",
}
"""A colour a verdict, beside its words."""


def show(paths: Sequence[Path], everything: bool, as_json: bool) -> None:
    """Prints the findings of the stores and kept results at `paths`, and with `everything` what was not run."""
    import groklab
    from groklab.studies import catalogue

    records = [groklab.open(path) for path in paths]
    present = {record.study for record in records}
    absent = [entry for entry in catalogue().values() if everything and entry.name not in present]
    missing = {
        entry.name: [not_run(claim, scale="", sentence="no runs of this study were given") for claim in entry.claims]
        for entry in absent
    }
    if as_json:
        results = [_document(record) for record in records]
        rest = [finding.to_json() | {"study": name} for name, findings in missing.items() for finding in findings]
        print_json({"results": results} | ({"not_run": rest} if everything else {}))
        return
    console = terminal()
    for number, record in enumerate(records):
        if number:
            console.print()
        _print(console, f"{record.study}, {record.scale} scale", f"{record.path}: {_ended(record)}", record.findings())
    for name, findings in missing.items():
        console.print()
        _print(console, name, f"not run; groklab run {name}", findings)


def keep(folder: Path, out: Path, only: Sequence[str] | None, every: int | None, as_json: bool) -> None:
    """Keeps what was measured in a small file, and prints its path."""
    import groklab

    record = groklab.open(folder)
    written = record.keep(out, only=only, every=every)
    if any(not status.ended for status in record.statuses):
        say(f"only {_ended(record)}; keep it again when all have")
    if as_json:
        print_json({"file": str(written), "bytes": written.stat().st_size})
    else:
        print(written)


def _document(record: "Record") -> dict[str, Any]:
    statuses = record.statuses
    return {
        "path": str(record.path),
        "study": record.study,
        "scale": record.scale,
        "runs": len(statuses),
        "ended": sum(status.ended for status in statuses),
        "findings": [finding.to_json() for finding in record.findings()],
    }


def _ended(record: "Record") -> str:
    statuses = record.statuses
    return f"{sum(status.ended for status in statuses)} of {len(statuses)} runs have ended"


def _print(console: Console, title: str, where: str, findings: Sequence[Finding]) -> None:
    """A line a finding in columns, and below it the claim, the published value and the sentence."""
    console.print(Text(title, style="bold"), Text(f"({where})"), soft_wrap=True)
    if not findings:
        console.print(Text("  it tests no claims"))
        return
    name = max(len(finding.claim.identifier) for finding in findings)
    verdict = max(len(finding.verdict) for finding in findings)
    console.print(Text(f"  {'claim':{name}}  {'verdict':{verdict}}  seeds  measured [95% interval]", style="dim"))
    for finding in findings:
        claim = finding.claim
        line = Text.assemble(
            (f"  {claim.identifier:{name}}", "bold"),
            "  ",
            (f"{finding.verdict:{verdict}}", STYLES[finding.verdict]),
            f"  {finding.seeds or '-':>5}  {measured(finding) or '-'}",
        )
        console.print(line, soft_wrap=True)
        published = f" Published: {claim.published}." if claim.published else ""
        for words, style in ((claim.claim + published, ""), (finding.sentence, "italic")):
            text = Text(words, style=style)
            if console.is_terminal:
                console.print(Padding(text, (0, 0, 0, 6)))
            else:
                console.print(Text("      ") + text, soft_wrap=True)
