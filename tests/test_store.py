"""The store: what is committed comes back exactly, and every mistake is one clear line."""

import json
import subprocess
import sys

import numpy as np
import pytest
import zarr

from groklab.errors import Mistake
from groklab.store import BatchWriter, Folder, Reader, Variable, provenance
from groklab.store.environment import commit_of
from groklab.store.repositories import open_or_create
from stores import FREQUENCY, LOSS, NORM, manifest, segment, small_store


@pytest.fixture
def store(tmp_path):
    return small_store(tmp_path / "out")


def test_a_dataset_has_every_run_at_every_step_with_nan_where_it_was_not_measured(store):
    data = Reader(store).metrics()
    first, second = segment(0, 3, [0, 2]), segment(3, 5, [2])
    want = np.full((3, 5), np.nan, "f4")
    want[[0, 2], :3] = first["measures"]["train_loss"]
    want[2, 3:] = second["measures"]["train_loss"]
    want[1, [0, 4]] = [1, 2]
    assert data.train_loss.dims == ("run", "step")
    assert data.norm.dims == ("run", "step", "frequency")
    assert data.train_loss.dtype == data.norm.dtype == np.float32
    np.testing.assert_array_equal(data.train_loss, want)
    np.testing.assert_array_equal(data.norm[[0, 2], :3], first["measures"]["norm"])
    assert np.isnan(data.norm[1]).all()
    assert data.step.dtype == np.int64
    assert list(data.step.values) == [0, 1, 2, 3, 4]
    assert list(data.run.values) == [0, 1, 2]
    assert list(data.frequency.values) == [1, 2, 3]
    assert data.attrs["study"] == "a/b"
    assert data.attrs["format"] == 1
    assert data.attrs["groklab"]
    assert data.norm.attrs == {"units": "1", "description": "norm by frequency"}
    assert data.train_loss.attrs["units"] == "nat"
    assert list(data.task.values) == ["add", "add", "multiply"]
    assert data.train_loss.sel(run=data.weight_decay == 0.5, step=3).item() == want[2, 3]


def test_other_tools_read_a_batch_with_xarray_alone(store):
    import xarray

    repository = open_or_create(store / "batches" / "x")
    session = repository.readonly_session("main")
    data = xarray.open_zarr(session.store, group="measures", consolidated=False, chunks=None)
    assert data.norm.dims == ("run", "step", "frequency")
    assert list(data.run.values) == [0, 2]
    np.testing.assert_array_equal(data.norm[:, :3], segment(0, 3, [0, 2])["measures"]["norm"])


def test_checkpoints_come_back_leaf_by_leaf_and_only_for_the_runs_that_were_there(store):
    reader = Reader(store)
    assert reader.checkpoint_steps(0) == [2]
    assert reader.checkpoint_steps(2) == [2, 4]
    assert reader.checkpoint_steps(1) == []
    for run, step, row, given in (
        (0, -1, 0, (0, 3, [0, 2])),
        (2, 2, 1, (0, 3, [0, 2])),
        (2, -1, 0, (3, 5, [2])),
    ):
        want = segment(*given)["checkpoints"][given[1] - 1]
        got = reader.checkpoint(run, step)
        assert got.keys() == want.keys()
        for name, leaf in want.items():
            np.testing.assert_array_equal(got[name], leaf[row])
            assert got[name].dtype == leaf.dtype
    with pytest.raises(Mistake, match="at step 3 were not kept; the nearest kept are at 2, 4"):
        reader.checkpoint(2, 3)
    with pytest.raises(Mistake, match="no weights of run 1 are kept yet"):
        reader.checkpoint(1)
    with pytest.raises(Mistake, match="has no run 3; its runs are 0 to 2"):
        reader.checkpoint(3)


def test_the_state_comes_back_exactly_and_replaces_the_one_before(store):
    want = segment(3, 5, [2])
    saved = Reader(store).saved("x")
    assert saved.step == 4
    assert json.dumps(saved.meta) == json.dumps(want["meta"])
    assert saved.arrays.keys() == want["state"].keys()
    for name, array in want["state"].items():
        np.testing.assert_array_equal(saved.arrays[name], array)
        assert (saved.arrays[name].dtype, saved.arrays[name].shape) == (array.dtype, array.shape)
    assert Reader(store).saved("x", arrays=False).arrays == {}
    with Folder(store, manifest()) as folder:
        state = folder.batch("x", [LOSS, NORM], FREQUENCY).state()
    np.testing.assert_array_equal(state.arrays["m/é"], want["state"]["m/é"])


def test_a_measure_added_later_is_nan_before_and_one_dropped_is_nan_after(store):
    late = Variable(name="late", units="1", description="added later")
    with Folder(store, manifest()) as folder:
        writer = folder.batch("x", [late], FREQUENCY)
        given = segment(5, 7, [2]) | {"measures": {"late": np.array([[8, 9]])}}
        writer.commit(**given)
    data = Reader(store).metrics()
    np.testing.assert_array_equal(data.late.sel(run=2), [np.nan] * 5 + [8, 9])
    assert np.isnan(data.train_loss.sel(run=2, step=[5, 6])).all()


def test_chunks_grow_past_one(tmp_path):
    writer = BatchWriter(tmp_path / "b", [0], [LOSS], {})
    values = np.arange(1000, dtype="f4")[None]
    for first in range(0, 1000, 90):
        steps = np.arange(first, min(first + 90, 1000))
        writer.commit(
            step=int(steps[-1]),
            logged_steps=steps,
            measures={"train_loss": values[:, steps]},
            checkpoints={},
            state={},
            meta={},
        )
    root = zarr.open_group(open_or_create(tmp_path / "b").readonly_session("main").store, mode="r")
    np.testing.assert_array_equal(root["measures/train_loss"][...], values)
    np.testing.assert_array_equal(root["measures/step"][...], np.arange(1000))


