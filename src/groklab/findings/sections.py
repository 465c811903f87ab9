"""The sections of a study's page, in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groklab.findings.analysis import Analysis
from groklab.findings.claim import Claim, Finding
from groklab.findings.provenance import cost_rows, provenance_lines, run_command
from groklab.findings.varied import settings_tables
from groklab.findings.words import markdown, measured, words
from groklab.record import Record
from groklab.studies.study import Experiment

STAR = " *"
"""Follows the verdict of a claim that was changed or added after a first look at its runs."""
MADE = "<!-- Made by `make docs` from results/: change those, or the study's file, not this page. -->\n"
"""What every page begins with."""

Charts = Mapping[str, Sequence[tuple[str, str]]]
"""Title and file name of every chart, by scale."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The results of a study at one scale, and what is read off them."""

    record: Record
    """The results."""
    experiment: Experiment
    """The study."""
    analysis: Analysis
    """What its analysis says."""
    place: str
    """The file, seen from the repository's root."""


def study_page(scales: Mapping[str, Shown], charts: Charts) -> str:
    """The whole page of a study, from its results by scale."""
    experiment = next(iter(scales.values())).experiment
    parts = [
        f"{MADE}\n# {experiment.name}\n\n{experiment.summary}\n\nSource: {experiment.source}.\n",
        _running(scales),
        _findings(scales),
        *(_results(scale, one, charts.get(scale, ()), len(scales) > 1) for scale, one in scales.items()),
        _settings(scales, experiment),
        _glossary(scales, experiment),
        _provenance(scales),
    ]
    return "\n".join(part for part in parts if part)


def finding_rows(findings: Sequence[Finding]) -> list[Sequence[str]]:
    """A row a finding: claim, published, scale, measured, networks, verdict, sentence."""
    return [
        (
            f"`{finding.claim.identifier}`: {finding.claim.claim}",
            finding.claim.published or "-",
            finding.scale,
            measured(finding) or "-",
            str(finding.seeds) if finding.seeds else "-",
            f"**{finding.verdict}**{STAR if finding.claim.since else ''}",
            finding.sentence,
        )
        for finding in findings
    ]


def _running(scales: Mapping[str, Shown]) -> str:
    commands = "\n".join(run_command(one.record, one.experiment) for one in scales.values())
    times = ("training", "of it compiling", "measuring afterwards")
    head = ("scale", "runs", "run-steps", *times, "run-steps a second", "machine")
    rows = [row for scale, one in scales.items() for row in cost_rows(scale, one.record)]
    note = "What it took when the results below were made; a run-step is one optimiser step of one network."
    return f"## To run it\n\n```sh\n{commands}\n```\n\n{note}\n\n{markdown(head, rows)}"


def _findings(scales: Mapping[str, Shown]) -> str:
    found = [finding for one in scales.values() for finding in one.analysis.findings]
    if not found:
        return ""
    claims = {finding.claim.identifier: finding.claim for finding in found}
    ordered = [finding for name in claims for finding in found if finding.claim.identifier == name]
    head = ("claim", "published", "scale", "measured [95% interval]", "networks", "verdict", "in words")
    criteria = [
        f"- `{name}` ({claim.source}). Measured: {_sentence(claim.how)} Reproduced: {_sentence(claim.criterion)}"
        f"{since(claim)}"
        for name, claim in claims.items()
    ]
    starred = (
        ", but for what *since the first look* says of those with a star" if any(map(since, claims.values())) else ""
    )
    return (
        f"## Findings\n\n{markdown(head, finding_rows(ordered))}\n"
        "The column *networks* counts seeds, each with all its networks, where an interval is drawn over seeds. How "
        f"each is measured, and what counts as reproduced, was written down before the runs{starred}:\n\n"
        + "\n".join(criteria)
        + "\n"
    )


def since(claim: Claim) -> str:
    """What follows the criterion of a claim that was changed or added after a first look at its runs."""
    return f" *Since the first look:* {_sentence(claim.since)}" if claim.since else ""


def _results(scale: str, one: Shown, charts: Sequence[tuple[str, str]], several: bool) -> str:
    tables, remarks = one.analysis.tables, one.analysis.remarks
    if not (tables or charts or remarks):
        return ""
    parts = [f"## Results, {scale} scale\n" if several else "## Results\n"]
    for table in tables:
        rows = [[words(cell) for cell in row] for row in table.rows]
        parts.append(f"### {table.title}\n\n{markdown(table.columns, rows)}")
        parts += [f"{_sentence(table.note)}\n"] if table.note else []
    parts += [f"![{title}](../images/{name})\n" for title, name in charts]
    if remarks:
        parts.append("### What else was seen\n\n" + "\n".join(f"- {_sentence(remark)}" for remark in remarks) + "\n")
    return "\n".join(parts)


def _settings(scales: Mapping[str, Shown], experiment: Experiment) -> str:
    varied, common = settings_tables({scale: one.record.runs for scale, one in scales.items()})
    head = ("setting", *(f"{scale} scale" for scale in scales))
    parts = ["## Settings\n"]
    if varied:
        parts.append(f"What varies from run to run:\n\n{markdown(head, varied)}")
    parts.append(f"What all runs of a scale have in common:\n\n{markdown(head, common)}")
    if experiment.choices:
        numbered = "\n".join(
            f"{place}. {_sentence(choice)}" for place, choice in enumerate(experiment.choices, start=1)
        )
        parts.append(f"What was chosen where the paper is silent, or for the smaller scale:\n\n{numbered}\n")
    return "\n".join(parts)


def _glossary(scales: Mapping[str, Shown], experiment: Experiment) -> str:
    rows: dict[str, Sequence[str]] = {}
    for one in scales.values():
        metrics = one.record.metrics()
        for name in experiment.reads or sorted(map(str, metrics.data_vars)):
            if name in metrics and name not in rows:
                values = metrics[name]
                along = ", ".join(str(dim) for dim in values.dims)
                rows[name] = (f"`{name}`", along, values.attrs.get("units", "1"), values.attrs.get("description", ""))
    return f"## What was measured\n\n{markdown(('variable', 'along', 'unit', 'what it is'), list(rows.values()))}"


def _provenance(scales: Mapping[str, Shown]) -> str:
    parts = ["## Where it comes from\n"]
    for scale, one in scales.items():
        parts.append("\n".join([f"{scale} scale, `{one.place}`:\n", *provenance_lines(one.record)]) + "\n")
    return "\n".join(parts)


def _sentence(text: str) -> str:
    """Words that end in a stop."""
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."
