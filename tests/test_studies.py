"""Studies are found by their files, cost no heavy import, and can all be trained."""

import subprocess
import sys
from pathlib import Path

import pytest

import groklab
from groklab import studies
from groklab.errors import Mistake
from groklab.studies import catalogue, find, papers
from groklab.training.plan import check

FILES = sorted(
    f"{path.parent.name}/{path.stem}"
    for path in Path(studies.__file__).parent.glob("*/*.py")
    if not path.stem.startswith("_")
)


def test_every_study_file_is_in_the_catalogue_and_under_its_paper() -> None:
    assert "nanda/mainline" in FILES
    assert list(catalogue()) == FILES
    for name in FILES:
        paper, study = name.split("/")
        assert getattr(getattr(groklab.studies, paper), study) is find(name) is catalogue()[name]
        assert find(name).name == name


@pytest.mark.parametrize("name", FILES)
def test_a_study_says_what_it_is(name: str) -> None:
    experiment = find(name)
    assert experiment.summary.endswith((".", "?"))
    assert experiment.source
    assert experiment.paper == name.split("/")[0]
    assert experiment.group in papers()
    assert bool(experiment.claims) == (experiment.analysis is not None)
    assert set(experiment.costs) == {"laptop", "paper"}
    assert all(experiment.costs.values())


def test_every_study_can_be_made_at_both_scales_without_heavy_imports() -> None:
    asked = """
import sys
from groklab.studies import catalogue
from groklab.training.plan import check
for experiment in catalogue().values():
    for scale in ("laptop", "paper"):
        study = experiment(scale, seeds=2)
        assert study.name == experiment.name and study.scale == scale and study.runs
        check(study.runs)
heavy = {"jax", "equinox", "optax", "xarray", "zarr", "icechunk", "plotly"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nanda/mainlin", "no study is called 'nanda/mainlin'; did you mean nanda/mainline"),
        ("mainline", "did you mean nanda/mainline"),
        ("zzzzzz", "no study is called 'zzzzzz'; known: "),
    ],
)
def test_a_misspelt_name_is_answered_with_near_ones(given: str, said: str) -> None:
    with pytest.raises(Mistake) as refused:
        find(given)
    assert said in str(refused.value)


def test_scales_and_seeds_that_are_none() -> None:
    mainline = find("nanda/mainline")
    with pytest.raises(Mistake, match="no scale is called 'big'; known: laptop, paper"):
        mainline("big")
    for seeds in (0, -3):
        with pytest.raises(Mistake, match=f"seeds must be at least 1, not {seeds}"):
            mainline(seeds=seeds)


def test_an_attribute_that_is_no_study() -> None:
    with pytest.raises(AttributeError, match="no study 'mainlin'"):
        _ = groklab.studies.nanda.mainlin  # type: ignore[attr-defined]


def test_fields_are_replaced_in_every_run() -> None:
    study = find("nanda/mainline")("laptop", 3, steps=70, weight_decay=0.5)
    assert len(study.runs) == 3
    assert {(run.steps, run.optimiser.weight_decay) for run in study.runs} == {(70, 0.5)}
    assert study.replace({"split.size": 9, "split.fraction": None}).runs[2].split.size == 9
    with pytest.raises(Mistake, match="no field is called 'stepps'; did you mean steps"):
        find("nanda/mainline")(stepps=3)


def test_the_main_run_at_both_scales() -> None:
    laptop, paper = (find("nanda/mainline")(scale).runs for scale in ("laptop", "paper"))
    assert [run.seed for run in laptop] == [run.seed for run in paper] == [0, 1, 2, 3, 4]
    # Nanda et al. 2023, section 3.
    run = paper[0]
    assert (run.task.operation, run.task.modulus, run.split.fraction) == ("add", 113, 0.3)
    assert (run.model.layers, run.model.d_model, run.model.heads, run.model.d_mlp) == (1, 128, 4, 512)  # type: ignore[union-attr]
    assert (run.optimiser.name, run.optimiser.learning_rate, run.optimiser.weight_decay) == ("adamw", 1e-3, 1)
    assert (run.optimiser.beta1, run.optimiser.beta2, run.batch_size, run.steps) == (0.9, 0.98, None, 40_000)
    check(laptop)