def test_arrays_that_do_not_fit_are_refused_and_nothing_is_written(store):
    with Folder(store, manifest()) as folder:
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        good = segment(5, 7, [2])
        for wrong in (
            {"logged_steps": np.array([4, 5])},
            {"logged_steps": np.array([6, 5])},
            {"measures": {"other": np.zeros((1, 2))}},
            {"measures": {"norm": np.zeros((1, 2))}},
            {"measures": {"train_loss": np.zeros((2, 2))}},
            {"checkpoints": {6: {"w": np.zeros((2, 2))}}},
            {"runs": [1]},
        ):
            with pytest.raises(ValueError):  # noqa: PT011
                writer.commit(**(good | wrong))
        assert writer.state().step == 4
        writer.commit(**good)
    with pytest.raises(ValueError, match="each of the 3 runs once"):
        manifest(batches={"x": [0, 1]})
    with pytest.raises(ValueError, match="label 'seed' has 1 values for 3 runs"):
        manifest(labels={"seed": [0]})


def test_a_store_of_which_nothing_is_committed_yet_reads_as_empty(tmp_path):
    with Folder(tmp_path / "new", manifest()) as folder:
        reader = Reader(tmp_path / "new")
        assert reader.metrics().sizes == {"run": 3, "step": 0}
        assert reader.saved("x") is None
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        assert writer.state() is None
        assert reader.saved("x") is None
        assert dict(reader.metrics().train_loss.sizes) == {"run": 3, "step": 0}


def test_old_states_leave_the_disk_but_not_under_a_reader(tmp_path):
    rng = np.random.default_rng(0)

    def commit(step):
        state = {"w": rng.normal(size=(1, 50_000))}
        writer.commit(step=step, logged_steps=np.array([step]), measures={}, checkpoints={}, state=state, meta={})

    def size():
        return sum(file.stat().st_size for file in (tmp_path / "b").rglob("*") if file.is_file())

    writer = BatchWriter(tmp_path / "b", [0], [LOSS], {})
    for step in range(6):
        commit(step)
    full = size()
    writer.compact(grace=60)
    assert size() == full
    session = open_or_create(tmp_path / "b").readonly_session("main")
    writer.compact(grace=0)
    assert full * 0.1 < size() < full * 0.25
    commit(6)
    writer.compact(grace=60)
    # The commit that was newest until just now is still whole.
    opened = zarr.open_group(session.store, mode="r")
    assert opened.attrs["step"] == 5
    assert opened["state/w"][...].shape == (1, 50_000)
    writer.compact(grace=0)
    assert writer.state().step == 6
    assert size() < full * 0.25


def test_dead_states_do_not_pile_up_while_a_batch_is_trained(tmp_path, monkeypatch):
    compact = BatchWriter.compact
    monkeypatch.setattr("groklab.store.writer.COMPACTING", 4)
    monkeypatch.setattr(BatchWriter, "compact", lambda self: compact(self, grace=0))
    sizes = []
    with BatchWriter(tmp_path / "b", [0], [LOSS], {}) as writer:
        for step in range(9):
            state = {"w": np.random.default_rng(step).normal(size=(1, 50_000))}
            writer.commit(step=step, logged_steps=np.array([step]), measures={}, checkpoints={}, state=state, meta={})
            sizes.append(sum(file.stat().st_size for file in (tmp_path / "b").rglob("*") if file.is_file()))
        assert writer.state().step == 8
    one = sizes[0]
    assert sizes[2] > 2.5 * one
    assert sizes[3] < 1.5 * one
    assert sizes[6] > 2.5 * one
    assert sizes[7] < 1.5 * one


def test_the_size_of_a_store_like_the_demo(tmp_path):
    """A quarter of it: five runs, 10,750 weights, 60 checkpoints, 20 variables, 15 commits."""
    rng = np.random.default_rng(0)
    runs, leaves = range(5), {f"leaf{k}": (5, 43, 50) for k in range(5)}
    variables = [Variable(name=f"v{k}", units="1", description="") for k in range(20)]
    writer = BatchWriter(tmp_path / "b", runs, variables, {})
    for number in range(15):
        steps = np.arange(number * 10, number * 10 + 10)
        writer.commit(
            step=int(steps[-1]),
            logged_steps=steps,
            measures={v.name: rng.normal(size=(5, 10)) for v in variables},
            checkpoints={
                int(step): {k: rng.normal(size=shape).astype("f4") for k, shape in leaves.items()} for step in steps[:4]
            },
            state={f"{part}.{k}": rng.normal(size=shape).astype("f4") for part in "pmv" for k, shape in leaves.items()},
            meta={},
        )
        writer.compact()
    files = [file for file in (tmp_path / "b").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 23e6
    writer.compact(0)
    files = [file for file in (tmp_path / "b").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 13e6
    assert len(files) < 1200


def test_provenance_names_versions_machine_and_commit(tmp_path):
    found = provenance("a very fast device")
    assert json.loads(json.dumps(found)) == found
    assert found["device"] == "a very fast device"
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["python"] == sys.version.split()[0]
    assert found["cores"] >= 1
    assert found["cpu"]
    assert found["started"].endswith("+00:00")

    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    file = tmp_path / "module.py"
    file.write_text("1")
    assert commit_of(file) is None
    git("init")
    assert commit_of(file) is None
    git("add", "module.py")
    git("commit", "-m", "one")
    clean = commit_of(file)
    assert clean is not None
    assert len(clean["hash"]) == 40
    assert clean["dirty"] is False
    file.write_text("2")
    assert commit_of(file) == clean | {"dirty": True}
