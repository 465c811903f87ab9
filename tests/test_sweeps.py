"""A sweep's file: what it yields, and one line for every mistake, before anything heavy is imported."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import groklab as gl
from groklab.cli import main
from groklab.settings import differences
from groklab.studies import find
from groklab.sweeps import crossing, read
from groklab.sweeps.file import KEYS
from groklab.tasks import SplitSettings

ROOT = Path(__file__).parent.parent
SMALL = """
study = "nanda/mainline"
seeds = 2

[set]
steps = 40
optimiser.learning_rate = 1

[grid]
weight_decay = [0.5, 1, 2]
split.size = [300, 500]
"""
SMALL_SET = "split.fraction = 'null'"


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def small(folder: Path) -> Path:
    return written(folder, SMALL.replace("steps = 40", f"steps = 40\n{SMALL_SET}"))


def test_every_run_of_the_study_is_crossed_with_the_grid(tmp_path: Path) -> None:
    study = read(small(tmp_path))
    assert (study.name, study.scale) == ("sweeps/mine", "laptop")
    found = [(run.optimiser.weight_decay, run.split.size, run.seed) for run in study.runs]
    assert found == [
        (0.5, 300, 0), (0.5, 300, 1), (0.5, 500, 0), (0.5, 500, 1),
        (1.0, 300, 0), (1.0, 300, 1), (1.0, 500, 0), (1.0, 500, 1),
        (2.0, 300, 0), (2.0, 300, 1), (2.0, 500, 0), (2.0, 500, 1),
    ]  # fmt: skip
    base = find("nanda/mainline")("laptop", 2).runs[1]
    split = SplitSettings(size=500)
    assert study.runs[3] == base.replace({"steps": 40, "learning_rate": 1.0, "weight_decay": 0.5}).replace(
        {"split.size": split.size, "split.fraction": None}
    )
    assert type(study.runs[0].optimiser.learning_rate) is float


def test_it_is_no_study_of_a_paper_whose_claims_it_would_answer(tmp_path: Path) -> None:
    from groklab.studies import catalogue

    assert read(small(tmp_path)).name not in catalogue()
    assert not any(name.startswith(f"{crossing.GROUP}/") for name in catalogue())
    assert read(written(tmp_path, 'name = "b-2"\n' + SMALL.replace("[grid]", f"{SMALL_SET}\n[grid]"))).name == (
        "sweeps/b-2"
    )


def test_without_tables_it_is_the_study_at_its_own_seeds(tmp_path: Path) -> None:
    study = read(written(tmp_path, 'study = "nanda/mainline"\nscale = "paper"'))
    assert study.runs == find("nanda/mainline")("paper").runs
    assert study.scale == "paper"


def test_seeds_may_be_listed_and_reach_the_networks_that_runs_start_from(tmp_path: Path) -> None:
    study = read(written(tmp_path, 'study = "varma/ungrokking"\nseeds = [7, 3]'))
    assert {run.seed for run in study.runs} == {3, 7}
    children = [run for run in study.runs if run.start is not None]
    assert children
    assert all(run.start is not None and run.start.seed == run.seed for run in children)
    assert len(study.runs) == 2 * len(find("varma/ungrokking")("laptop", 1).runs)


def test_arms_change_fields_together(tmp_path: Path) -> None:
    text = """
    study = "nanda/mainline"
    seeds = [4]
    [grid]
    fraction = [0.4, 0.5]
    [[arm]]
    [[arm]]
    operation = "multiply"
    [[arm]]
    task.operation = "compose"
    task.modulus = 5
    """
    found = [(run.task.operation, run.task.modulus, run.split.fraction) for run in read(written(tmp_path, text)).runs]
    assert found == [
        ("add", 59, 0.4), ("add", 59, 0.5), ("multiply", 59, 0.4), ("multiply", 59, 0.5),
        ("compose", 5, 0.4), ("compose", 5, 0.5),
    ]  # fmt: skip


def test_lists_where_a_field_takes_one(tmp_path: Path) -> None:
    text = 'study = "nanda/mainline"\nseeds = 1\n[set]\nfraction = "null"\n[grid]\nindices = [[0, 5, 7], [1, 2]]'
    assert [run.split.indices for run in read(written(tmp_path, text)).runs] == [(0, 5, 7), (1, 2)]


MISTAKES = {
    "": ["the key study is missing", 'study = "nanda/mainline"'],
    "study =": ["is no TOML", "end of document"],
    'study = "nanda/mainline"\n[set]\nfraction = null': ["is no TOML", "line 3", '"null"'],
    'study = "nanda/mainlin"': ["no study is called 'nanda/mainlin'", "nanda/mainline"],
    'study = "nanda"': ["nanda is a paper, not a study", "nanda/mainline"],
    "study = 3": ["study takes a word in quotes, not 3"],
    'study = "nanda/mainline"\nsede = 3': ["no key is called 'sede'", "seeds"],
    'study = "nanda/mainline"\nweight_decay = 3': ["no key is called 'weight_decay'", "[set] or [grid]"],
    'study = "nanda/mainline"\nscale = "big"': ["'big'", "laptop, paper"],
    'study = "nanda/mainline"\nseeds = 0': ["seeds must be at least 1, not 0"],
    'study = "nanda/mainline"\nseeds = true': ["seeds takes a whole number or a list", "not True"],
    'study = "nanda/mainline"\nseeds = []': ["seeds takes a whole number or a list", "not []"],
    'study = "nanda/mainline"\nseeds = [1, 1]': ["seeds has 1 twice"],
    'study = "nanda/mainline"\nseeds = [-1]': ["seeds", "0 to 2^32 - 1, not -1"],
    'study = "nanda/mainline"\nname = "a b"': ["name takes letters", "'a b'"],
    'study = "nanda/mainline"\nset = 3': ["set takes fields", "[set]", "not 3"],
    'study = "nanda/mainline"\narm = 3': ["arm takes tables", "[[arm]]", "not 3"],
    'study = "nanda/mainline"\n[set]\nwait_decay = 1': ["set: no field is called 'wait_decay'", "weight_decay"],
    'study = "nanda/mainline"\n[set]\nevery = 1': ["set: field 'every' could be any of", "logging.every"],
    'study = "nanda/mainline"\n[set]\nsteps = "many"': ["set.steps takes a whole number, not 'many'"],
    'study = "nanda/mainline"\n[set]\nsteps = 2.5': ["set.steps takes a whole number, not 2.5"],
    'study = "nanda/mainline"\n[set]\nsteps = true': ["set.steps takes a whole number, not True"],
    'study = "nanda/mainline"\n[set]\nsteps = "null"': ["set.steps takes a whole number, not 'null'"],
    'study = "nanda/mainline"\n[set]\nweight_decay = "0.5"': ["set.weight_decay takes a number, not '0.5'"],
    'study = "nanda/mainline"\n[set]\nweight_decay = nan': ["set.weight_decay takes a number, not nan"],
    'study = "nanda/mainline"\n[set]\nweight_decay = 2026-01-01': ["set.weight_decay takes a number"],
    'study = "nanda/mainline"\n[set]\nweight_decay = [1, 2]': ["set.weight_decay takes a number", "under [grid]"],
    'study = "nanda/mainline"\n[set]\nlayer_norm = 1': ["set.layer_norm takes true or false, not 1"],
    'study = "nanda/mainline"\n[set]\nloss = "hinge"': ["set.loss takes one of margin, log_softmax", "'hinge'"],
    'study = "nanda/mainline"\n[set]\nseed = 3': ["set: seeds stand at the top", "seeds = [0, 1, 2]"],
    'study = "nanda/mainline"\n[set]\nfraction = 0.3\nsplit.fraction = 0.4': ["set gives split.fraction twice"],
    'study = "nanda/mainline"\n[grid]\nsteps = 3': ["grid.steps takes a list, such as [3]", "under [set]"],
    'study = "nanda/mainline"\n[grid]\nsteps = []': ["grid.steps is an empty list"],
    'study = "nanda/mainline"\n[grid]\nsteps = [1, "x"]': ["grid.steps takes a whole number, not 'x'"],
    'study = "nanda/mainline"\n[grid]\nweight_decay = [1, 1.0]': ["weight_decay has 1.0 twice"],
    'study = "nanda/mainline"\n[grid]\nfraction = [0.3]\nsplit.fraction = [0.4]': ["twice", "fraction, split.fraction"],
    'study = "nanda/mainline"\n[set]\nsteps = 1\n[grid]\nsteps = [2]': ["steps stands in [set] and in [grid]"],
    'study = "nanda/mainline"\n[[arm]]\nsteps = 1\n[grid]\nsteps = [2]': ["steps stands in [grid] and in [[arm]] 1"],
    'study = "nanda/mainline"\n[[arm]]\n[[arm]]\nsteps = "x"': ["arm 2.steps takes a whole number, not 'x'"],
    'study = "nanda/mainline"\n[[arm]]\nsteps = 1\n[[arm]]\nsteps = 1': ["some of the 10 runs are the same"],
    'study = "nanda/mainline"\n[grid]\nheads = [4, 3]': ["with model.heads = 3", "no multiple of model.heads 3"],
    'study = "nanda/mainline"\n[grid]\nsplit.size = [9]': ["split.size = 9", "exactly one of fraction, size"],
    'study = "nanda/mainline"\n[set]\nfraction = "null"\n[grid]\nsize = [9, 9999]': ["split.size = 9999", "3481 pairs"],
    'study = "nanda/mainline"\n[set]\nmodulus = 54\noperation = "divide"': ["54", "prime"],
    'study = "nanda/weight_decay"\n[set]\nweight_decay = 1': [
        "nanda/weight_decay varies optimiser.weight_decay itself"
    ],
    'study = "nanda/weight_decay"\n[grid]\nweight_decay = [1, 2]': ["varies optimiser.weight_decay itself"],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_file(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, text)
    assert main(["run", "mine.toml", "--out", "there"]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    assert line.startswith("groklab: mine.toml")
    for part in MISTAKES[text]:
        assert part in line
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(gl.Mistake, match=r"there is no file .*none\.toml; give a sweep's TOML file"):
        read(tmp_path / "none.toml")
    with pytest.raises(gl.Mistake, match=r"cannot be read \(Is a directory\)"):
        read(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'study = "\xe4"')
    with pytest.raises(gl.Mistake, match="not written in UTF-8"):
        read(tmp_path / "latin.toml")
    with pytest.raises(gl.Mistake, match=r"name takes letters.*'two words'; the file is called so: add name"):
        read(written(tmp_path, SMALL, "two words.toml"))


def test_a_grid_without_end_is_refused_before_its_runs_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'study = "nanda/mainline"\n[grid]\nsteps = {list(range(1, 2001))}\nweight_decay = {list(range(2000))}'
    with pytest.raises(gl.Mistake, match="the grid has 4,000,000 settings, and a sweep at most 10,000 runs"):
        read(written(tmp_path, text))
    monkeypatch.setattr(crossing, "MOST", 11)
    with pytest.raises(gl.Mistake, match="12 runs are asked for, and a sweep has at most 11"):
        read(small(tmp_path))


def test_options_that_the_file_decides_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small(tmp_path)
    assert main(["run", str(path), "--scale", "laptop", "--set", "steps=3", "--json"]) == 2
    out, err = capsys.readouterr()
    assert f"{path} says itself what is run; leave out --scale, --set" in err
    assert json.loads(out)["error"] in err


def test_reading_needs_nothing_heavy() -> None:
    code = (
        "import sys; from groklab.sweeps import read; print(len(read(sys.argv[1]).runs));"
        "print(sorted({'jax', 'equinox', 'xarray', 'zarr', 'plotly', 'icechunk', 'scipy'} & sys.modules.keys()))"
    )
    path = ROOT / "sweeps" / "semi_grokking.toml"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["200", "[]"]


def test_the_examples_of_the_page_are_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    whole, nothing, arms = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    study = 'study = "nanda/mainline"\nseeds = 1\n'
    assert len(read(written(tmp_path, whole)).runs) == 48
    assert [run.split.size for run in read(written(tmp_path, study + nothing)).runs] == [1500, 1550, 1600]
    assert [run.task.operation for run in read(written(tmp_path, study + arms)).runs] == ["add", "compose"]
    keys = re.findall(r"^\| `\[*(\w+)\]*` \|", page, re.MULTILINE)
    assert sorted(keys) == sorted(KEYS)
    for line in re.findall(r"^groklab: (mine\.toml: .*)$", page, re.MULTILINE):
        (text,) = [text for text, parts in MISTAKES.items() if text and all(part in line for part in parts)]
        with pytest.raises(gl.Mistake) as raised:
            read(written(tmp_path, text))
        assert str(raised.value) == line.replace("mine.toml", str(tmp_path / "mine.toml"))


def test_the_sweeps_of_the_repository_are_what_they_say() -> None:
    found = {path.stem: read(path) for path in (ROOT / "sweeps").glob("*.toml")}
    assert {name: (study.name, study.scale, len(study.runs)) for name, study in found.items()} == {
        "semi_grokking": ("sweeps/semi_grokking", "paper", 200),
        "phase_diagram": ("sweeps/phase_diagram", "laptop", 147),
        "tasks": ("sweeps/tasks", "laptop", 63),
    }
    semi = found["semi_grokking"].runs
    assert sum(run.steps for run in semi) == 6_000_000_000
    sizes = [run.split.size for run in semi[::10]]
    assert sizes == [round(1500 + 550 * place / 19) for place in range(20)]
    assert {run.task.modulus for run in semi} == {113}
    base = find("nanda/mainline")("paper", 1).runs[0]
    changed = {line.partition(":")[0] for line in differences(base, semi[0])}
    assert changed == {
        "split.fraction",
        "split.size",
        "steps",
        "stop.after_grokking",
        "logging.every",
        "checkpoints.every",
        "checkpoints.growth",
    }
