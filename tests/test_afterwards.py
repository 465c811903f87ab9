"""Measures of kept networks: against single networks, under every choice of key frequencies, done once and at once."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import groklab as gl
from groklab import kept_measures
from groklab.engines import completing, preparing
from groklab.engines.earlier import as_stored
from groklab.measures import Labels, Measure, View, built_in, measure
from groklab.measures.spectra import embedding_norm
from groklab.models import TransformerSettings
from groklab.store import Reader
from groklab.studies import Study
from groklab.tasks import SplitSettings, Task, TaskSettings
from groklab.training import OptimiserSettings, Run, Schedule, afterwards, over_networks, trainer
from groklab.training.afterwards import at_once
from groklab.training.over_networks import OverNetworks
from groklab.training.plan import check

LIVE = ("train_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "embedding_norm")
LATER = ("key_share", "shares")


@measure(units="1", needs=("key",), afterwards=True)
def key_share(view: View) -> jax.Array:
    """Share of the key frequencies in the embedding, and a tenth of the train pairs' number."""
    return jnp.sum(view.key * shares.compute(view)) + jnp.sum(view.data.train) / 10


@measure(units="1", dims=("frequency",), needs=("group",), afterwards=True)
def shares(view: View) -> jax.Array:
    """Share of each frequency in the embedding."""
    return embedding_norm.compute(view) ** 2 / jnp.sum(embedding_norm.compute(view) ** 2)


MEASURES = {one.name: one for one in (*built_in(), key_share, shares) if one.name in (*LIVE, *LATER)}
KEPT = [0, 20, 40]


def small(seed: int = 0, **more: Any) -> Run:
    return Run(
        task=TaskSettings(operation="add", modulus=7),
        split=SplitSettings(size=30 + seed),
        model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
        optimiser=OptimiserSettings(learning_rate=1e-2),
        seed=seed,
        steps=40,
        logging=Schedule(every=10, growth=1),
        checkpoints=Schedule(every=20, growth=1),
    ).replace(more)


def study(*runs: Run) -> Study:
    return Study(name="test/afterwards", scale="laptop", runs=runs)


TWO = study(small(0), small(1))
WIDER = small(0, modulus=9, size=40)


@pytest.fixture(autouse=True)
def few_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of the built-in measures, so that little is compiled."""
    for module in (preparing, kept_measures):
        monkeypatch.setattr(module, "built_in", lambda: tuple(MEASURES.values()))


@pytest.fixture(autouse=True, scope="module")
def compile_once() -> Iterator[None]:
    """Studies of one shape share what they compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "measuring", cache(trainer.measuring))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> gl.Record:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "built_in", lambda: tuple(MEASURES.values()))
        return gl.run(TWO, tmp_path_factory.mktemp("afterwards") / "store")


@cache
def alone(measure: Measure, task: Task) -> Callable[..., Any]:
    return jax.jit(lambda model, data, key: measure.compute(View(model, task, data, key)))


def one_network(record: gl.Record, name: str, run: int, step: int, key: Any) -> np.ndarray:
    """A measure of one kept network by itself."""
    split = record.split(run)
    data = Labels(*map(jnp.asarray, (split.labels, split.train_mask, split.test)))
    return np.asarray(alone(MEASURES[name], record.task(run))(record.model(run, step), data, key))


def own_key(record: gl.Record, run: int, step: int) -> np.ndarray:
    model, task = record.model(run, step), record.task(run)
    blank = jnp.zeros(task.pairs, bool)
    return np.asarray(View(model, task, Labels(jnp.asarray(task.answers), blank, blank)).own_key)


def assert_of_single_networks(
    data: xr.Dataset, record: gl.Record, key: Callable[[int, int], Any], steps: list[int] = KEPT
) -> None:
    for name in LATER:
        for run in range(len(record.runs)):
            for step in steps:
                found = data[name].sel(run=run, step=step).values
                wanted = one_network(record, name, run, step, key(run, step))
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg=f"{name} {run} {step}")


