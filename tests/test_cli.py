"""The command line: exit statuses, one line for every mistake, JSON, and what is not imported."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import groklab
from fake_record import FakeRecord, fake_record
from groklab.cli import main
from groklab.cli_run import study_of
from groklab.engines.interruption import DETACHED
from groklab.engines.progress import Progress
from groklab.errors import GivenUp, StoreError
from groklab.studies import find

MISTAKES = {
    "rum": ["no command", "'rum'", "run"],
    "run": ["STUDY", "--help"],
    "run nanda/mainlin": ["no study", "nanda/mainline"],
    "run nanda/mainline --sedes 3": ["no option", "--sedes", "--seeds"],
    "run nanda/mainline --seeds x": ["--seeds", "integer"],
    "run nanda/mainline --seeds 0": ["seeds", "at least 1"],
    "run nanda/mainline --scale big": ["'big'", "laptop, paper"],
    "run nanda/mainline --engine rai": ["no engine", "ray"],
    "run nanda/mainline --engine ray --address nowhere": ["auto, HOST:PORT or ray://HOST:PORT", "'nowhere'"],
    "run nanda/mainline --engine ray --on-interrupt detach": ["outlives it", "address"],
    "run nanda/mainline --engine ray --on-interrupt stop": ["cancel or detach", "'stop'"],
    "run nanda/mainline --address auto": ["--address goes with --engine ray"],
    "run nanda --on-interrupt detach": ["--on-interrupt goes with --engine ray"],
    "run nanda/mainline --set wait_decay=3": ["no field", "wait_decay", "weight_decay"],
    "run nanda/mainline --set steps=many": ["steps", "whole number", "'many'"],
    "run nanda/mainline --set steps": ["FIELD=VALUE", "'steps'"],
    "run nanda/mainline --set": ["--set", "argument"],
    "run nanda/mainline --set steps=1 --set steps=2": ["steps", "twice"],
    "run nanda/mainline --set seed=3": ["the same", "--seeds 1"],
    "run nanda/mainline --set loss=hinge": ["loss", "margin, log_softmax", "'hinge'"],
    "run nanda/mainline --set modulus=54 --set operation=divide": ["54", "prime"],
    "run nanda/mainline --set operation=ad": ["'ad'", "add"],
    "run nanda/mainline --set split.size=9999 --set fraction=null": ["9999", "3481"],
    "run nanda/mainline --set split.size=0 --set fraction=null": ["empty training set"],
    "report a b": ["--out"],
    "show nowhere": ["no folder", "nowhere"],
    "report nowhere": ["no folder", "nowhere"],
    "run nanda/mainline --set steps=100000000000000": ["2^31"],
    "run nanda/mainline --set steps=2000000000": ["logging.every 50", "raise it to 2001"],
    "run nanda/mainline --set learning_rate=1e300": ["learning_rate", "float32"],
    "run nanda/mainline --out /proc/groklab": ["/proc/groklab", "choose another"],
    "--versoin": ["--versoin", "--version"],
}


def one_line(stderr: str) -> str:
    (line,) = stderr.splitlines()
    assert line.startswith("groklab: ")
    return line


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    line = one_line(err)
    assert out == ""
    for part in MISTAKES[words]:
        assert part in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "studies",
        "run nanda/mainlin",
        "run nanda/mainline --set modulus=54 --set operation=divide",
        "rum",
        "--version",
    ],
)
def test_words_need_nothing_heavy(words, tmp_path):
    code = (
        "import sys; from groklab.cli import main; status = main(sys.argv[1:]);"
        "heavy = {'jax', 'equinox', 'xarray', 'zarr', 'plotly', 'icechunk', 'scipy'} & sys.modules.keys();"
        "print(status, sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    expected = 0 if words in ("--help", "studies", "--version") else 2
    assert done.stderr.splitlines()[-1] == f"{expected} []"


def test_a_mistake_of_the_process_shows_no_traceback(tmp_path):
    command = [sys.executable, "-c", "import sys; from groklab.cli import main; sys.exit(main())"]
    done = subprocess.run([*command, "show", "nowhere"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere" in one_line(done.stderr)
    assert done.stdout == ""


def test_a_mistake_with_json_is_an_object_on_standard_output(capsys):
    assert main(["run", "nanda/mainlin", "--json"]) == 2
    out, err = capsys.readouterr()
    assert f"groklab: {json.loads(out)['error']}" == one_line(err)


def test_help_says_every_command_option_and_status(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    for word in ("demo", "studies", "run", "show", "report", "--version", "130", "2 a mistake"):
        assert word in text
    assert main(["run", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("--scale", "--out", "--seeds", "--set", "--engine", "--address", "--on-interrupt", "--json"):
        assert word in text
    assert "groklab run nanda/mainline" in text


def test_version(capsys):
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"groklab {version('groklab')}\n"


def test_studies_lists_all_with_costs(capsys):
    assert main(["studies", "--json"]) == 0
    (entry,) = [entry for entry in json.loads(capsys.readouterr().out) if entry["name"] == "nanda/mainline"]
    known = find("nanda/mainline")
    assert entry == {
        "name": known.name,
        "paper": "nanda",
        "source": known.source,
        "summary": known.summary,
        "costs": dict(known.costs),
        "seeds": 5,
    }
    assert main(["studies"]) == 0
    out = capsys.readouterr().out
    assert known.costs["paper"] in out
    assert known.source in out


def test_set_reaches_every_run_with_its_type():
    study = study_of("nanda/mainline", "laptop", 3, ["weight_decay=2", "split.size=300", "fraction=null"])
    assert [run.seed for run in study.runs] == [0, 1, 2]
    for run in study.runs:
        assert (run.optimiser.weight_decay, run.split.size, run.split.fraction) == (2.0, 300, None)


@pytest.fixture
def trained(monkeypatch):
    """Stands for training: keeps what was asked, tells of two steps, gives a made-up record."""
    calls = []
    monkeypatch.setattr("groklab.cli.must_be_result", lambda folder: None)
    monkeypatch.setattr("groklab.cli_run.must_be_free", lambda folder: None)

    class Asked(list):
        record: FakeRecord = fake_record()
        ends: type[BaseException] | BaseException | None = None
        new: int = 600

    asked = Asked(calls)
    asked.how = {}

    def run(study, out, watch, **how):
        asked.append((study, Path(out)))
        asked.how = how
        counts = {"total": 30_000, "runs": 5, "memorised": 2, "grokked": 1}
        watch(Progress(done=12_000, trained=asked.new, doing="training", **counts))
        if asked.ends is not None:
            raise asked.ends
        asked.record.path = Path(out)
        return asked.record

    monkeypatch.setitem(groklab.__dict__, "run", run)
    monkeypatch.setitem(groklab.__dict__, "open", lambda path: fake_record(Path(path), diverged=1))
    return asked


def test_run_trains_the_study_into_its_own_folder_and_says_what_next(trained, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "nanda/mainline", "--scale", "paper", "--seeds", "2", "--set", "steps=5"]) == 0
    ((study, folder),) = trained
    assert study == find("nanda/mainline")("paper", 2, steps=5)
    assert folder == Path("runs/nanda-mainline-paper")
    out, err = capsys.readouterr()
    assert "grokked at step 2,000" in out
    assert "groklab report runs/nanda-mainline-paper --out runs/nanda-mainline-paper/report.html" in one_line(err)


def test_run_with_json_prints_one_document(trained, capsys):
    trained.record = fake_record(diverged=1)
    assert main(["run", "nanda/mainline", "--out", "there", "--json"]) == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["path"], document["study"], document["scale"]) == ("there", "nanda/mainline", "laptop")
    assert [row["run"] for row in document["runs"]] == [0, 1, 2, 3, 4]
    assert document["runs"][1]["test_loss"] is None
    assert document["runs"][0]["test_loss"] == pytest.approx(trained.record.table()[0]["test_loss"])
    assert "1 of 5 runs ended badly: run 1: diverged at step 812" in err.splitlines()[-1]


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_interrupted_says_how_to_go_on(trained, capsys, as_json):
    trained.ends = KeyboardInterrupt
    words = ["run", "nanda/mainline", "--out", "two words", *as_json]
    assert main(words) == 130
    out, err = capsys.readouterr()
    line = one_line(err)
    assert line.startswith("groklab: interrupted after 12,000 of 30,000 run-steps; everything up to there is kept")
    assert shlex.split(line.partition("go on with: groklab ")[2]) == words
    assert (json.loads(out)["error"] in line) if as_json else out == ""


def test_the_engine_and_its_options_are_handed_on(trained, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    words = ["run", "nanda/mainline", "--out", str(tmp_path), "--engine", "ray"]
    assert main(words) == 0
    assert trained.how == {"precision": "float32", "engine": "ray", "address": None, "on_interrupt": "cancel"}
    assert main([*words, "--address", "head:6379", "--on-interrupt", "detach"]) == 0
    assert trained.how["address"] == "head:6379"
    assert trained.how["on_interrupt"] == "detach"
    assert main(words[:4]) == 0
    assert trained.how == {"precision": "float32"}


def test_detached_says_how_to_watch_again(trained, capsys):
    trained.ends = KeyboardInterrupt(DETACHED)
    words = ["run", "nanda/mainline", "--engine", "ray", "--address", "auto", "--on-interrupt", "detach"]
    assert main(words) == 130
    line = one_line(capsys.readouterr().err)
    assert line.startswith("groklab: detached after 12,000 of 30,000 run-steps; the cluster goes on; watch with: ")
    assert shlex.split(line.partition("watch with: groklab ")[2]) == words


def test_what_was_given_up_is_status_1_with_the_reasons(trained, capsys):
    trained.ends = GivenUp("1 batch given up, all others are done: runs 3: out of memory")
    assert main(["run", "nanda/mainline", "--engine", "ray", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["error"] in one_line(err) == f"groklab: {trained.ends}"


def test_a_store_that_refuses_is_a_mistake(trained, capsys):
    trained.ends = StoreError("runs/x holds other settings: steps: 5 -> 6")
    assert main(["run", "nanda/mainline", "--out", "runs/x"]) == 2
    assert "other settings" in one_line(capsys.readouterr().err)


def test_demo_writes_its_page_and_prints_where(trained, capsys, tmp_path):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    page = tmp_path / "report.html"
    out, err = capsys.readouterr()
    assert one_line(err) == f"groklab: the page is {page}"
    assert page.stat().st_size > 1_000_000
    assert trained[0][0] == find("nanda/mainline")("laptop")
    trained.new = 0
    assert main(["demo", "--out", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert "done already" in err.splitlines()[0]
    assert json.loads(out)["report"] == str(page)


def test_demo_opens_the_page_only_when_asked(trained, monkeypatch, tmp_path):
    import webbrowser

    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)) or True)
    assert main(["demo", "--out", str(tmp_path)]) == 0
    assert opened == []
    assert main(["demo", "--out", str(tmp_path), "--open"]) == 0
    assert opened == [(tmp_path / "report.html").as_uri()]


def test_show_has_a_row_a_run(trained, capsys):
    assert main(["show", "runs/x"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert "nanda/mainline" in lines[0]
    assert "memorised at" in lines[1]
    assert len(lines) == 2 + 5
    assert "diverged at step 812: the loss was not a number" in lines[3]


def test_report_prints_its_path(trained, capsys, tmp_path):
    page = tmp_path / "deep" / "page.html"
    assert main(["report", "runs/x", "runs/y", "--out", str(page)]) == 0
    assert capsys.readouterr() == (f"{page}\n", "")
    assert page.exists()
    assert main(["report", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"report": str(tmp_path / "report.html")}


def test_report_that_cannot_be_written_is_a_mistake(trained, capsys, tmp_path):
    (tmp_path / "file").touch()
    assert main(["report", "runs/x", "--out", str(tmp_path / "file" / "page.html")]) == 2
    assert "cannot write the page" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["stduies"], 2)])
def test_the_command_tells_everything_before_it_ends_the_process(arguments: list[str], status: int) -> None:
    code = "import atexit; atexit.register(print, 'left'); from groklab.cli import script; script()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == status
    assert "groklab" in done.stdout + done.stderr
    assert done.stdout.endswith("left\n")
