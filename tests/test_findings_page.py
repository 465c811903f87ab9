"""Study pages: everything on them comes from results, and the committed pages are those of the committed results."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import groklab as gl
from fake_study import NAME, analyse, experiment, known, store  # noqa: F401
from groklab.errors import Mistake
from groklab.findings import Analysis
from groklab.findings.page import write
from groklab.findings.varied import settings_tables
from groklab.models.settings import MLPSettings
from groklab.record import Record
from groklab.studies import catalogue, find

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "studies"
OTHERS = ("circuit.md", "varma/simulation.md", "../claims.md")
"""Pages that others write."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for scale in ("paper", "laptop"):
        record = gl.open(store(folder / scale, scale=scale))
        record.keep(
            folder / "results" / "fake" / f"small-{scale}.zip", only=["train_loss", "test_loss", "test_accuracy"]
        )
    return folder / "results"


@pytest.fixture
def pages(results: Path, tmp_path: Path, known: object) -> Path:  # noqa: F811
    write(results, tmp_path / "docs")
    return tmp_path / "docs"


def test_what_is_written(pages: Path) -> None:
    found = sorted(str(path.relative_to(pages)) for path in pages.rglob("*.*"))
    charts = [f"images/fake-small-{scale}-1.svg" for scale in ("laptop", "paper")]
    assert found == ["README.md", "fake/small.md", *charts]
    for chart in charts:
        assert "run 2" in ElementTree.tostring(ElementTree.parse(pages / chart).getroot(), encoding="unicode")


def test_a_page_says_all_of_a_study_at_both_scales(pages: Path) -> None:
    text = (pages / "fake" / "small.md").read_text()
    for words in (
        "# fake/small\n\nA study of nothing.\n\nSource: Nobody 2020.\n",
        "groklab run fake/small --scale laptop\ngroklab run fake/small --scale paper\n",
        # Two sessions, one of each batch: 2 x 600 run-steps in 2 x 75 seconds.
        "| laptop | 3 | 1,200 | 2:30 | 0:30 | 0:10 | 8 | A processor, 2 cores, device cpu |",
        "| `fake.groks`: Networks grok \\| suddenly. | all | laptop | 1.00 [0.29, 1.00] share of networks | 3 | "
        "**reproduced** | 3 of 3 networks grok |",
        "- `fake.groks` (Nobody 2020, section 1). Measured: Share of the networks with test accuracy above 0.99. "
        "Reproduced: At least 80% of them.",
        "## Results, laptop scale",
        "### Every run\n\n| run | step | test loss (nats) |\n| --- | --- | --- |\n| 0 | 300 | 1.3e-6 |\n| 1 | 100 |",
        "| 9 | - | - |\n\nMade up.",
        "![Test loss](../images/fake-small-paper-1.svg)",
        "- Nothing else was seen.",
        "| setting | laptop scale | paper scale |\n| --- | --- | --- |\n| `seed` | 0 to 2 | 0 to 2 |",
        "| `steps` | 300 | 600 |",
        "1. Nothing was chosen.",
        "| `test_accuracy` | run, step | 1 | Share of right answers: ½ ≤ all. |",
        "paper scale, `results/fake/small-paper.zip`:",
        "- begun: 2026-01-02\n- commit: 0123456789ab, with changes not committed\n",
        "- machine: A processor, 2 cores, device cpu; Linux\n",
        "- versions: groklab 0.1.0, python 3.11.9",
    ):
        assert words in text, words
    assert "Nothing](" not in text
    assert "train_loss" not in text


def test_what_was_changed_after_a_first_look_has_a_star_and_says_so(
    results: Path,
    tmp_path: Path,
    known: object,  # noqa: F811
    pages: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def later(record: Record) -> Analysis:
        one, other = analyse(record).findings
        changed = dataclasses.replace(one.claim, since="Changed: nobody grokked")
        return Analysis(findings=[dataclasses.replace(one, claim=changed), other])

    unstarred = (pages / "fake" / "small.md").read_text()
    assert "was written down before the runs:\n" in unstarred
    assert "** *" not in unstarred
    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), analysis=later))
    write(results, tmp_path)
    text = (tmp_path / "fake" / "small.md").read_text()
    assert "| **reproduced** * | 3 of 3 networks grok |" in text
    assert "| **not reproduced** | as low as claimed |" in text
    assert "Reproduced: At least 80% of them. *Since the first look:* Changed: nobody grokked.\n" in text
    assert "before the runs, but for what *since the first look* says of those with a star:\n" in text


