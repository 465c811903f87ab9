"""The store: what is committed comes back exactly, and every mistake is one clear line."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import zarr

from groklab.errors import Mistake, StoreError
from groklab.store import BatchWriter, Folder, Manifest, Reader, Variable, provenance
from groklab.store.environment import commit_of
from groklab.store.repositories import open_or_create, storage_at

LOSS = Variable(name="train_loss", units="nat", description="mean cross-entropy on the training set")
NORM = Variable(name="norm", dims=("frequency",), units="1", description="norm by frequency")
FREQUENCY = {"frequency": np.arange(1, 4)}


def manifest(**changes):
    runs = [{"optimiser": {"weight_decay": 1.0}, "seed": seed} for seed in range(3)]
    given = {"study": "a/b", "scale": "laptop", "runs": runs, "batches": {"x": [0, 2], "y": [1]}}
    labels = {"seed": [0, 1, 2], "task": ["add", "add", "multiply"], "weight_decay": [1.0, 1.0, 0.5]}
    return Manifest(**({**given, "labels": labels} | changes))


def segment(first, last, runs, seed=0):
    """Arguments of a commit of the steps first..last for some runs, and random content."""
    rng = np.random.default_rng([seed, first, *runs])
    steps = np.arange(first, last)
    weights = {".w['a/b']": rng.normal(size=(len(runs), 4, 5)).astype("f4"), "b": np.ones(len(runs), "f4")}
    return {
        "step": last - 1,
        "logged_steps": steps,
        "measures": {
            "train_loss": rng.normal(size=(len(runs), len(steps))).astype("f4"),
            "norm": rng.normal(size=(len(runs), len(steps), 3)).astype("f4"),
        },
        "checkpoints": {last - 1: weights},
        "state": {"m/é": rng.normal(size=(len(runs), 7)), "count": np.uint32(last), "none": np.zeros((0, 2))},
        "meta": {"status": ["running"] * len(runs), "seconds": 0.1 + 0.2, "zeta": {"b": None, "a": 1e-300}},
        "runs": list(runs),
    }


@pytest.fixture
def store(tmp_path):
    """A small finished store with one batch of two runs, of which one leaves early, and one of one run."""
    path = tmp_path / "out"
    with Folder(path, manifest()) as folder:
        x = folder.batch("x", [LOSS, NORM], FREQUENCY)
        x.commit(**segment(0, 3, [0, 2]))
        x.commit(**segment(3, 5, [2]))
        folder.batch("y", [LOSS], {}).commit(
            step=4,
            logged_steps=np.array([0, 4]),
            measures={"train_loss": np.array([[1, 2]])},
            checkpoints={},
            state={},
            meta={},
        )
    return path


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


def test_other_settings_are_refused_with_the_differences(store):
    runs = [{"optimiser": {"weight_decay": 2.0}, "seed": seed + (seed == 1)} for seed in range(3)]
    with pytest.raises(StoreError) as caught:
        Folder(store, manifest(runs=runs, scale="paper"))
    text = str(caught.value)
    assert "\n" not in text
    assert "scale: laptop -> paper" in text
    assert "optimiser.weight_decay: 1.0 -> 2.0;" in text
    assert "seed: 1 -> 2 (run 1)" in text
    assert "another --out" in text
    many = [{f"field{k}": 0 for k in range(20)}] * 3
    with pytest.raises(StoreError, match=r"field0: absent -> 0; .*; and 16 more"):
        Folder(store, manifest(runs=many))
    with pytest.raises(StoreError, match="number of runs: 3 -> 1"):
        Folder(store, manifest(runs=[{}], batches={"x": [0]}, labels={}))
    with Folder(store, manifest(batches={"z": [0, 1, 2]}, labels={})) as folder:
        assert folder.manifest.batches == {"x": [0, 2], "y": [1]}


def test_a_second_writer_is_refused_and_the_lock_ends_with_its_holder(store):
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_store import *
folder = Folder({str(store)!r}, manifest())
print("holds", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"holds\n"
        with pytest.raises(StoreError, match=f"is being written by process {holder.pid}; .*another --out"):
            Folder(store, manifest())
        assert Reader(store).metrics().sizes["run"] == 3
        holder.kill()
        holder.wait()
    with Folder(store, manifest()), pytest.raises(StoreError, match=f"by process {os.getpid()}"):
        Folder(store, manifest())
    Folder(store, manifest()).close()


def test_places_that_are_no_store(store, tmp_path):
    with pytest.raises(StoreError, match=r"there is no folder .*nowhere"):
        Reader(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for name in ("empty", "other", "file"):
        with pytest.raises(StoreError, match=f"{name} is not a groklab store"):
            Reader(tmp_path / name)
    with pytest.raises(StoreError, match="holds other files and no groklab store"):
        Folder(tmp_path / "other", manifest())
    for place in ("file", "file/inside"):
        with pytest.raises(StoreError, match=r"file.* cannot be used \((File exists|Not a directory)\)"):
            Folder(tmp_path / place, manifest())
    with pytest.raises(StoreError, match="s3:// are not supported"):
        storage_at("s3://bucket/key")
    with pytest.raises(StoreError, match="s3:// are not supported"):
        Reader("s3://bucket/key")
    Folder(tmp_path / "empty", manifest()).close()
    foreign = open_or_create(tmp_path / "foreign" / "study").writable_session("main")
    zarr.create_group(foreign.store)
    foreign.commit("somebody else's")
    with pytest.raises(StoreError, match="foreign is not a groklab store"):
        Reader(tmp_path / "foreign")


def test_a_newer_format_is_named(tmp_path):
    session = open_or_create(tmp_path / "new" / "study").writable_session("main")
    zarr.create_group(session.store, attributes=manifest().to_json() | {"format": 2, "unheard": 1})
    session.commit("from the future")
    for opened in (lambda: Reader(tmp_path / "new"), lambda: Folder(tmp_path / "new", manifest())):
        with pytest.raises(StoreError, match="this store has format 2, this groklab reads up to 1; install a newer"):
            opened()


def use(path):
    """Reads all there is in a store, then writes to it."""
    reader = Reader(path)
    data = reader.metrics()
    kept = {run: reader.checkpoint(run) for run in (0, 2)}
    saved = reader.saved("x")
    with Folder(path, manifest()) as folder:
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        writer.commit(**segment(5, 7, [2]))
        writer.compact(0)
    return data, kept, saved


def test_a_damaged_store_is_said_to_be_damaged_and_never_gives_wrong_numbers(store, tmp_path):
    """Every second file of a store in turn removed, cut short, emptied, or with one byte changed.

    A changed byte in one of Icechunk's manifests, which have no checksum, may also hide a chunk: not tried.
    """
    files = [file.relative_to(store) for file in store.rglob("*") if file.is_file() and file.name != ".lock"]
    shutil.copytree(store, tmp_path / "whole")
    data, kept, saved = use(tmp_path / "whole")
    texts = []
    damages = (lambda raw: None, lambda raw: raw[: len(raw) // 2], lambda raw: b"", flipped)
    for number, file in enumerate(sorted(files)[::2]):
        damage = damages[number % (3 if file.parent.name == "manifests" else 4)]
        copy = tmp_path / "copy"
        shutil.copytree(store, copy)
        raw = damage((copy / file).read_bytes())
        (copy / file).unlink()
        if raw is not None:
            (copy / file).write_bytes(raw)
        try:
            again = use(copy)
        except StoreError as error:
            texts.append(str(error))
        else:
            assert data.identical(again[0])
            np.testing.assert_equal(again[1], kept)
            np.testing.assert_equal(again[2].arrays, saved.arrays)
        shutil.rmtree(copy)
    assert len(texts) > len(files) // 8
    for text in texts:
        assert re.fullmatch(rf".*{re.escape(str(copy))}.* (is damaged|is not a groklab store).*", text)


def flipped(raw):
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 0x55]) + raw[middle + 1 :]


def test_a_state_that_is_not_the_one_written_is_never_resumed_from(store):
    session = open_or_create(store / "batches" / "x").writable_session("main")
    root = zarr.open_group(session.store, mode="r+")
    root["state/count"][...] = 0
    session.commit("tampered")
    with pytest.raises(StoreError, match=r"is damaged .the training state does not match its checksum"):
        Reader(store).saved("x")


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


def in_namespace(script, tmp_path):
    """Runs a shell script in a mount namespace of its own; skips where that is not permitted."""
    (tmp_path / "mount").mkdir()
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "probe", str(tmp_path / "mount")], check=False)
    if probe.returncode:
        pytest.skip("mounting is not permitted here, so a full or read-only file system cannot be tried")
    place = {"MOUNT": str(tmp_path / "mount"), "TESTS": str(Path(__file__).parent), "PYTHON": sys.executable}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-ec", script],
        env=os.environ | place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.strip()


PRELUDE = "import os, sys; sys.path.insert(0, os.environ['TESTS']); from test_store import *; path = sys.argv[1]"


def test_no_space_left_names_what_is_kept_and_goes_on_once_there_is_room(tmp_path):
    script = f"""
