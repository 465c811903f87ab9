"""Claims that held and no longer do: on the same data only, one line each, and exit status 1."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import groklab as gl
from fake_study import GROKS, LOSS, NAME, analyse, experiment, known, store  # noqa: F401
from groklab.claims import Evidence, evidence_in
from groklab.claims.committed import FILE, GONE, Verdicts, load, text, worse
from groklab.cli import main
from groklab.errors import StoreError
from groklab.findings import Analysis, Claim, Finding, by_seeds, not_run
from groklab.findings.claim import Verdict
from groklab.record import Record
from groklab.studies import catalogue

ORDER: Sequence[Verdict] = (
    "reproduced", "partly", "not reproduced", "contradicted", "not tested at this scale", "not run",
)  # fmt: skip


def evidence(*found: tuple[Claim, Verdict], **changes: object) -> Evidence:
    findings = tuple(Finding(claim=claim, verdict=verdict, sentence="why so") for claim, verdict in found)
    made = Evidence(
        study=NAME, scale="laptop", path=Path("a.zip"), runs="r", data="d", count=3, ended=3, findings=findings
    )
    return dataclasses.replace(made, **changes)


def committed(**claims: Verdict) -> Verdicts:
    named = {"groks": GROKS.identifier, "loss": LOSS.identifier}
    found = {named[name]: verdict for name, verdict in claims.items()}
    return Verdicts(study=NAME, scale="laptop", place="a.zip", runs="r", data="d", claims=found)


@pytest.mark.parametrize("before", ORDER)
@pytest.mark.parametrize("now", ORDER)
def test_a_verdict_falls_from_reproduced_to_partly_to_anything_else(before: Verdict, now: Verdict) -> None:
    rank = {"reproduced": 2, "partly": 1}
    fell = rank.get(now, 0) < rank.get(before, 0)
    found = worse(evidence((GROKS, now)), [committed(groks=before)])
    assert bool(found) == fell
    if fell:
        assert found[0].line == (
            f"fake.groks was {before} and is now {now} on the same data (fake/small at laptop scale, a.zip): why so"
        )


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"data": None}, True),  # A store of the same runs.
        ({"data": "other"}, True),  # The same runs, kept otherwise.
        ({"runs": "other"}, True),  # The same bytes, though settings have a field more by now.
        ({"runs": "other", "data": "other"}, False),
        ({"runs": "other", "data": None}, False),
        ({"data": None, "ended": 2}, False),
        ({"scale": "paper"}, False),
        ({"study": "fake/other"}, False),
    ],
)
def test_only_the_same_data_are_compared(changes: dict[str, object], same: bool) -> None:
    found = worse(evidence((GROKS, "partly"), **changes), [committed(groks="reproduced")])
    assert bool(found) == same
    if same:
        assert f"on the same {'runs' if 'data' in changes else 'data'} (" in found[0].line


def test_a_claim_that_is_not_answered_any_more_no_longer_holds() -> None:
    (found,) = worse(evidence((GROKS, "reproduced")), [committed(groks="reproduced", loss="partly")])
    assert (found.identifier, found.now) == ("fake.loss", GONE)
    assert "\n" not in found.line
    assert worse(evidence((GROKS, "reproduced")), [committed(groks="reproduced", loss="contradicted")]) == []


def test_a_store_that_measured_less_is_not_judged_but_the_committed_file_is() -> None:
    before = [committed(groks="reproduced")]
    assert worse(evidence((GROKS, "not run"), data=None), before) == []
    (found,) = worse(evidence((GROKS, "not run")), before)
    assert found.now == "not run"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    one = evidence((GROKS, "partly"), (LOSS, "contradicted"), path=tmp_path / "fake" / "a.zip")
    number = dataclasses.replace(one.findings[0], value=1 / 3, low=0.1234567891, high=1.0, seeds=3)
    one = dataclasses.replace(one, findings=(number, not_run(LOSS, scale="laptop", sentence="no")))
    (tmp_path / FILE).write_text(text([one, evidence(data=None, path=tmp_path / "b")], tmp_path))
    first, second = load(tmp_path / FILE) or ()
    assert (first.study, first.scale, first.place, first.runs, first.data) == (NAME, "laptop", "fake/a.zip", "r", "d")
    assert first.claims == {"fake.groks": "partly", "fake.loss": "not run"}
    assert (second.place, second.data, second.claims) == ("b", None, {})
    plain = json.loads((tmp_path / FILE).read_text())
    said = plain["verdicts"][0]["claims"]["fake.groks"]
    assert said == {"verdict": "partly", "value": 0.333333, "low": 0.123457, "high": 1.0, "seeds": 3}


def test_another_file_of_that_name_is_left_alone_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    place = tmp_path / FILE
    for words in ("[]", '{"claims": []}'):
        place.write_text(words)
        assert load(place) is None
    for words, said in (
        ("{", "version control"),
        ('{"format": 1, "verdicts": [3]}', "version control"),
        ('{"format": 9, "verdicts": []}', "install a newer groklab"),
    ):
        place.write_text(words)
        with pytest.raises(StoreError, match=said):
            load(place)


@pytest.fixture
def results(tmp_path: Path, known: object) -> Path:  # noqa: F811
    """A kept result with the verdicts that were committed with it."""
    folder = tmp_path / "results"
    record = gl.open(store(tmp_path / "store"))
    record.keep(folder / "fake" / "small-laptop.zip", only=["test_loss", "test_accuracy"])
    (folder / FILE).write_text(text(evidence_in(folder), folder))
    return folder


@pytest.fixture
def stricter(monkeypatch: pytest.MonkeyPatch, results: Path) -> None:
    """The analysis as somebody changed it: one claim no longer holds, the other is no better than it was."""

    def strict(record: Record) -> Analysis:
        groks, loss = analyse(record).findings
        none = np.zeros(groks.seeds, dtype=bool)
        return Analysis(findings=(by_seeds(GROKS, none, scale=record.scale, sentence="none groks"), loss))

    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), analysis=strict))
    assert results.is_dir()


def test_nothing_is_said_while_all_holds(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", str(results)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("stricter")
def test_a_claim_that_no_longer_holds_is_one_line_and_exit_status_1(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results / "fake" / "small-laptop.zip"
    line = (
        "groklab: fake.groks was reproduced and is now not reproduced on the same data "
        f"(fake/small at laptop scale, {path}): none groks"
    )
    for given in (results, results / "fake", path):
        assert main(["claims", str(given)]) == 1
        out, err = capsys.readouterr()
        assert err.splitlines() == [line]
        assert "fake.groks" in out
    assert main(["claims", str(results), "--json"]) == 1
    (fell,) = json.loads(capsys.readouterr().out)["worse"]
    assert (fell["identifier"], fell["before"], fell["now"]) == ("fake.groks", "reproduced", "not reproduced")
    assert (fell["study"], fell["scale"], fell["path"]) == (NAME, "laptop", str(path))


@pytest.mark.usefixtures("stricter")
def test_the_same_runs_in_a_store_fail_and_other_runs_never(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words, status in (
        ("same", {}, 1),
        ("unfinished", {"ended": 2}, 0),
        ("seeds", {"count": 4, "ended": 4}, 0),
        ("scale", {"scale": "paper"}, 0),
    ):
        assert main(["claims", str(store(results / name, **words))]) == status, name
        assert bool(capsys.readouterr().err) == bool(status), name


@pytest.mark.usefixtures("stricter")
def test_what_lies_elsewhere_has_no_committed_verdicts(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["claims", str(store(tmp_path / "elsewhere" / "deep" / "runs"))]) == 0
    assert capsys.readouterr().err == ""
    (results / FILE).write_text('{"format": 1, "verdicts": 3}')
    assert main(["claims", str(results)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(results / FILE) in line