def test_the_index_has_a_row_a_study_and_scale_with_its_verdicts(pages: Path) -> None:
    text = (pages / "README.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("| [")] == [
        f"| [fake/small](fake/small.md) | A study of nothing. | Nobody 2020 | {scale} | 3 "
        "| 1 reproduced, 1 not reproduced |"
        for scale in ("laptop", "paper")
    ]


def test_links_lead_to_files(pages: Path) -> None:
    for page in pages.rglob("*.md"):
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            assert (page.parent / link).exists() or link in OTHERS, link


def test_other_settings_than_the_studys_are_said(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def longer(scale, seeds):
        return (run.replace({"steps": 900}) for run in experiment().runs(scale, seeds))

    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), runs=longer, seeds=2))
    write(results, tmp_path)
    text = (tmp_path / "fake" / "small.md").read_text()
    command = "groklab run fake/small --scale laptop  # the results were made with other settings: "
    assert f"{command}2 runs -> 3 runs; steps: 900 -> 300\n" in text
    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), seeds=2))
    write(results, tmp_path)
    assert "groklab run fake/small --scale laptop --seeds 3\n" in (tmp_path / "fake" / "small.md").read_text()


def test_results_of_some_of_a_studys_runs_say_so(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def more(scale, seeds):
        runs = tuple(experiment().runs(scale, seeds))
        return (*runs, *(run.replace({"weight_decay": 0.25}) for run in runs))

    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), runs=more, seeds=9))
    write(results, tmp_path)
    text = (tmp_path / "fake" / "small.md").read_text()
    assert "groklab run fake/small --scale laptop --seeds 3  # the results are 3 of its 6 runs\n" in text


def test_settings_that_vary_and_those_that_some_runs_lack() -> None:
    runs = find("nanda/mainline")("laptop", 2).runs
    changed = [run.replace({"weight_decay": decay}) for run in runs for decay in (0.1, 0.3, 1.0)]
    other = dataclasses.replace(runs[0], model=MLPSettings())
    child = dataclasses.replace(runs[0], start=runs[1])
    varied, common = (
        {name: rest for name, *rest in rows} for rows in settings_tables({"laptop": (*changed, other, child)})
    )
    assert varied["`optimiser.weight_decay`"] == ["0.1, 0.3, 1, 1.5"]
    assert varied["`model`"] == ["Transformer, MLP"]
    assert varied["`model.heads`"] == ["4 (7 of 8 runs)"]
    assert varied["`start`"] == ["random weights, the last weights of another run"]
    assert common["`task.modulus`"] == ["59"]
    assert common["`batch_size`"] == ["nothing"]
    many = settings_tables({"laptop": [run.replace({"seed": 3 * seed}) for run in runs[:1] for seed in range(20)]})
    assert ("`seed`", "20 values from 0 to 57") in many[0]


@pytest.mark.usefixtures("known")
def test_what_makes_no_page_is_one_line(results: Path, tmp_path: Path) -> None:
    twice = tmp_path / "results"
    for name in ("a", "b"):
        (twice / f"{name}.zip").parent.mkdir(exist_ok=True)
        (twice / f"{name}.zip").write_bytes((results / "fake" / "small-laptop.zip").read_bytes())
    with pytest.raises(
        Mistake, match=r"results/a.zip and results/b.zip both hold fake/small at laptop scale; leave one"
    ):
        write(twice, tmp_path / "docs")
    gl.open(store(tmp_path / "mine", study="mine/sizes")).keep(tmp_path / "others" / "a.zip")
    with pytest.raises(Mistake, match="no study is called 'mine/sizes'"):
        write(tmp_path / "others", tmp_path / "docs")
    (tmp_path / "taken").touch()
    with pytest.raises(Mistake, match="cannot write"):
        write(results, tmp_path / "taken")


def test_the_command_says_what_it_takes(tmp_path: Path) -> None:
    for words, said in (
        ([], "give the folder of the kept results"),
        (["nowhere", "docs"], "no file or folder nowhere"),
    ):
        command = [sys.executable, "-m", "groklab.findings.page", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert said in line
