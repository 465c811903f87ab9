"""Which back end trains a batch, that a store says so, and that a batch goes on with the one it was begun with."""

import dataclasses
from pathlib import Path

import pytest

import groklab as gl
from groklab.engines import preparing
from groklab.errors import Mistake
from groklab.measures import built_in
from groklab.studies import Study
from groklab.tasks import Task
from groklab.training import backend as backend_file
from groklab.training.backend import backend, backend_like
from groklab.training.history import DECISIVE

RUN = (
    gl.studies.nanda.mainline("laptop", seeds=1)
    .replace({"modulus": 7, "split.fraction": 0.6, "d_model": 8, "d_mlp": 16, "heads": 2, "steps": 20})
    .runs[0]
)
TASK = Task.of(RUN.task)


def test_the_fused_step_is_taken_where_it_applies_and_says_why_not() -> None:
    assert backend(RUN, TASK).name == "fused"
    other = backend(RUN.replace({"activation": "gelu"}), TASK)
    assert (other.name, other.why) == ("xla", "its neurons are gelu, not relu")
    with pytest.raises(Mistake, match="2 layers"):
        backend(RUN.replace({"layers": 2}), TASK, "fused")


def test_a_batch_goes_on_with_the_back_end_it_was_begun_with(monkeypatch: pytest.MonkeyPatch) -> None:
    assert backend_like(RUN, TASK, "xla").name == "xla"
    assert backend_like(RUN, TASK, "fused").name == "fused"
    monkeypatch.setattr(backend_file, "find_spec", lambda name: None)
    gone = backend_like(RUN, TASK, "fused")
    assert gone.name == "xla"
    assert "not as before" in gone.why
    assert "Numba is not installed" in gone.why


def test_the_store_says_which_back_end_trained_and_how_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = (*DECISIVE, "restricted_loss", "excluded_loss_by_frequency")
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in few))
    record = gl.run(Study(name="test/backend", scale="laptop", runs=(RUN,)), tmp_path / "store")
    (session,) = record.provenance
    assert session["backend"] == "fused"
    assert session["why"]
    assert session["run_steps"] == 20
    assert session["steps_per_second"] > 0
    assert session["versions"]["numba"]
    metrics = record.metrics()
    assert metrics["digest"].values.tolist() == [RUN.digest]
    for name in metrics.variables:
        assert metrics[name].attrs.get("units"), name
        assert metrics[name].attrs.get("description"), name


def test_a_store_without_a_begun_batch_is_shown(tmp_path: Path) -> None:
    """Killed between the manifest and the first batch, a study can still be looked at, and goes on."""
    from groklab.store import Folder, Manifest

    runs = (RUN, dataclasses.replace(RUN, seed=1))
    plain = [run.to_json() for run in runs]
    with Folder(tmp_path / "store", Manifest(study="test/x", scale="laptop", runs=plain, batches={"b": [0, 1]})):
        pass
    record = gl.open(tmp_path / "store")
    assert [row["state"] for row in record.table()] == ["waiting", "waiting"]
    assert record.report(tmp_path / "page.html").stat().st_size > 1000
