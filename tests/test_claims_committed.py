"""Claims that held and no longer do: on the same data only, one line each, and exit status 1."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import groklab as gl
from fake_study import GROKS, LOSS, NAME, SESSION, analyse, experiment, known, store  # noqa: F401
from groklab.claims import Evidence, evidence_in
from groklab.claims.committed import FILE, Committed, Verdicts, load, text
from groklab.claims.comparing import GONE, reworded, reworded_on, withdrawn, worse
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
        study=NAME,
        scale="laptop",
        path=Path("a.zip"),
        runs="r",
        sessions="s",
        data="d",
        count=3,
        ended=3,
        findings=findings,
    )
    return dataclasses.replace(made, **changes)


def committed(sessions: str | None = "s", **claims: Verdict) -> Committed:
    named = {"groks": GROKS.identifier, "loss": LOSS.identifier}
    found = {named[name]: verdict for name, verdict in claims.items()}
    one = Verdicts(study=NAME, scale="laptop", place="a.zip", runs="r", sessions=sessions, data="d", claims=found)
    return Committed(verdicts=(one,), wording={GROKS.identifier: GROKS.wording, LOSS.identifier: LOSS.wording})


@pytest.mark.parametrize("before", ORDER)
@pytest.mark.parametrize("now", ORDER)
def test_a_verdict_falls_from_reproduced_to_partly_to_anything_else(before: Verdict, now: Verdict) -> None:
    rank = {"reproduced": 2, "partly": 1}
    fell = rank.get(now, 0) < rank.get(before, 0)
    found = worse(evidence((GROKS, now)), committed(groks=before))
    assert bool(found) == fell
    if fell:
        assert found[0].line == (
            f"fake.groks was {before} and is now {now} on the same data (fake/small at laptop scale, a.zip): why so"
        )


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"data": None}, True),  # The store that the file was kept from.
        ({"data": "other"}, True),  # The same store, kept otherwise.
        ({"data": None, "sessions": "other"}, False),  # The same runs, trained by somebody else.
        ({"data": "other", "sessions": "other"}, False),
        ({"data": "other", "sessions": None}, False),  # Nobody knows.
        ({"sessions": "other"}, True),  # The same bytes.
        ({"runs": "other"}, True),  # The same bytes, though settings have a field more by now.
        ({"runs": "other", "data": "other"}, False),
        ({"runs": "other", "data": None}, False),
        ({"data": None, "ended": 2}, False),
        ({"scale": "paper"}, False),
        ({"study": "fake/other"}, False),
    ],
)
def test_only_the_same_data_are_compared(changes: dict[str, object], same: bool) -> None:
    found = worse(evidence((GROKS, "partly"), **changes), committed(groks="reproduced"))
    assert bool(found) == same
    if same:
        assert f"on the same {'runs' if 'data' in changes else 'data'} (" in found[0].line


def test_where_neither_says_when_it_was_trained_only_bytes_are_the_same() -> None:
    before = committed(None, groks="reproduced")
    assert worse(evidence((GROKS, "partly"), data=None, sessions=None), before) == []
    assert len(worse(evidence((GROKS, "partly"), sessions=None), before)) == 1


def test_a_claim_that_is_not_answered_any_more_no_longer_holds() -> None:
    (found,) = worse(evidence((GROKS, "reproduced")), committed(groks="reproduced", loss="partly"))
    assert (found.identifier, found.now) == ("fake.loss", GONE)
    assert "\n" not in found.line
    assert worse(evidence((GROKS, "reproduced")), committed(groks="reproduced", loss="contradicted")) == []


def test_a_store_that_measured_less_is_not_judged_but_the_committed_file_is() -> None:
    before = committed(groks="reproduced")
    assert worse(evidence((GROKS, "not run"), data=None), before) == []
    (found,) = worse(evidence((GROKS, "not run")), before)
    assert found.now == "not run"


@pytest.mark.parametrize("changed", ["claim", "how", "criterion"])
def test_other_words_of_a_claim_are_noticed_and_what_was_changed_is_no_part_of_them(changed: str) -> None:
    before = committed(groks="reproduced", loss="partly")
    other = dataclasses.replace(GROKS, **{changed: "Something that is more easily had."})
    assert reworded([GROKS, LOSS], before) == []
    assert reworded([other, LOSS], before) == ["fake.groks"]
    assert reworded([dataclasses.replace(other, identifier="fake.new")], before) == []
    assert reworded([dataclasses.replace(GROKS, since="Changed: nothing.", source="Elsewhere")], before) == []
    here, elsewhere = evidence((other, "reproduced")), evidence((other, "reproduced"), data="e", sessions="e")
    assert (reworded_on(here, before), reworded_on(elsewhere, before)) == (["fake.groks"], [])
    (line,) = withdrawn([here, evidence((LOSS, "partly"))], [other, LOSS], before)
    assert line.startswith("fake.groks is not worded as it was committed")


def test_claims_and_evidence_that_disappear_are_noticed() -> None:
    before = committed(groks="not reproduced", loss="not run")
    both = [evidence((GROKS, "contradicted"), (LOSS, "not run"), data="e", sessions="e")]
    assert withdrawn(both, [GROKS, LOSS], before) == []
    assert withdrawn(both, [GROKS], before) == [f"fake.loss is {GONE}"]
    gone = "fake.groks was not reproduced at laptop scale by a.zip, and nothing speaks of it there now"
    for found in ([], [evidence((GROKS, "not run"))], [evidence((GROKS, "reproduced"), scale="paper")]):
        assert withdrawn(found, [GROKS, LOSS], before) == [gone]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    one = evidence((GROKS, "partly"), (LOSS, "contradicted"), path=tmp_path / "fake" / "a.zip")
    number = dataclasses.replace(one.findings[0], value=1 / 3, low=0.1234567891, high=1.0, seeds=3)
    one = dataclasses.replace(one, findings=(number, not_run(LOSS, scale="laptop", sentence="no")))
    other = evidence(data=None, sessions=None, path=tmp_path / "b")
    (tmp_path / FILE).write_text(text([one, other], [GROKS, LOSS], tmp_path))
    found = load(tmp_path / FILE)
    assert found is not None
    first, second = found.verdicts
    assert found.wording == {"fake.groks": GROKS.wording, "fake.loss": LOSS.wording}
    assert (first.sessions, second.sessions) == ("s", None)
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
        ('{"format": 1, "verdicts": [], "wording": 3}', "version control"),
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
    (folder / FILE).write_text(text(evidence_in(folder), [GROKS, LOSS], folder))
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


def test_other_words_than_were_committed_are_one_line_and_no_failure(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def milder(record: Record) -> Analysis:
        found = [dataclasses.replace(one, claim=dataclasses.replace(one.claim, how="By eye.")) for one in both(record)]
        return Analysis(findings=found)

    def both(record: Record) -> Sequence[Finding]:
        return analyse(record).findings

    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), analysis=milder))
    assert main(["claims", str(results)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("groklab: not worded as when their verdicts were committed")
    assert line.endswith("fake.groks, fake.loss")
    assert main(["claims", str(results), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reworded"] == ["fake.groks", "fake.loss"]
    assert main(["claims", str(store(results / "more", count=4, ended=4))]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("stricter")
def test_the_same_runs_trained_anew_are_another_sample(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SESSION, "started", "2026-01-03T03:04:05+00:00")
    assert main(["claims", str(store(results / "anew"))]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("stricter")
def test_the_store_that_was_kept_fails_and_other_runs_never(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
