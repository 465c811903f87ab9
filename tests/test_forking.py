"""When forks are made, as the runs that are not changed say; and a study of forks from its runs to what is shown."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import groklab as gl
from groklab.curves import find_phases
from groklab.engines import forking, preparing
from groklab.engines.forking import forks
from groklab.figures.arms import arms as figure_arms
from groklab.findings.varied import settings_tables
from groklab.measures import built_in
from groklab.models import TransformerSettings, named_parameters
from groklab.models.closed_form import trigonometric_transformer
from groklab.report.labels import labelled
from groklab.studies import Study, find
from groklab.studies.reading import Reading
from groklab.tasks import SplitSettings, Task, TaskSettings
from groklab.training import Batch, Intervention, OptimiserSettings, Run, Schedule, Status

STEPS = np.arange(0, 4001, 50)
NAMES = (
    *("train_loss", "test_loss", "train_accuracy", "test_accuracy"),
    *("sum_of_squares", "excluded_loss", "embedding_norm"),
)


def run_of(at: Any = "circuit formation", seed: int = 0) -> Run:
    task, model = TaskSettings(modulus=13), TransformerSettings(d_model=8, heads=1, d_mlp=18, classes=13)
    return Run(task=task, model=model, seed=seed, intervention=Intervention(change="keys", at=at))


class Made:
    """A record of references whose curves and last networks are made up."""

    def __init__(self, runs: tuple[Run, ...], *, statuses: dict[int, Status] | None = None, groks: bool = True) -> None:
        curves = losses(groks)
        self.runs, self.calls = runs, 0
        self.dataset = xr.Dataset(
            {name: (("run", "step"), np.stack([values] * len(runs))) for name, values in curves.items()},
            {"run": np.arange(len(runs)), "step": STEPS},
        )
        done = Status(state="finished", step=4000, sentence="done")
        self.statuses = tuple((statuses or {}).get(number, done) for number in range(len(runs)))

    def metrics(self) -> xr.Dataset:
        self.calls += 1
        return self.dataset

    def task(self, run: int) -> Task:
        return Task.of(self.runs[run].task)

    def model(self, run: int, step: int) -> Any:
        assert step == -1
        return trigonometric_transformer(13, {2: 3.0, 5: 3.0}, phases=9)


def losses(groks: bool = True) -> dict[str, np.ndarray]:
    """Excluded loss is least at step 500; the test loss falls from about 2,000 on, or never."""
    fall = 1 / (1 + np.exp(-(STEPS - 2400) / 80)) if groks else 0.0 * STEPS
    return {
        "train_loss": 4 * np.exp(-STEPS / 60) + 1e-7,
        "test_loss": np.exp(np.log(8) * (1 - fall) + np.log(1e-5) * fall),
        "excluded_loss": 4 * np.exp(-STEPS / 80) + 0.01 + 5 / (1 + np.exp(-(STEPS - 900) / 60)),
    }


def made(record: Any, *runs: Run) -> list[Any]:
    return forks(Batch(name="test", members=(), runs=runs), record, record.runs)


def test_midway_is_the_logged_step_nearest_to_the_middle_of_circuit_formation() -> None:
    run = run_of()
    reference = run.reference
    assert reference is not None
    record = Made((reference, run))
    (fork, nothing) = made(record, run, reference)
    phase = find_phases(STEPS, **losses()).circuit_formation
    assert phase.begin is not None
    assert phase.end is not None
    middle = (phase.begin.step + phase.end.step) / 2
    assert phase.begin.step < fork.step < phase.end.step
    assert fork.step in STEPS
    assert abs(fork.step - middle) <= 25
    assert np.flatnonzero(fork.key).tolist() == [1, 4]
    assert nothing is None


def test_a_number_is_that_step() -> None:
    run = run_of(at=123)
    assert run.reference is not None
    (fork,) = made(Made((run.reference,)), run)
    assert fork.step == 123
    assert np.flatnonzero(fork.key).tolist() == [1, 4]


def test_a_run_that_was_changed_at_another_step_is_not_resumed() -> None:
    run = run_of(at=123)
    assert run.reference is not None

    def resumed(changed: int | None) -> Any:
        status = Status(state="running", step=2000, sentence="goes on", changed=changed)
        return made(Made((run.reference, run), statuses={1: status}), run)[0].step  # type: ignore[arg-type]

    assert resumed(None) == resumed(123) == 123
    with pytest.raises(gl.Mistake, match=r"was changed at step 150, and its reference now gives step 123: it cannot"):
        resumed(150)


def test_without_interventions_nothing_is_read() -> None:
    record = Made((Run(),))
    assert made(record, Run(), Run(seed=2)) == [None, None]
    assert record.calls == 0


@pytest.mark.parametrize(
    ("at", "record", "reason"),
    [
        ("circuit formation", {"groks": False}, "no circuit formation: the test loss did not end below its highest"),
        ("circuit formation", {"statuses": {0: Status(state="diverged", step=7, sentence="diverged at step 7")}},
         "the run without the change diverged at step 7"),
        (500, {"statuses": {0: Status(state="finished", step=500, sentence="done")}}, "ended at step 500 already"),
    ],
)  # fmt: skip
def test_where_there_is_no_such_step_it_says_why(at: Any, record: dict[str, Any], reason: str) -> None:
    run = run_of(at=at)
    assert run.reference is not None
    (fork,) = made(Made((run.reference,), **record), run)
    assert fork.step is None
    assert reason in fork.reason


def test_without_key_frequencies_there_is_nothing_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = run_of()
    decay = dataclasses.replace(keys, intervention=Intervention(change="decay"))
    assert keys.reference is not None
    record = Made((keys.reference,))
    monkeypatch.setattr(forking, "_key", lambda record, run: np.zeros(6, np.float32))
    found = made(record, keys, decay)
    assert found[0].reason == "the last network of the run without the change has no key frequencies"
    assert [fork.step is None for fork in found] == [True, False]


def test_without_an_excluded_loss_the_phase_cannot_be_told() -> None:
    run = run_of()
    assert run.reference is not None
    record = Made((run.reference,))
    record.dataset = record.dataset.drop_vars("excluded_loss")
    (fork,) = made(record, run)
    assert fork.step is None
    assert "cannot be told where train_loss, test_loss, excluded_loss are not measured" in fork.reason


ARMS = (Intervention(change="decay", at=20), Intervention(change="keys", factor=2.0, at=20))


def tiny(**more: Any) -> Study:
    run = Run(
        task=TaskSettings(operation="add", modulus=7),
        split=SplitSettings(size=30),
        model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
        optimiser=OptimiserSettings(learning_rate=1e-2),
        steps=40,
        logging=Schedule(every=10, growth=1),
        checkpoints=Schedule(every=10, growth=1),
    )
    never = dataclasses.replace(run, intervention=Intervention(change="keys"))
    runs = (*(dataclasses.replace(run, intervention=arm) for arm in ARMS), never)
    return Study(name="test/forks", scale="laptop", runs=runs).replace(more)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> gl.Record:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in NAMES))
        patch.setattr(forking, "_key", lambda record, run: np.array([0, 1, 0], np.float32))
        return gl.run(tiny(), tmp_path_factory.mktemp("forks") / "store")


def test_a_study_of_forks_is_trained_with_its_reference(trained: gl.Record) -> None:
    assert [run.intervention for run in trained.runs] == [None, *ARMS, Intervention(change="keys")]
    loss = trained.metrics()["train_loss"].values
    np.testing.assert_array_equal(loss[1:3, :2], loss[[0, 0], :2])
    assert loss[1, 2] == loss[0, 2] != loss[2, 2]
    assert len(set(loss[:3, -1].tolist())) == 3
    assert [status.changed for status in trained.statuses] == [None, 20, 20, None]
    assert trained.statuses[1].sentence.startswith("weight decay off at step 20; ")
    never = trained.statuses[3]
    assert never.sentence.startswith("not forked, so not trained (key frequencies of the embedding removed): the run ")
    assert never.step == 0
    assert never.ended
    for name, leaf in named_parameters(trained.model(0, 10)).items():
        np.testing.assert_array_equal(np.asarray(named_parameters(trained.model(2, 10))[name]), np.asarray(leaf))


def test_it_is_not_trained_again(trained: gl.Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in NAMES))
    before = len(trained.provenance)
    assert len(gl.run(tiny(), trained.path).provenance) == before


def test_what_is_shown_names_the_change(trained: gl.Record, tmp_path: Path) -> None:
    said = [row["status"] for row in trained.table()]
    assert said[2].startswith("key frequencies of the embedding times 2 at step 20; ")
    arms = labelled(trained)["arm"].values.tolist()
    assert len(set(arms)) == 4
    assert "weight decay off at step 20" in arms[1]
    assert "key frequencies of the embedding times 2 at step 20" in arms[2]
    reading = Reading(trained)
    drawn = figure_arms(reading, np.ones(4, bool))
    assert {name: runs.tolist() for name, runs in drawn.items() if runs[0] == 2} == {
        "key frequencies of the embedding times 2 at step 20": [2]
    }
    page = trained.report(tmp_path / "page.html").read_text()
    assert "key frequencies of the embedding times 2 at step 20; " in page
    assert "not forked, so not trained (key frequencies of the embedding removed)" in page
    varied, common = settings_tables({"laptop": trained.runs})
    words = {row[0]: row[1] for row in (*varied, *common)}
    assert words["`intervention.change`"] == "decay, keys (3 of 4 runs)"
    alone, same = settings_tables({"laptop": trained.runs[:1]})
    assert not any("intervention" in row[0] for row in (*alone, *same))


def test_the_study_of_explanations_goes_from_its_runs_to_its_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a size at which nothing groks: no run is forked, and every claim says that it was not tested."""
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in NAMES))
    small = {"modulus": 7, "d_model": 8, "d_mlp": 16, "heads": 2, "steps": 40, "logging.every": 10}
    study = find("forum/explanations")(seeds=1).replace({**small, "checkpoints.every": 20})
    record = gl.run(study, tmp_path / "store")
    assert [status.changed for status in record.statuses] == [None] * len(record.runs)
    assert all("no circuit formation" in status.sentence for status in record.statuses[1:])
    rounds = record.derived()
    assert rounds["network"].values.tolist() == [0]
    assert 0 < float(rounds["share"][0]) < 1
    kept = gl.open(record.keep(tmp_path / "kept.zip"))
    for one in (record, kept):
        analysis = one.analysis()
        assert {found.verdict for found in analysis.findings} == {"not tested at this scale"}
        assert {found.claim for found in analysis.findings} == set(find("forum/explanations").claims)
        assert "1 were not forked" in analysis.remarks[0]


def test_settings_that_are_given_hold_for_the_reference_too() -> None:
    study = tiny(weight_decay=0.25)
    assert all(run.reference is not None and run.reference.optimiser.weight_decay == 0.25 for run in study.runs)


def test_a_status_of_before_is_read_as_one_without_a_change() -> None:
    plain = {"state": "finished", "step": 3, "sentence": "done"}
    assert Status(**json.loads(json.dumps(plain))).changed is None  # type: ignore[arg-type]
