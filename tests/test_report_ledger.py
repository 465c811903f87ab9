"""The page's ledger: every finding with word, sign, numbers and a drawing that is true to them."""

import re
from dataclasses import replace

import pytest

from groklab.findings import Analysis, Claim, Finding, Table
from groklab.report.ledger import MARGIN, SIGNS, WIDTH, ledger
from groklab.report.published import published_range

CLAIM = Claim(
    identifier="test.claim",
    source="Nobody 2020, section <3>",
    claim="networks do it & stop",
    published="4 of 5",
    how="by looking",
    criterion="most of them do",
)
FINDING = Finding(
    claim=CLAIM,
    verdict="partly",
    sentence="6 of 10 networks do",
    value=0.6,
    low=0.25,
    high=0.9,
    units="share of networks",
    seeds=10,
    scale="laptop",
)


def drawn(text: str) -> dict[str, float]:
    """Where the drawing has the value and the ends of its interval, as numbers on an axis from 0 to 1."""
    (circle,) = re.findall(r'<circle cx="([\d.]+)"', text)
    low, high = re.findall(r'class="ours" d="M([\d.]+) 8H([\d.]+)', text)[0]
    (theirs,) = re.findall(r'class="theirs" d="M([\d.]+) 18', text)
    found = {"value": circle, "low": low, "high": high, "published": theirs}
    return {name: (float(at) - MARGIN) / (WIDTH - 2 * MARGIN) for name, at in found.items()}


def test_a_finding_has_its_words_its_sign_and_its_numbers_in_their_places() -> None:
    text = ledger(Analysis(findings=[FINDING]))
    sign, kind = SIGNS["partly"]
    assert f'<span class="verdict {kind}"><i aria-hidden="true">{sign}</i> partly</span>' in text
    for words in (
        "Networks do it &amp; stop.",
        "6 of 10 networks do.",
        "section &lt;3&gt;",
        "most of them do",
        "4 of 5",
    ):
        assert words in text
    assert drawn(text) == pytest.approx({"value": 0.6, "low": 0.25, "high": 0.9, "published": 0.8}, abs=1e-3)
    assert 'aria-label="measured 0.60 [0.25, 0.90] share of networks, published 0.8000, on an axis from 0 to 1"' in (
        text.replace("published 0.8,", "published 0.8000,")
    )


def test_a_finding_without_a_number_has_no_drawing_and_nothing_found_is_nothing() -> None:
    text = ledger(Analysis(findings=[replace(FINDING, value=None, low=None, high=None, verdict="not run")]))
    assert "<svg" not in text
    assert "not run" in text
    assert ledger(Analysis()) == ""


def test_every_verdict_has_a_sign_of_its_own_and_they_are_counted() -> None:
    assert len({sign for sign, _ in SIGNS.values()}) == len(SIGNS)
    findings = [replace(FINDING, verdict=verdict) for verdict in SIGNS for _ in range(2)]
    text = ledger(Analysis(findings=findings))
    assert re.findall(r"</span> (\d+)", text.split("</p>")[0]) == ["2"] * len(SIGNS)


def test_tables_and_remarks_are_folded_below() -> None:
    table = Table(title="A <table>", columns=["n", "x"], rows=[[1, None], [2, 0.25]], note="noted")
    text = ledger(Analysis(findings=[FINDING], tables=[table], remarks=["seen too"]))
    for words in ("A &lt;table&gt;", "<td>0.25</td>", "<td>-</td>", "noted", "<li>seen too</li>"):
        assert words in text


@pytest.mark.parametrize(
    ("published", "units", "found"),
    [
        ("4 of 4", "share of networks", (1, 1)),
        ("95% of variance", "share of variance", (0.95, 0.95)),
        ("about 71%", "share", (0.71, 0.71)),
        ("4 of 4", "share of moduli", (1, 1)),
        ("9 of 12", "share of operations", (0.75, 0.75)),
        ("1", "share of networks", None),
        ("0.5 to 0.7", "share of networks", None),
        ("95% of variance", "share of networks", None),
        ("4 of 4", "share of variance", None),
        ("6", "1", (6, 6)),
        ("2 to 2.5", "1", (2, 2.5)),
        ("1,400", "steps", (1400, 1400)),
        ("3 to 5", "share of networks", None),
        ("4 of 4", "steps", None),
        ("95% of variance", "nats", None),
        ("6 of the pairs", "1", None),
        ("2.4e-7 to 5.6e-8", "nats", None),
        ("0 to 1,400; 1,400 to 9,400", "steps", None),
        ("in words only", "1", None),
        ("P = 401", "1", None),
        (None, "1", None),
    ],
)
def test_published_words_are_a_number_only_where_they_are_nothing_else(
    published: str | None, units: str, found: tuple[float, float] | None
) -> None:
    claim = replace(CLAIM, published=published)
    assert published_range(replace(FINDING, claim=claim, units=units)) == found
