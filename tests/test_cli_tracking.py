"""`--track` on the command line: files where they are said to be, one line where they cannot be."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import groklab as gl
from event_files import curves
from groklab.cli import main
from groklab.tracking import choosing

SMALL = ["nanda/mainline", "--seeds", "1", "--set", "modulus=7", "--set", "d_model=8", "--set", "d_mlp=16"]
FEW_STEPS = ["--set", "heads=2", "--set", "steps=20", "--set", "logging.every=10"]


def test_curves_lie_with_the_runs_or_where_they_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *SMALL, *FEW_STEPS, "--out", "runs/x", "--track", "tensorboard"]) == 0
    found = curves(tmp_path / "runs" / "x" / "tracking" / "tensorboard" / "run-0000")
    wanted = gl.open("runs/x").metrics()["train_loss"].values[0]
    assert [value for _, value in found["train_loss"]] == wanted.tolist()
    sent = ["--track", "tensorboard", "--track-to", "curves"]
    assert main(["run", *SMALL, *FEW_STEPS, "--set", "seed=1", "--out", "runs/y", *sent]) == 0
    assert (tmp_path / "curves" / "tensorboard" / "runs" / "y" / "run-0000").is_dir()
    assert not (tmp_path / "runs" / "y" / "tracking").exists()
    assert main(["show", "runs/x", "--json"]) == 0


@pytest.mark.parametrize(
    ("words", "missing", "line"),
    [
        (["--track", "tensorbord"], "", "no tracker is called 'tensorbord'; did you mean tensorboard?"),
        (["--track", "wandb"], "wandb", "--track wandb needs wandb: pip install 'groklab[wandb]'"),
        (["--track-to", "curves"], "", "--track-to says where the files of trackers go; name one with --track"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_starts(
    words: list[str],
    missing: str,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    find = choosing.find_spec
    monkeypatch.setattr(choosing, "find_spec", lambda name: None if name == missing else find(name))
    assert main(["run", *SMALL, *words]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"groklab: {line}\n")
    assert list(tmp_path.iterdir()) == []


def test_help_and_mistakes_need_no_optional_library() -> None:
    code = (
        "import sys\nfrom groklab.cli import main\n"
        "main(['run', '--help'])\nmain(['run', 'x', '--track', 'tensorboard'])\n"
        "print(sorted({'tensorboardX', 'wandb', 'jax'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert re.search(r"--track\s+TRACKER", done.stdout)