def test_they_are_those_of_single_networks_on_the_same_steps_and_nan_between(trained: gl.Record) -> None:
    metrics = trained.metrics()
    assert metrics["step"].values.tolist() == [0, 10, 20, 30, 40]
    final = [own_key(trained, run, 40) for run in (0, 1)]
    np.testing.assert_array_equal(metrics["key_frequency"], final)
    assert metrics["key_frequency"].dims == ("run", "frequency")
    assert_of_single_networks(metrics, trained, lambda run, step: final[run])
    for name in LATER:
        assert metrics[name].dims[:2] == ("run", "step")
        assert metrics[name].sel(step=[10, 30]).isnull().all()
        assert metrics[name].attrs["units"] == "1"
        assert metrics[name].attrs["description"] == MEASURES[name].description
    assert metrics["key_share"].attrs["key_frequencies"] == "final"
    assert "key_frequencies" not in metrics["shares"].attrs
    assert metrics["embedding_norm"].notnull().all()


def test_each_network_may_have_its_own_key_frequencies(tmp_path: Path) -> None:
    record = gl.run(TWO.replace({"key_frequencies": "own"}), tmp_path / "store")
    metrics = record.metrics()
    keys = {(run, step): own_key(record, run, step) for run in (0, 1) for step in KEPT}
    assert metrics["key_frequency"].dims == ("run", "step", "frequency")
    for (run, step), key in keys.items():
        np.testing.assert_array_equal(metrics["key_frequency"].sel(run=run, step=step), key)
    assert metrics["key_share"].attrs["key_frequencies"] == "own"
    assert_of_single_networks(metrics, record, lambda run, step: keys[run, step])


def test_key_frequencies_may_be_given(tmp_path: Path) -> None:
    record = gl.run(TWO.replace({"key_frequencies": "3 1"}), tmp_path / "store")
    metrics = record.metrics()
    np.testing.assert_array_equal(metrics["key_frequency"], [[1, 0, 1]] * 2)
    assert metrics["key_share"].attrs["key_frequencies"] == "3 1"
    assert_of_single_networks(metrics, record, lambda run, step: np.float32([1, 0, 1]))


def test_key_frequencies_of_irreducible_representations() -> None:
    run = small().replace({"operation": "compose", "modulus": 3, "size": 20})
    labels = Task.of(run.task).group.group.frequency_labels  # type: ignore[union-attr]
    check([run.replace({"key_frequencies": " ".join(map(str, labels))})])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"key_frequencies": "2 4 77"}, r"add:7 has no frequency 4, 77; give final, own, or some of 1, 2, 3 with"),
        ({"key_frequencies": "Final"}, r"add:7 has no frequency Final; give final"),
        (
            {"key_frequencies": "2", "operation": "cubic"},
            r"'2': cubic:7 has no group, hence no frequencies; give final",
        ),
    ],
)
def test_frequencies_that_are_not_there_are_refused_before_anything_is_made(
    changes: dict[str, Any], line: str, tmp_path: Path
) -> None:
    with pytest.raises(gl.Mistake, match=line) as caught:
        gl.run(study(small().replace(changes)), tmp_path / "store")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists()


def test_without_a_group_nothing_refers_to_frequencies(tmp_path: Path) -> None:
    record = gl.run(study(small(operation="cubic")), tmp_path / "store")
    assert set(record.metrics().data_vars) == set(LIVE) - {"embedding_norm"}


def test_runs_that_left_early_have_values_up_to_there(tmp_path: Path) -> None:
    runs = (
        small(0, **{"checkpoints.every": 10}),
        small(1, **{"checkpoints.every": 10}).replace({"learning_rate": 1e30}),
    )
    record = gl.run(study(*runs), tmp_path / "store")
    metrics = record.metrics()
    assert record.statuses[1].state == "diverged"
    assert record.steps(1) == [0, 10]
    assert metrics["key_share"].sel(run=1, step=[20, 30, 40]).isnull().all()
    assert metrics["key_share"].sel(run=0).notnull().all()
    np.testing.assert_array_equal(metrics["key_frequency"].sel(run=1), own_key(record, 1, 10))


