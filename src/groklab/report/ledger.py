"""The claims that a record's study tests, and what its runs say of them, as HTML."""

import html
import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from groklab.findings.claim import Finding, Verdict
from groklab.findings.words import measured, number, words
from groklab.report.published import published_range
from groklab.report.tables import table

if TYPE_CHECKING:
    from groklab.findings import Analysis

SIGNS: dict[Verdict, tuple[str, str]] = {
    "reproduced": ("✓", "good"),
    "partly": ("◐", "open"),
    "not reproduced": ("○", "open"),
    "contradicted": ("✕", "bad"),
    "not tested at this scale": ("–", "none"),
    "not run": ("…", "none"),
}
"""A sign and a class for every verdict, beside its word."""

WIDTH, HEIGHT, MARGIN = 220, 34, 8
"""Of the drawing of an interval, in pixels."""


def ledger(analysis: "Analysis") -> str:
    """How many claims stand how, then an entry a claim, then the tables they rest on; empty where there is nothing."""
    findings = analysis.findings
    if not findings:
        return ""
    entries = "".join(_entry(finding) for finding in findings)
    folded = "".join(
        f"<h4>{html.escape(one.title)}</h4>"
        + table(
            [html.escape(head) for head in one.columns],
            [[html.escape(words(cell)) for cell in row] for row in one.rows],
            "numbers",
            label=one.title,
        )
        + (f'<p class="note">{html.escape(one.note)}</p>' if one.note else "")
        for one in analysis.tables
    )
    remarks = "".join(f"<li>{html.escape(remark)}</li>" for remark in analysis.remarks)
    seen = f"<h4>What else was seen</h4><ul>{remarks}</ul>" if remarks else ""
    more = f"<details><summary>The tables behind it</summary>{folded}{seen}</details>" if folded or seen else ""
    return f'<p class="verdicts">{_counts(findings)}</p><ol class="ledger">{entries}</ol>{more}'


def _counts(findings: Sequence[Finding]) -> str:
    count = Counter(finding.verdict for finding in findings)
    return " ".join(f"{_verdict(verdict)} {count[verdict]}" for verdict in SIGNS if count[verdict])


def _verdict(verdict: Verdict) -> str:
    sign, kind = SIGNS[verdict]
    return f'<span class="verdict {kind}"><i aria-hidden="true">{sign}</i> {verdict}</span>'


def _entry(finding: Finding) -> str:
    claim = finding.claim
    facts = {
        "measured": measured(finding) or "-",
        "published": claim.published or "no number",
        "networks": str(finding.seeds) if finding.seeds else "-",
    }
    numbers = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts.items())
    criterion = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(text)}</dd></div>"
        for name, text in (("measured by", claim.how), ("reproduced if", claim.criterion), ("source", claim.source))
    )
    return f"""<li id="{html.escape(claim.identifier)}">
<p class="claim">{_verdict(finding.verdict)} {html.escape(_sentence(claim.claim))}</p>
<p class="why">{html.escape(_sentence(finding.sentence))}</p>
<div class="evidence">{_drawing(finding)}<dl>{numbers}</dl></div>
<details><summary>How it was decided <code>{html.escape(claim.identifier)}</code></summary>
<dl>{criterion}</dl></details>
</li>"""


def _drawing(finding: Finding) -> str:
    """The measured value with its interval above a small axis, the published one below it; nothing without a number."""
    value = finding.value
    if value is None or not math.isfinite(value):
        return ""
    low, high = _ends(finding, value)
    published = published_range(finding)
    begin, end = _axis(finding, [value, low, high, *(published or ())])

    def at(number: float) -> str:
        return f"{MARGIN + (WIDTH - 2 * MARGIN) * (number - begin) / (end - begin):.1f}"

    told = f"measured {measured(finding)}"
    theirs = ""
    if published is not None:
        first, last = published
        told += f", published {number(first)}" + (f" to {number(last)}" if last > first else "")
        theirs = f'<path class="theirs" d="M{at(first)} 23H{at(last)}"/>' if last > first else ""
        theirs += f'<path class="theirs" d="M{at((first + last) / 2)} 18l4 5l-4 5l-4 -5z"/>'
    kind = SIGNS[finding.verdict][1]
    size = f'viewBox="0 0 {WIDTH} {HEIGHT + 12}" width="{WIDTH}" height="{HEIGHT + 12}"'
    return f"""<svg class="interval" {size} role="img"
 aria-label="{html.escape(told)}, on an axis from {number(begin)} to {number(end)}">
<path class="axis" d="M{at(begin)} 16H{at(end)}M{at(begin)} 12v8M{at(end)} 12v8"/>
<g class="{kind}"><path class="ours" d="M{at(low)} 8H{at(high)}M{at(low)} 4v8M{at(high)} 4v8"/>
<circle cx="{at(value)}" cy="8" r="4.5"/></g>{theirs}
<text x="{at(begin)}" y="{HEIGHT + 8}">{number(begin)}</text>
<text x="{at(end)}" y="{HEIGHT + 8}" text-anchor="end">{number(end)}</text>
</svg>"""


def _ends(finding: Finding, value: float) -> tuple[float, float]:
    """The interval's ends; the value where there is none or it has no end."""
    low, high = finding.low, finding.high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return value, value
    return low, high


def _axis(finding: Finding, numbers: Sequence[float]) -> tuple[float, float]:
    """Shares from 0 to 1; else a round range with a little room, 0 included where it is near."""
    if finding.units.startswith("share") and min(numbers) >= 0 and max(numbers) <= 1:
        return 0.0, 1.0
    low, high = min(numbers), max(numbers)
    reach = (high - low) or abs(high) or 1.0
    begin, end = low - 0.15 * reach, high + 0.15 * reach
    if low >= 0 and low < reach:
        begin = 0.0
    unit = 10 ** math.floor(math.log10(end - begin)) / 2
    return math.floor(begin / unit) * unit, math.ceil(end / unit) * unit


def _sentence(text: str) -> str:
    """Words that begin large and end in a stop."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", ":")) else ".")
