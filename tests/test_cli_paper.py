"""A whole paper run with one command, each study into its own folder."""

import json
import re
import shlex
from pathlib import Path

import pytest

import groklab as gl
from fake_study import experiment, known, store  # noqa: F401
from groklab.cli import main
from groklab.engines.progress import Progress
from groklab.errors import GivenUp
from groklab.store.places import is_store
from groklab.studies import catalogue, find, named, papers

pytestmark = pytest.mark.usefixtures("known")


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch, known: object) -> list[Path]:  # noqa: F811
    """Two studies in the paper `fake`; training writes made-up stores, and adds their folders to the list."""
    monkeypatch.setitem(catalogue(), "fake/tiny", experiment("fake/tiny"))
    trained: list[Path] = []

    def run(study, out, watch, precision):
        counts = {"total": 900, "runs": 3, "memorised": 3, "grokked": 3}
        assert precision == "float32"
        if is_store(out):
            watch(Progress(done=900, trained=0, doing="training", **counts))
        else:
            diverges = 1 if study.runs[0].dropout else -1
            store(out, study=study.name, scale=study.scale, count=len(study.runs), ended=99, diverges=diverges)
            trained.append(Path(out))
            watch(Progress(done=900, trained=900, doing="training", **counts))
        return gl.open(out)

    monkeypatch.setitem(gl.__dict__, "run", run)
    return trained


def test_papers_and_their_studies() -> None:
    assert papers()["fake"] == "Studies of nothing."
    assert papers()["nanda"] == gl.studies.nanda.__doc__
    assert list(papers()) == sorted({one.paper for one in catalogue().values()})
    assert {one.paper for one in named("nanda")} == {"nanda"}
    # Run and listed once, with the questions of the post, whose tasks they are too.
    assert find("nanda/other_tasks") in named("forum")
    assert find("nanda/other_tasks") not in named("nanda")
    for group in papers():
        folders = [one.name.rpartition("/")[2] for one in named(group)]
        assert len(set(folders)) == len(folders)
    assert named("nanda/mainline") == (find("nanda/mainline"),)
    with pytest.raises(gl.Mistake, match=r"nanda is a paper, not a study; its studies are nanda/"):
        find("nanda")
    with pytest.raises(gl.Mistake, match="no study is called 'nandi'; did you mean nanda"):
        named("nandi")


def test_every_study_is_trained_into_its_folder_and_done_ones_are_skipped(
    paper: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store(Path("runs/fake-paper/small"), scale="paper")
    assert main(["run", "fake", "--scale", "paper", "--seeds", "4"]) == 1
    out, err = capsys.readouterr()
    first, second, total = out.splitlines()
    assert first == "fake/small (1 of 2): 3 runs, 3 grokked; done already"
    assert re.fullmatch(r"fake/tiny \(2 of 2\): 4 runs, 4 grokked; 900 run-steps in 0:\d\d", second)
    assert re.fullmatch(r"2 studies: 7 runs, 7 grokked; 0:\d\d in all", total)
    said, bad = err.splitlines()
    assert said == "groklab: what they say of the claims: groklab claims runs/fake-paper"
    assert bad == "groklab: 1 of 7 runs ended badly: fake/small run 1: diverged at step 100"
    assert paper == [Path("runs/fake-paper/tiny")]
    record = gl.open("runs/fake-paper/tiny")
    assert (record.study, record.scale, len(record.runs)) == ("fake/tiny", "paper", 4)


def test_json_is_a_list_and_words_go_to_standard_error(
    paper: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "fake", "--out", str(tmp_path / "all"), "--set", "dropout=0.1", "--json"]) == 1
    out, err = capsys.readouterr()
    assert paper == [tmp_path / "all" / "small", tmp_path / "all" / "tiny"]
    assert [(one["study"], len(one["runs"])) for one in json.loads(out)] == [("fake/small", 3), ("fake/tiny", 3)]
    assert err.startswith("groklab: fake/small (1 of 2): 3 runs, 3 grokked; 900 run-steps in 0:")
    assert err.splitlines()[-1].startswith("groklab: 2 of 6 runs ended badly: fake/small run 1: diverged")


@pytest.mark.usefixtures("paper")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run fak", "no study is called 'fak'; did you mean fake"),
        ("run fake/smal", "did you mean fake/small"),
        ("run fake --scale big", "fake/small: no scale is called 'big'"),
        ("run fake --set wait_decay=2", "fake/small: no field is called 'wait_decay'"),
        ("run fake --set seed=2", "fake/small: with --set seed=2 some of the 3 runs of fake/small are the same"),
        ("run fake --engine x", "no engine is called 'x'"),
        ("run fake --out store", "store holds the runs of one study; choose another --out"),
    ],
)
def test_mistakes_are_answered_before_anything_is_trained(
    words: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("store/study/refs").mkdir(parents=True)
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert said in line
    assert out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_change_that_a_study_makes_itself_is_refused_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "nanda/weight_decay", "--set", "weight_decay=2"]) == 2
    assert "some of the" in (line := capsys.readouterr().err)
    assert "nanda/weight_decay are the same; it varies that itself, set something else" in line


def test_an_interruption_says_where_and_the_same_command(
    paper: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = gl.run

    def run(study, out, watch, precision):
        if study.name == "fake/tiny":
            watch(Progress(done=6, total=900, trained=6, runs=3, memorised=0, grokked=0, doing="training"))
            raise KeyboardInterrupt
        return training(study, out, watch, precision)

    monkeypatch.setitem(gl.__dict__, "run", run)
    words = ["run", "fake", "--out", str(tmp_path / "two words")]
    assert main(words) == 130
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("groklab: interrupted in fake/tiny (2 of 2) after 6 of 900 run-steps; everything up to")
    assert shlex.split(line.partition("go on with: groklab ")[2]) == words
    assert out.startswith("fake/small (1 of 2): 3 runs, 3 grokked; 900 run-steps in 0:")
    assert len(out.splitlines()) == 1
    assert paper == [tmp_path / "two words" / "small"]


def test_a_study_given_up_does_not_keep_the_others(
    paper: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = gl.run

    def run(study, out, watch, precision):
        if study.name == "fake/small":
            raise GivenUp("1 batch given up, all others are done: runs 3: out of memory")
        return training(study, out, watch, precision)

    monkeypatch.setitem(gl.__dict__, "run", run)
    assert main(["run", "fake", "--out", str(tmp_path / "all")]) == 1
    out, err = capsys.readouterr()
    assert paper == [Path(tmp_path / "all" / "tiny")]
    assert out.startswith("fake/small (1 of 2): 1 batch given up")
    assert err.splitlines()[-1] == "groklab: fake/small: 1 batch given up, all others are done: runs 3: out of memory"


def test_studies_are_listed_by_paper(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studies"]) == 0
    out = capsys.readouterr().out
    assert "fake Studies of nothing. All of them: groklab run fake" in out
    places = [out.index(words) for words in ("fake Studies", "fake/small", "nanda Studies", "nanda/mainline")]
    assert places == sorted(places)
