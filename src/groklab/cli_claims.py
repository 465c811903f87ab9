"""What held: findings as a table for the terminal, or as JSON; and results kept in a small file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from groklab.cli_tables import print_json, terminal
from groklab.cli_usage import say
from groklab.findings import Finding, not_run
from groklab.findings.words import measured
from groklab.store.place import Place

if TYPE_CHECKING:
    from groklab.claims import Entry, Evidence

STYLES = {
    "reproduced": "green",
    "partly": "yellow",
    "not reproduced": "magenta",
    "contradicted": "bold red",
    "not tested at this scale": "dim",
    "not run": "dim",
}
"""A colour a verdict, beside its words."""


def show(paths: Sequence[Place], everything: bool, as_json: bool) -> None:
    """Prints the findings of the stores and files at `paths`, and with `everything` the claims that have none there.

    Ends with exit status 1, and a line each, where claims that held in the committed results no longer hold on the
    same data (see `groklab.claims.comparing`). A line names the claims whose words are not those committed with them.
    """
    from groklab.claims import Entry, committed, comparing, entries, evidence

    found = [evidence.evidence_of(path) for path in paths]
    before = [committed.committed_for(path) for path in paths]
    pairs = list(zip(found, before, strict=True))
    fallen = [fall for one, was in pairs for fall in comparing.worse(one, was)]
    reworded = sorted({name for one, was in pairs for name in comparing.reworded_on(one, was)})
    present = {one.study for one in found}
    missing: dict[str, list[Entry]] = {}
    for entry in entries() if everything else ():
        if entry.study not in present:
            missing.setdefault(entry.study, []).append(entry)
    if as_json:
        rest = [_absent(entry).to_json() | {"study": name} for name, those in missing.items() for entry in those]
        document: dict[str, Any] = {
            "results": [_document(one) for one in found],
            "worse": [fall.to_json() for fall in fallen],
        }
        document["reworded"] = reworded
        print_json(document | ({"not_run": rest} if everything else {}))
    else:
        _print_all(found, missing)
    if reworded:
        say(f"not worded as when their verdicts were committed (claim, measure or criterion): {', '.join(reworded)}")
    for fall in fallen:
        say(fall.line)
    if fallen:
        raise typer.Exit(1)


def keep(folder: Place, out: Path, only: Sequence[str] | None, every: int | None, as_json: bool) -> None:
    """Keeps what was measured in a small file, and prints its path."""
    import groklab

    record = groklab.open(folder)
    written = record.keep(out, only=only, every=every)
    ended = sum(status.ended for status in record.statuses)
    if ended < len(record.statuses):
        say(f"only {_ended(ended, len(record.statuses))}; keep it again when all have")
    if as_json:
        print_json({"file": str(written), "bytes": written.stat().st_size})
    else:
        print(written)


def _document(one: "Evidence") -> dict[str, Any]:
    return {
        "path": str(one.path),
        "study": one.study,
        "scale": one.scale,
        "runs": one.count,
        "ended": one.ended,
        "findings": [finding.to_json() for finding in one.findings],
    }


def _absent(entry: "Entry") -> Finding:
    return not_run(entry.claim, scale="", sentence=f"no result of it was given; {entry.to_do}")


def _print_all(found: Sequence["Evidence"], missing: Mapping[str, Sequence["Entry"]]) -> None:
    console = terminal()
    for number, one in enumerate(found):
        if number:
            console.print()
        # The simulation has no runs.
        title = f"{one.study}, {one.scale} scale" if one.count else one.study
        where = f"{one.path}: {_ended(one.ended, one.count)}" if one.count else str(one.path)
        _print(console, title, where, one.findings)
    for name, those in missing.items():
        console.print()
        _print(console, name, f"not run; {those[0].to_do}", [_absent(entry) for entry in those])


def _ended(ended: int, count: int) -> str:
    return f"{ended} of {count} runs have ended"


def _print(console: Console, title: str, where: str, findings: Sequence[Finding]) -> None:
    """A line a finding in columns, and below it the claim, the published value and the sentence."""
    console.print(Text(title, style="bold"), Text(f"({where})"), soft_wrap=True)
    if not findings:
        console.print(Text("  it tests no claims"))
        return
    name = max(len(finding.claim.identifier) for finding in findings)
    verdict = max(len(finding.verdict) for finding in findings)
    console.print(Text(f"  {'claim':{name}}  {'verdict':{verdict}}  networks  measured [95% interval]", style="dim"))
    for finding in findings:
        claim = finding.claim
        line = Text.assemble(
            (f"  {claim.identifier:{name}}", "bold"),
            "  ",
            (f"{finding.verdict:{verdict}}", STYLES[finding.verdict]),
            f"  {finding.seeds or '-':>8}  {measured(finding) or '-'}",
        )
        console.print(line, soft_wrap=True)
        published = f" Published: {claim.published}." if claim.published else ""
        for words, style in ((claim.claim + published, ""), (finding.sentence, "italic")):
            text = Text(words, style=style)
            if console.is_terminal:
                console.print(Padding(text, (0, 0, 0, 6)))
            else:
                console.print(Text("      ") + text, soft_wrap=True)
