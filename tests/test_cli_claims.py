"""`claims` and `keep` as they are typed."""

import dataclasses
import json
from pathlib import Path

import pytest

import groklab as gl
from fake_study import GROKS, known, store  # noqa: F401
from groklab.claims import entries, ledger
from groklab.claims.circuit import BEFORE, QUESTIONS
from groklab.claims.places import places_in
from groklab.cli import main
from groklab.cli_claims import show
from groklab.studies import catalogue

pytestmark = pytest.mark.usefixtures("known")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores and kept results of three kinds, some deeper than others."""
    folder = tmp_path_factory.mktemp("claims")
    store(folder / "runs" / "half", ended=2)
    store(folder / "runs" / "deep" / "mine", study="mine/sizes")
    whole = gl.open(store(folder / "whole", scale="paper"))
    whole.keep(folder / "runs" / "kept.zip", only=["test_loss", "test_accuracy"])
    return folder


def test_a_store_its_claims_and_their_verdicts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", str(folder / "whole")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == f"fake/small, paper scale ({folder / 'whole'}: 3 of 3 runs have ended)"
    assert lines[1].split() == ["claim", "verdict", "networks", "measured", "[95%", "interval]"]
    assert lines[2].split() == ["fake.groks", "reproduced", "3", "1.00", "[0.29,", "1.00]", "share", "of", "networks"]
    assert lines[3:5] == ["      Networks grok | suddenly. Published: all.", "      3 of 3 networks grok"]
    assert lines[5].split()[:4] == ["fake.loss", "not", "reproduced", "3"]
    assert lines[6] == "      The last test loss is near one millionth."
    assert len(lines) == 8


def test_a_folder_of_several_in_one_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", str(folder / "runs"), str(folder / "runs" / "kept.zip"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    document = json.loads(out)
    assert document.keys() == {"results", "worse", "reworded"}
    assert document["worse"] == document["reworded"] == []
    found = {Path(one["path"]).name: one for one in document["results"]}
    assert list(found) == ["mine", "half", "kept.zip"]
    assert found["mine"]["findings"] == []
    half, kept = found["half"], found["kept.zip"]
    assert (half["runs"], half["ended"], half["scale"]) == (3, 2, "laptop")
    assert (kept["runs"], kept["ended"], kept["scale"]) == (3, 3, "paper")
    assert [one["identifier"] for one in kept["findings"]] == ["fake.groks", "fake.loss"]
    assert [one["verdict"] for one in half["findings"]] == ["not run", "not run"]
    assert kept["findings"][0] | {"sentence": ""} == {
        "identifier": "fake.groks", "source": "Nobody 2020, section 1", "claim": "Networks grok | suddenly.",
        "published": "all", "how": "Share of the networks with test accuracy above 0.99",
        "criterion": "At least 80% of them.", "since": "", "verdict": "reproduced", "sentence": "", "value": 1.0,
        "low": pytest.approx(0.29, abs=0.01), "high": 1.0, "units": "share of networks", "seeds": 3, "scale": "paper",
    }  # fmt: skip


def test_unfinished_stores_and_studies_without_claims_say_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", str(folder / "runs")]) == 0
    out, _ = capsys.readouterr()
    assert f"{folder / 'runs' / 'half'}: 2 of 3 runs have ended" in out
    assert "mine/sizes, laptop scale" in out
    assert "  it tests no claims" in out
    assert "nanda" not in out


def test_claims_without_runs_only_when_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PLANNED", {"fake/later": (dataclasses.replace(GROKS, identifier="fake.later"),)})
    words = ["claims", str(folder / "whole"), "--all"]
    assert main([*words, "--json"]) == 0
    rest = json.loads(capsys.readouterr().out)["not_run"]
    wanted = [entry for entry in entries() if entry.study != "fake/small"]
    assert [(one["identifier"], one["study"]) for one in rest] == [(one.claim.identifier, one.study) for one in wanted]
    assert {one["verdict"] for one in rest} == {"not run"}
    assert main(words) == 0
    out = capsys.readouterr().out
    for name in catalogue():
        if name != "fake/small":
            assert f"{name} (not run; groklab run {name})" in out
    assert "fake/later (not run; its study is still to come)" in out
    assert all(one.claim.identifier in out for one in wanted)


def test_networks_taken_apart_and_the_simulation_are_shown_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {name: [0.5] for question in QUESTIONS for name in (*question.needs, BEFORE)}
    one = {"run": "0123", "seed": 0, "chance": 4.0, "values": values}
    apart = {"format": 1, "study": "nanda/seeds", "scale": "laptop", "networks": [one]}
    (tmp_path / "nanda").mkdir()
    (tmp_path / "nanda" / "circuit-laptop.json").write_text(json.dumps(apart))
    found = {"identifier": "varma.scaling", "verdict": "reproduced", "sentence": "all of them", "value": 1.0}
    found |= {"low": None, "high": None, "units": "share of classifiers", "seeds": 0, "scale": "simulation"}
    (tmp_path / "simulation.json").write_text(json.dumps({"findings": [found]}))
    (tmp_path / "claims.json").write_text('{"format": 1, "verdicts": []}')
    show(places_in(tmp_path), everything=False, as_json=False)
    out = capsys.readouterr().out
    assert f"nanda/circuit, laptop scale ({tmp_path / 'nanda' / 'circuit-laptop.json'}: 1 of 1 runs have ended)" in out
    assert f"varma/simulation ({tmp_path / 'simulation.json'})" in out
    assert "nanda.circuit-heads-needed          contradicted" in out
    assert f"  varma.scaling  reproduced  {'-':>8}  1 share of classifiers" in out


def test_verdicts_have_colours_on_a_terminal_and_words_everywhere(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "110")
    assert main(["claims", str(folder / "whole")]) == 0
    out = capsys.readouterr().out
    assert "\x1b[32mreproduced" in out
    assert "\x1b[35mnot reproduced" in out


def test_keep_writes_a_file_that_is_shown_and_reported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.zip"
    assert main(["keep", str(folder / "whole"), "--out", str(file)]) == 0
    assert capsys.readouterr() == (f"{file}\n", "")
    assert main(["keep", str(folder / "whole"), "--out", str(tmp_path / "b.zip"), "--only", "norms", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": str(tmp_path / "b.zip"),
        "bytes": (tmp_path / "b.zip").stat().st_size,
    }
    assert list(gl.open(tmp_path / "b.zip").metrics().data_vars) == ["norms"]
    assert main(["show", str(file)]) == 0
    assert "diverged at step 100" in capsys.readouterr().out
    assert main(["report", str(file)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'small.html'}\n"
    thin = tmp_path / "thin.zip"
    assert main(["keep", str(folder / "runs" / "half"), "--out", str(thin), "--every", "120"]) == 0
    assert "only 2 of 3 runs have ended" in capsys.readouterr().err
    assert gl.open(thin).metrics().sizes["step"] < 13


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("claims nowhere", ["no file or folder nowhere", "groklab run"]),
        ("claims empty", ["empty holds no groklab store"]),
        ("claims words.txt", ["words.txt is no kept result"]),
        ("claims broken", ["broken/a.zip is no kept result"]),
        ("claims", ["DIR", "--help"]),
        ("keep nowhere --out a.zip", ["no folder nowhere"]),
        ("keep words.txt --out a.zip", ["words.txt is no kept result"]),
        ("keep whole", ["--out"]),
        ("keep whole --out a.tar", ["end --out in .zip", "a.tar"]),
        ("keep whole --out a.zip --only test_los", ["no variable", "test_loss"]),
        ("keep whole --out a.zip --every 0", ["at least 1 step"]),
        ("circuit kept.zip", ["not the networks", "the folder of their runs"]),
        ("export kept.zip --out w.safetensors", ["not the networks"]),
    ],
)
def test_mistakes_are_one_line(
    words: str,
    parts: list[str],
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "broken"):
        Path(name).mkdir()
    Path("words.txt").write_text("hello")
    Path("broken/a.zip").write_text("hello")
    Path("whole").symlink_to(folder / "whole")
    Path("kept.zip").symlink_to(folder / "runs" / "kept.zip")
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    for part in parts:
        assert part in line
    assert not Path("a.zip").exists()
