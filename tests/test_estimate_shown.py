"""The plan on the command line: of a sweep, a study and a paper, before they are trained and when they go on."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import groklab as gl
from fake_study import experiment, known  # noqa: F401
from groklab import cli_plan
from groklab.cli import main
from groklab.cli_how import How
from groklab.engines.estimate import Estimate
from groklab.store.place import Place
from groklab.studies import Study, catalogue
from groklab.sweeps import read
from planned_sweep import SWEEP, batch_of, estimate_of, made_up_measurement, measured_less, written_sweep  # noqa: F401


def test_dry_run_shows_the_plan_and_writes_nothing(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], measured: list[int]
) -> None:
    monkeypatch.chdir(sweep.parent)
    assert main(["run", "tiny.toml", "--dry-run", "--out", "there", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    head = {"path": "there", "study": "sweeps/tiny", "scale": "laptop", "run_steps": 480, "run_steps_done": 0}
    assert head.items() <= document.items()
    assert document["seconds"] == 94
    assert document["hours"]["2"] == pytest.approx(47 / 3600)
    assert [(batch["runs"], batch["seconds"], batch["measured"]) for batch in document["batches"]] == [
        (6, 47, True),
        (6, 47, True),
    ]
    assert main(["run", "tiny.toml", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].strip() == "sweeps/tiny, laptop scale: 12 runs in 2 batches"
    assert "at most 480 run-steps" in out
    assert "about 1:34 on this machine" in out
    assert "0:47 on 2" in out
    assert "1 layer, width 8, 16 neurons" in out
    assert list(sweep.parent.iterdir()) == [sweep]


@pytest.mark.usefixtures("known")
def test_dry_run_of_a_study_and_of_a_paper(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: list[int]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(catalogue(), "fake/tiny", experiment("fake/tiny"))
    assert main(["run", "fake/small", "--seeds", "2", "--dry-run", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert (one["study"], one["path"]) == ("fake/small", "runs/fake-small-laptop")
    assert main(["run", "fake", "--seeds", "2", "--dry-run", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [(one["study"], one["path"]) for one in documents] == [
        ("fake/small", "runs/fake-laptop/small"),
        ("fake/tiny", "runs/fake-laptop/tiny"),
    ]
    # Both have the same shape: it was measured once for one study, and once for the paper.
    assert len(measured) == 2
    assert documents[0]["run_steps"] == one["run_steps"] == sum(run["run_steps"] for run in one["batches"])
    assert main(["run", "fake", "--seeds", "2", "--dry-run"]) == 0
    assert "2 studies: at most" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def planned_elsewhere(studies: list[tuple[Study, Place]], precision: str) -> list[Estimate]:
    """Stands for the plan; its device is the process that made it."""
    assert precision == "tf32"
    return [replace(estimate_of(batch_of("a", 1)), device=f"{len(studies)} in {os.getpid()}")]


def test_for_a_cluster_the_plan_is_made_in_a_process_of_its_own(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # A process that has used an accelerator holds its memory.
    monkeypatch.setattr(cli_plan, "plans", planned_elsewhere)
    found = cli_plan.first(read(sweep), Place.of(sweep.parent / "store"), How(engine="ray", precision="tf32"))
    count, _, process = found.device.partition(" in ")
    assert count == "1"
    assert int(process) != os.getpid()
    out, err = capfd.readouterr()
    assert out == ""
    assert "at most 10 run-steps" in err


def test_a_sweep_shows_its_plan_runs_and_goes_on(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], measured: list[int]
) -> None:
    monkeypatch.chdir(sweep.parent)
    assert main(["run", "tiny.toml", "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert "sweeps/tiny, laptop scale: 12 runs in 2 batches" in err
    assert document["path"] == "runs/sweeps-tiny-laptop"
    assert document["plan"]["run_steps"] == 480
    record = gl.open("runs/sweeps-tiny-laptop")
    assert (record.study, record.runs) == ("sweeps/tiny", read(sweep).runs)
    assert [status.state for status in record.statuses] == ["finished"] * 12
    assert record.findings() == ()
    assert np.unique(record.metrics()["weight_decay"].values).tolist() == [0.5, 1.0, 2.0]

    page = (Path(__file__).parent.parent / "docs" / "sweeps.md").read_text(encoding="utf-8")
    example = page.rpartition("```python\n")[2].partition("```")[0].strip().splitlines()
    names: dict[str, Any] = {"gl": gl}
    exec("\n".join(example[:-1]).replace("runs/phases", "runs/sweeps-tiny-laptop"), names)
    diagram = eval(example[-1], names)
    assert diagram.shape == (3, 2)
    assert diagram.notna().values.all()

    measured.clear()
    assert main(["run", "tiny.toml"]) == 0
    out, err = capsys.readouterr()
    assert "nothing is left to do" in err
    assert "done already" in err
    assert measured == []

    sweep.write_text(SWEEP.replace("[0.5, 1, 2]", "[0.5, 1, 3]"))
    for words in (["--dry-run"], []):
        assert main(["run", "tiny.toml", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "made with other settings: optimiser.weight_decay: 2.0 -> 3.0" in line
        assert "choose another --out" in line
    sweep.write_text(SWEEP.replace("[0.5, 1, 2]", "[0.5, 1]"))
    assert main(["run", "tiny.toml"]) == 2
    assert "number of runs: 12 -> 8" in capsys.readouterr().err