mount -t tmpfs -o size=2m full "$MOUNT"
cat > "$MOUNT.py" <<'END'
{PRELUDE}
try:
    with Folder(path, manifest()) as folder:
        writer = folder.batch("x", [LOSS, NORM], FREQUENCY)
        start = writer.state().step + 1 if writer.state() else 0
        for step in range(start, 20):
            rng = np.random.default_rng(step)
            writer.commit(**segment(step, step + 1, [0, 2]) | {{"state": {{"w": rng.normal(size=60000)}}}})
        print("done")
except StoreError as error:
    print(Reader(path).saved("x").step, error)
END
"$PYTHON" "$MOUNT.py" "$MOUNT/out"
mount -o remount,size=60m "$MOUNT"
"$PYTHON" "$MOUNT.py" "$MOUNT/out"
"""
    first, second = in_namespace(script, tmp_path).splitlines()
    step, text = first.split(" ", 1)
    assert int(step) > 0
    assert text.startswith("no space left on ")
    assert text.endswith(f"free some and run the same command again: everything up to step {step} is kept")
    assert second == "done"


def test_a_full_disk_from_the_start(tmp_path):
    script = f"""
mount -t tmpfs -o size=16k full "$MOUNT"
head -c 16384 /dev/zero > "$MOUNT/filler" 2> "$MOUNT.log" || true
"$PYTHON" -c "{PRELUDE}
try: Folder(path, manifest())
except StoreError as error: print(error)" "$MOUNT/out"
"""
    assert "no space left on" in in_namespace(script, tmp_path)


def test_a_read_only_store_is_read_and_not_written(tmp_path):
    script = f"""
