"""Stores that are damaged, in use, of other settings or on a full disk: one clear line, and nothing lost."""

import errno
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

from groklab.errors import StoreError
from groklab.store import Folder, Reader
from groklab.store.place import Place
from groklab.store.repositories import open_or_create
from stores import FREQUENCY, LOSS, NORM, manifest, segment, small_store


@pytest.fixture
def store(tmp_path):
    return small_store(tmp_path / "out")


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
    for opened in (Reader, lambda url: Folder(url, manifest())):
        with pytest.raises(StoreError, match="gs:// are not supported; give a local folder, or s3://BUCKET/PREFIX"):
            opened("gs://bucket/key")
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
    files = [
        file.relative_to(store)
        for file in store.rglob("*")
        if file.is_file() and file.suffix != ".lock" and file.name != ".lock"
    ]
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
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


PRELUDE = (
    "import os, sys; sys.path.insert(0, os.environ['TESTS']); from groklab.errors import StoreError; "
    "from groklab.store import Folder, Reader; from stores import *; path = sys.argv[1]"
)


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

    path, kept = Place.of("out"), "everything up to step 5 is kept"
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
