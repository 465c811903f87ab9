"""The ledger's page and the committed verdicts: made of the results, and those that are committed are."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

import groklab as gl
from fake_study import GROKS, LOSS, NAME, analyse, experiment, known, store  # noqa: F401
from groklab.claims import entries, ledger, write
from groklab.claims.committed import FILE, Verdicts, load
from groklab.errors import Mistake
from groklab.findings import Analysis, Claim
from groklab.record import Record
from groklab.studies import catalogue

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "claims.md"


def read(path: Path) -> tuple[Verdicts, ...]:
    found = load(path)
    assert found is not None
    return found.verdicts


def study_of(*claims: Claim) -> None:
    """The study as somebody changed it: with other claims, and what was found as it was."""

    def found(record: Record) -> Analysis:
        now = {claim.identifier: claim for claim in claims}
        before = [one for one in analyse(record).findings if one.claim.identifier in now]
        return Analysis(findings=[dataclasses.replace(one, claim=now[one.claim.identifier]) for one in before])

    catalogue()[NAME] = dataclasses.replace(experiment(), claims=claims, analysis=found)


@pytest.fixture
def results(tmp_path: Path, known: object) -> Path:  # noqa: F811
    folder = tmp_path / "results"
    for scale in ("laptop", "paper"):
        record = gl.open(store(tmp_path / scale, scale=scale))
        record.keep(folder / "fake" / f"small-{scale}.zip", only=["test_loss", "test_accuracy"])
    return folder


def test_a_claim_with_its_findings_and_one_without(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PLANNED", {"fake/later": (dataclasses.replace(GROKS, identifier="fake.later"),)})
    written, verdicts = write(results, tmp_path / "docs" / "claims.md")
    said = written.read_text()
    every = len(entries())
    for words in (
        "## nothing\n",
        f"| all | {every} | 1 | - | 1 | - | - | {every - 2} |",
        "### What held, wholly or partly (1)",
        "| Networks grok \\| suddenly. ([fake.groks](#fakegroks); [fake/small](studies/fake/small.md)) | all "
        "| 1.00 [0.29, 1.00] share of networks | 3, paper | **reproduced** | 3 of 3 networks grok |",
        "| 3, laptop | **reproduced** | 3 of 3 networks grok |",
        "### What did not hold (1)",
        "#### fake.groks\n\nNetworks grok | suddenly. *(Nobody 2020, section 1)* Measured: Share of the networks with "
        "test accuracy above 0.99. Reproduced: At least 80% of them.\n",
        "| **not run** | no result is kept; groklab run nanda/mainline |",
        "| **not run** | no result is kept; its study is still to come |",
    ):
        assert words in said, words
    assert verdicts == results / FILE
    assert [(one.place, dict(one.claims)) for one in read(verdicts)] == [
        (f"fake/small-{scale}.zip", {"fake.groks": "reproduced", "fake.loss": "not reproduced"})
        for scale in ("laptop", "paper")
    ]


def test_every_claim_has_its_row_and_every_anchor_its_heading(results: Path, tmp_path: Path) -> None:
    said = write(results, tmp_path / "claims.md")[0].read_text()
    headings = re.findall(r"^#+ (.*)$", said, re.MULTILINE)
    # As GitHub and Python-Markdown make anchors of headings without emphasis.
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", said)) <= anchors
    for entry in entries():
        assert f"[{entry.claim.identifier}](#" in said
        assert f"#### {entry.claim.identifier}\n" in said


def test_what_no_longer_holds_is_not_written_over_unless_it_is_meant(results: Path, tmp_path: Path) -> None:
    place = tmp_path / "claims.md"
    _, verdicts = write(results, place)
    honest = verdicts.read_text()
    # As if more had been committed: the claim that did not hold was said to hold in part.
    changed = honest.replace('"fake.loss": {"verdict": "not reproduced"', '"fake.loss": {"verdict": "partly"')
    verdicts.write_text(changed)
    place.unlink()
    with pytest.raises(Mistake, match=r"fake.loss was partly and is now not reproduced.*; nothing was written") as said:
        write(results, place)
    assert "\n" not in str(said.value)
    assert str(said.value).count("fake.loss was partly") == 2
    assert not place.exists()
    assert verdicts.read_text() == changed
    write(results, place, accept=True)
    assert verdicts.read_text() == honest


def test_a_claim_keeps_the_words_that_it_had_with_its_verdict_unless_it_is_meant(results: Path, tmp_path: Path) -> None:
    place, verdicts = write(results, tmp_path / "claims.md")
    before = verdicts.read_text()
    study_of(GROKS, dataclasses.replace(LOSS, criterion="The interval lies below 1."))
    with pytest.raises(Mistake, match=r"^fake.loss is not worded as it was committed.*; nothing was written") as said:
        write(results, place)
    assert "fake.groks" not in str(said.value)
    assert verdicts.read_text() == before
    study_of(GROKS)
    with pytest.raises(Mistake, match=r"fake.loss is no longer among the claims"):
        write(results, place)
    study_of(GROKS, dataclasses.replace(LOSS, criterion="The interval lies below 1.", since="Changed: it was not met."))
    write(results, place, accept=True)
    assert verdicts.read_text() != before
    said = place.read_text()
    assert "Reproduced: The interval lies below 1. *Since the first look:* Changed: it was not met.\n" in said
    assert "| **not reproduced** * | as low as claimed |" in said
    assert "| **reproduced** | 3 of 3 networks grok |" in said
    write(results, place)


def test_evidence_does_not_disappear_unless_it_is_meant(results: Path, tmp_path: Path) -> None:
    place, verdicts = write(results, tmp_path / "claims.md")
    before = verdicts.read_text()
    (results / "fake" / "small-paper.zip").unlink()
    gone = "fake.groks was reproduced at paper scale by fake/small-paper.zip, and nothing speaks of it there now"
    with pytest.raises(Mistake, match=gone):
        write(results, place)
    assert verdicts.read_text() == before
    write(results, place, accept=True)
    assert [one.scale for one in read(verdicts)] == ["laptop"]


def test_a_check_writes_nothing(results: Path, tmp_path: Path) -> None:
    assert write(results, tmp_path / "claims.md", check=True) == []
    assert not (results / FILE).exists()
    assert not (tmp_path / "claims.md").exists()
    write(results, tmp_path / "claims.md")
    study_of(GROKS, dataclasses.replace(LOSS, how="By eye."))
    with pytest.raises(Mistake, match=r"^fake.loss is not worded"):
        write(results, tmp_path / "claims.md", check=True)


def test_new_results_are_written_down_without_a_list_to_edit(results: Path, tmp_path: Path) -> None:
    later = results / "fake" / "small-paper.zip"
    bytes_ = later.read_bytes()
    later.unlink()
    place, verdicts = write(results, tmp_path / "claims.md")
    assert [one.scale for one in read(verdicts)] == ["laptop"]
    later.write_bytes(bytes_)
    write(results, place)
    assert [one.scale for one in read(verdicts)] == ["laptop", "paper"]
    assert "3, paper" in place.read_text()


def test_the_command_says_what_it_takes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "groklab.claims.page"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "give the folder of the kept results and the page" in line


def test_links_lead_to_files() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text()):
        assert (PAGE.parent / link).exists(), link