mount -t tmpfs full "$MOUNT"
"$PYTHON" -c "{PRELUDE}
with Folder(path, manifest()) as folder:
    folder.batch('x', [LOSS, NORM], FREQUENCY).commit(**segment(0, 3, [0, 2]))
" "$MOUNT/out"
mount -o remount,ro "$MOUNT"
"$PYTHON" -c "{PRELUDE}
print(Reader(path).metrics().sizes['step'])
for place in (path, path + '2'):
    try: Folder(place, manifest())
    except StoreError as error: print(error)" "$MOUNT/out"
"""
    read, written, fresh = in_namespace(script, tmp_path).splitlines()
    assert read == "3"
    for text in (written, fresh):
        assert "no permission for" in text
        assert "Read-only file system" in text


def test_no_permission(store):
    code = f"""{PRELUDE}
Reader(path).metrics()
if os.getuid() == 0:
    # Permission bits do not bind the superuser.
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for place in (path, path + "/new"):
    try: Folder(place, manifest())
    except StoreError as error: print(error)
print(Reader(path).metrics().sizes["step"])
"""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(store, Path(place) / "out"))
        folders = [copy, *(folder for folder in copy.rglob("*") if folder.is_dir())]
        Path(place).chmod(0o755)
        for folder in folders:
            folder.chmod(0o555)
        (copy / ".lock").chmod(0o444)
        try:
            done = subprocess.run(
                [sys.executable, "-c", code, str(copy)],
                env=os.environ | {"TESTS": str(Path(__file__).parent)},
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            for folder in folders:
                folder.chmod(0o755)
    assert done.stderr == ""
    *refused, read = done.stdout.splitlines()
    assert len(refused) == 2
    assert all("no permission for" in line and "Permission denied" in line for line in refused)
    assert read == "5"


def test_what_the_system_answers_in_words():
    from icechunk import ConflictError, IcechunkError

    from groklab.store.failures import explanation

    path, kept = Path("out"), "everything up to step 5 is kept"
    quota = explanation(OSError(errno.EDQUOT, "Disk quota exceeded"), path, kept)
    assert quota == f"no space left on out; free some and run the same command again: {kept}"
    text = "  x cannot write: Input/output error (os error 5)\n  | context:\n"
    assert "out cannot be used (Input/output error)" in explanation(IcechunkError(text), path, kept)
    assert "another process wrote" in explanation(ConflictError("a", "b"), path, kept)
    assert "is damaged (KeyError)" in explanation(KeyError(), path, kept)


def test_nothing_is_printed_and_help_stays_cheap(store):
    code = f"""
import sys, groklab.store
assert not {{"icechunk", "zarr", "xarray", "numpy"}} & set(sys.modules)
groklab.store.provenance()
assert not {{"icechunk", "zarr", "xarray", "jax", "numpy"}} & set(sys.modules)
groklab.store.Reader({str(store)!r}).saved("x")
assert not {{"xarray", "jax"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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
