"""What is committed in results/ and docs/ belongs together: the ledger, the studies' pages and those on the science."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import groklab as gl
from fake_study import STEPS, known, store  # noqa: F401
from groklab.claims import entries, evidence_in
from groklab.claims.committed import FILE, load
from groklab.claims.committed import text as verdicts_of
from groklab.claims.comparing import withdrawn, worse
from groklab.claims.page import page
from groklab.cli import main
from groklab.errors import Mistake
from groklab.findings import Analysis, Claim, Finding
from groklab.findings.page import write as study_pages
from groklab.findings.sections import MADE
from groklab.handbook import circuit, efficiency
from groklab.handbook.evidence import Evidence
from groklab.handbook.page import files
from groklab.record import Record
from groklab.studies import Experiment, catalogue
from groklab.theory import closed_ratio

ROOT = Path(__file__).parent.parent
DOCS, RESULTS = ROOT / "docs", ROOT / "results"
STUDIES = DOCS / "studies"
NUMBER = re.compile(r"(?<![#\w])\d+\.?\d*")


@pytest.fixture(scope="module", autouse=True)
def analysed_once() -> Iterator[None]:
    """Whoever asks for the analysis of a store, it is made once."""
    analyses: dict[str, Analysis] = {}
    analyse = Record.analysis

    def analysis(record: Record) -> Analysis:
        place = str(record.path)
        if place not in analyses:
            analyses[place] = analyse(record)
        return analyses[place]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Record, "analysis", analysis)
        yield


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(RESULTS)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return files(RESULTS, DOCS)


def unanswered(claims: tuple[Claim, ...], findings: tuple[Finding, ...]) -> Counter[str]:
    """How often each claim is answered too little or too much."""
    wanted, found = Counter(c.identifier for c in claims), Counter(f.claim.identifier for f in findings)
    return (wanted - found) + (found - wanted)


def test_every_claim_of_a_kept_study_comes_back_once() -> None:
    for path in sorted(RESULTS.rglob("*.zip")):
        record = gl.open(path)
        entry = catalogue()[record.study]
        found = record.findings()
        assert unanswered(entry.claims, found) == Counter(), path
        assert {f.claim for f in found} == set(entry.claims), path
        assert {f.scale for f in found} == {record.scale}, path
        assert all(f.sentence for f in found), path


def test_a_claim_that_does_not_come_back_is_seen(known: Experiment, tmp_path: Path) -> None:  # noqa: F811
    found = gl.open(store(tmp_path / "store")).findings()
    assert unanswered(known.claims, found) == Counter()
    assert unanswered(known.claims, found[:1]) == Counter({"fake.loss": 1})
    assert unanswered(known.claims, (*found, found[0])) == Counter({"fake.groks": 1})
    assert STEPS[-1] == known("laptop").runs[0].steps


def test_the_committed_ledger_is_that_of_the_results() -> None:
    found, verdicts = evidence_in(RESULTS), RESULTS / FILE
    claims = [entry.claim for entry in entries()]
    before = load(verdicts)
    assert before is not None
    assert [fall.line for one in found for fall in worse(one, before)] == []
    assert withdrawn(found, claims, before) == []
    assert verdicts.read_text() == verdicts_of(found, claims, RESULTS), "results/claims.json: make docs"
    assert (DOCS / "claims.md").read_text() == page(found), "docs/claims.md: make docs"


def test_the_command_says_the_claims_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", str(RESULTS)]) == 0
    assert "varma.ungrokking-sharp" in capsys.readouterr().out


def test_the_committed_study_pages_are_those_of_the_results(tmp_path: Path) -> None:
    committed = {path: path.read_bytes() for path in STUDIES.rglob("*.md") if path.read_text().startswith(MADE.strip())}
    kept = sorted((RESULTS).rglob("*.zip"))
    written = study_pages(RESULTS, tmp_path) if kept else []
    names = {path.relative_to(tmp_path) for path in written}
    assert {path.relative_to(STUDIES) for path in committed} == {name for name in names if name.suffix == ".md"}
    studies = {name.replace("/", "-") for name in catalogue()}
    charts = [path for path in (STUDIES / "images").glob("*.svg") if path.stem.rsplit("-", 2)[0] in studies]
    assert {path.relative_to(STUDIES) for path in charts} == {name for name in names if name.suffix == ".svg"}
    for name in names:
        assert (STUDIES / name).read_bytes() == (tmp_path / name).read_bytes(), f"{name}: make docs"


def test_the_committed_pages_on_the_science_are_those_of_the_results(made: dict[str, str]) -> None:
    """Pictures may differ by a tenth of a pixel, as machines round differently."""
    assert {"science/circuit.md", "science/efficiency.md", "images/rooms.svg"} <= set(made)
    for place, text in made.items():
        committed = (DOCS / place).read_text(encoding="utf-8")
        if place.endswith(".svg"):
            assert NUMBER.sub("", committed) == NUMBER.sub("", text), f"{place}: run `make docs`"
            found, wanted = (list(map(float, NUMBER.findall(one))) for one in (committed, text))
            assert found == pytest.approx(wanted, abs=0.11), f"{place}: run `make docs`"
        else:
            assert committed == text, f"{place}: run `make docs`"


def test_pictures_are_svg_with_a_title(made: dict[str, str]) -> None:
    drawn = {place: text for place, text in made.items() if place.endswith(".svg")}
    assert len(drawn) == 7
    for text in drawn.values():
        root = ElementTree.fromstring(text)
        assert next(iter(root)).tag.endswith("title")
    for place in drawn:
        assert (
            place == "images/rooms.svg" or f"../{place}" in made["science/circuit.md"] + made["science/efficiency.md"]
        )


def test_numbers_on_the_pages_are_the_records(made: dict[str, str], evidence: Evidence) -> None:
    record = gl.open(RESULTS / "nanda" / "mainline-laptop.zip")
    row = record.table()[circuit.Network.of(evidence).run]
    text = made["science/circuit.md"]
    assert (
        f"All train pairs are right at step {row['memorised']:,}, over 99% of the test pairs at step {row['grokked']:,}"
        in text
    )
    for scale in ("laptop", "paper"):
        findings = gl.open(RESULTS / "nanda" / f"mainline-{scale}.zip").findings()
        finding = next(one for one in findings if one.claim.identifier == "nanda.restricted-first")
        assert f"{finding.sentence} (**{finding.verdict}**, {scale} scale)" in text
    assert "(**reproduced**, paper scale): [nanda/mainline](../studies/nanda/mainline.md)" in text


def test_gens_share_is_the_theorems(made: dict[str, str]) -> None:
    ratio = closed_ratio(1.0, 2.0, kappa=1.2)
    assert f"at kappa = 1.2, Gen has {ratio / (1 + ratio):.0%} of the logits" in made["science/efficiency.md"]


def test_the_simulations_caption_says_what_its_claim_says(evidence: Evidence) -> None:
    picture = efficiency.ingredients()
    said = evidence.claim("varma.simulation-grokking")
    learned, flipped = (
        re.findall(rf"{words} at step ([\d,]+)", picture.caption)[0] for words in ("answers\\)", "right")
    )
    assert f"train loss below half chance at step {learned}" in said
    assert f"first right test answer at step {flipped}" in said


def test_what_is_not_known_or_not_run(evidence: Evidence) -> None:
    with pytest.raises(Mistake, match="three-phases"):
        evidence.claim("nanda.three-phase")
    with pytest.raises(Mistake, match="nanda/mainline"):
        evidence.chart("nanda/mainlin:1")
    with pytest.raises(Mistake, match="number from 1, such as nanda/mainline:1"):
        evidence.chart("nanda/mainline")
    assert "has no picture 99" in evidence.chart("nanda/mainline:99")
    assert "../studies/images/nanda-mainline-laptop-2.svg" in evidence.chart("nanda/mainline:2")
    assert (DOCS / "studies" / "images" / "nanda-mainline-laptop-2.svg").is_file()
    with pytest.raises(Mistake, match="hold no nanda/depth at paper scale"):
        evidence.record("nanda/depth", "paper")
    assert "[varma/simulation](../studies/varma/simulation.md)" in evidence.claim("varma.simulation-grokking")


def test_a_scale_that_could_not_test_a_claim_is_not_told_beside_one_that_did(
    tmp_path: Path, evidence: Evidence
) -> None:
    claim = "varma.ungrokking-needs-decay"
    (tmp_path / "one.zip").write_bytes((RESULTS / "varma" / "ungrokking-paper.zip").read_bytes())
    assert "no networks here are of the kind that it speaks of" in Evidence(tmp_path).claim(claim)
    assert "paper scale" not in evidence.claim(claim)
    assert "paper scale" in evidence.claim("varma.ungrokking")