# Done once, and all at once


def test_they_are_computed_once_and_the_same_again(
    trained: gl.Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("as if killed")

    with monkeypatch.context() as patch:
        patch.setattr(gl.store.BatchWriter, "fill", fail)
        with pytest.raises(RuntimeError, match="killed"):
            gl.run(TWO, tmp_path / "store")
    killed = gl.open(tmp_path / "store")
    assert {status.state for status in killed.statuses} == {"finished"}
    assert not set(LATER) & set(killed.metrics().data_vars)
    assert all("measuring_seconds" not in session for session in killed.provenance)
    ticks: list[gl.engines.Progress] = []
    again = gl.run(TWO, tmp_path / "store", watch=ticks.append)
    assert ticks[-1].doing == "measuring"
    assert ticks[-1].done == ticks[-1].total
    xr.testing.assert_identical(again.metrics(), trained.metrics())
    # What it took stands with the session that went on last, once: nothing is measured where nothing is lacking.
    took = [session.get("measuring_seconds", 0) for session in again.provenance]
    assert took[-1] > 0
    assert sum(map(bool, took)) == len(Reader(tmp_path / "store").manifest.batches)
    monkeypatch.setattr(completing, "evaluate", fail)
    xr.testing.assert_identical(gl.run(TWO, tmp_path / "store").metrics(), trained.metrics())


def test_a_store_made_before_gets_what_it_lacks(
    trained: gl.Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its settings lack a field, and it lacks a measure of the logged steps and all those computed afterwards."""
    earlier = [{k: v for k, v in run.to_json().items() if k != "key_frequencies"} for run in TWO.runs]
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "as_stored", lambda runs, stored: earlier)
        patch.setattr(preparing, "built_in", lambda: tuple(MEASURES[name] for name in LIVE[:-1]))
        gl.run(TWO, tmp_path / "store")
    assert list(Reader(tmp_path / "store").manifest.runs) == earlier
    metrics, wanted = gl.run(TWO, tmp_path / "store").metrics(), trained.metrics()
    for name in (*LATER, *LIVE[:-1], "key_frequency"):
        xr.testing.assert_identical(metrics[name], wanted[name])
    between = wanted["embedding_norm"].where(wanted["step"].isin(KEPT))
    np.testing.assert_allclose(metrics["embedding_norm"], between, rtol=1e-6)
    with pytest.raises(gl.StoreError, match="made with other settings: key_frequencies: absent -> 'own'; choose"):
        gl.run(TWO.replace({"key_frequencies": "own"}), tmp_path / "store")


def test_additions_to_the_settings_are_left_out_wherever_they_stand() -> None:
    child = dataclasses.replace(small(1), start=small(0))
    old = child.to_json()
    del old["key_frequencies"], old["start"]["key_frequencies"], old["start"]["stop"]["after_grokking"]
    assert as_stored([child, small(2)], [old]) == [old, small(2).to_json()]
    changed = dataclasses.replace(child, start=small(5, key_frequencies="own"))
    (stored,) = as_stored([changed], [old])
    assert stored["start"]["key_frequencies"] == "own"
    assert stored["start"]["seed"] == 5
    assert "after_grokking" not in stored["start"]["stop"]
    newer = old | {"kind": "Walk"}
    assert as_stored([child], [newer]) == [child.to_json()]


# Of an existing store


def test_any_measure_of_the_kept_networks(trained: gl.Record) -> None:
    folder = trained.path.local
    assert folder is not None
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    data, metrics = trained.measure(), trained.metrics().sel(step=KEPT)
    assert data["step"].values.tolist() == KEPT
    assert set(data.data_vars) == {*MEASURES, "key_frequency"}
    for name in data.data_vars:
        np.testing.assert_allclose(data[name], metrics[name], rtol=1e-5, atol=1e-6, err_msg=str(name))
        assert data[name].dims == metrics[name].dims
    assert data["key_share"].attrs == metrics["key_share"].attrs
    assert data["seed"].values.tolist() == [0, 1]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_some_runs_some_steps_and_other_key_frequencies(trained: gl.Record) -> None:
    data = trained.measure(["key_share", *LATER], key="2", runs=[-1, 0], steps=[20, -1])
    assert (data["run"].values.tolist(), data["step"].values.tolist()) == ([1, 0], [20, 40])
    assert data["key_share"].attrs["key_frequencies"] == "2"
    assert_of_single_networks(data, trained, lambda run, step: np.float32([0, 1, 0]), [20, 40])
    own = trained.measure("key_share", key="own", steps=[0])
    np.testing.assert_array_equal(own["key_frequency"].sel(run=1, step=0), own_key(trained, 1, 0))


def test_batches_of_other_shapes_are_side_by_side(tmp_path: Path) -> None:
    """Two sizes of a group, and a task without one."""
    runs = (small(0), WIDER.replace({"key_frequencies": "own", "checkpoints.every": 40}), small(0, operation="cubic"))
    record = gl.run(study(*runs), tmp_path / "store")
    assert len(Reader(record.path).manifest.batches) == 3
    metrics = record.metrics()
    assert metrics["key_share"].attrs["key_frequencies"] == "final; own"
    assert metrics["key_share"].sel(run=2).isnull().all()
    data = record.measure([*LATER, "train_loss"])
    assert data["frequency"].values.tolist() == [1, 2, 3, 4]
    assert data["step"].values.tolist() == KEPT
    assert data["shares"].sel(run=0, frequency=4).isnull().all()
    np.testing.assert_array_equal(data["train_loss"].isnull().sum("step"), [0, 1, 0])
    for run, step in ((0, 20), (1, 40)):
        wanted = one_network(record, "key_share", run, step, own_key(record, run, 40))
        np.testing.assert_allclose(data["key_share"].sel(run=run, step=step), wanted, rtol=1e-5)
    with pytest.raises(gl.Mistake, match=r"the measure key_share needs .*; none of the runs asked for has all of it"):
        record.measure("key_share", runs=[2])


def test_what_cannot_be_measured_is_one_line(trained: gl.Record) -> None:
    for line, ask in {
        "no measure is called 'key_shar'; did you mean key_share": lambda: trained.measure("key_shar"),
        "add:7 has no frequency 9; give final": lambda: trained.measure(key="9"),
        "no weights were kept at step 30; the nearest kept are at 0, 20, 40": lambda: trained.measure(steps=[30]),
        "has runs 0 to 1, not 2": lambda: trained.measure(runs=[2]),
        "a measure is a function f": lambda: trained.measure([3]),  # type: ignore[list-item]
    }.items():
        with pytest.raises(gl.Mistake, match=line) as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_portions_change_nothing(trained: gl.Record, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = trained.measure(LATER)
    monkeypatch.setattr(afterwards, "ON_CPU", 4)
    monkeypatch.setattr(afterwards, "BYTES_READ", 1)
    narrow = trained.measure(LATER)
    for name in LATER:
        np.testing.assert_array_equal(wide[name], narrow[name])


def test_an_accelerator_takes_as_many_as_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert 1 < at_once(Run()) < at_once(small()) == afterwards.ON_ACCELERATOR
    monkeypatch.setattr(afterwards, "BYTES", 1)
    assert at_once(small()) == 1


@pytest.mark.parametrize("networks", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("cores", [1, 2, 3])
def test_pieces_give_every_network_once(networks: int, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_networks, "cores", lambda: cores)
    rows = jnp.arange(4.0 * networks).reshape(networks, 4)
    function = OverNetworks(lambda x, y: {"sum": jnp.sum(x * y)})
    pieces = function(rows, rows)
    assert len(pieces.parts) == function.at_once(networks) <= cores
    np.testing.assert_allclose(pieces.get()["sum"], (rows**2).sum(axis=1))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(function(rows, rows).get()["sum"], (rows**2).sum(axis=1))
