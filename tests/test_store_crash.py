"""A writer killed at any moment loses nothing that was committed, and readers beside it never notice."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from groklab.errors import StoreError
from groklab.store import Folder, Manifest, Reader, Variable

LAST = 60
RUNS = [0, 1]
VARIABLES = [
    Variable(name="loss", units="nat", description="a loss"),
    Variable(name="spectrum", dims=("frequency",), units="1", description="a spectrum"),
]
MANIFEST = Manifest(study="a/b", scale="laptop", runs=[{"seed": 0}, {"seed": 1}], batches={"x": RUNS})


def write(path, last):
    """Commits segments of two steps up to `last`, going on from what is there; the state is a hash."""
    with Folder(path, MANIFEST) as folder:
        writer = folder.batch("x", VARIABLES, {"frequency": np.arange(3)})
        saved = writer.state()
        step = saved.step if saved else 0
        state = saved.arrays["state"] if saved else np.arange(2000, dtype=np.uint64)
        print("started", flush=True)
        while step < last:
            state = state * np.uint64(6364136223846793005) + np.uint64(step)
            values = (state[:16] >> np.uint64(40)).astype("f4")
            step += 2
            writer.commit(
                step=step,
                logged_steps=np.array([step - 1, step]),
                measures={"loss": values[:4].reshape(2, 2), "spectrum": values[:12].reshape(2, 2, 3)},
                checkpoints={step: {"w": values.reshape(2, 8)}} if step % 6 == 0 else {},
                state={"state": state},
                meta={"step": step, "first": float(values[0])},
            )
            print("committed", flush=True)
            if step % 8 == 0:
                writer.compact(grace=0.2)


def everything(path):
    reader = Reader(path)
    kept = {(run, step): reader.checkpoint(run, step)["w"] for run in RUNS for step in reader.checkpoint_steps(run)}
    return reader.metrics(), kept, reader.saved("x")


def whole(path):
    """The step a store is at, once everything in it is found to belong to that step."""
    data, kept, saved = everything(path)
    step = saved.step if saved else 0
    assert list(data.step.values) == list(range(1, step + 1))
    assert [at for run, at in kept if run == 0] == list(range(6, step + 1, 6))
    if saved:
        assert saved.meta["step"] == step
        assert data.loss[0, -2].item() == saved.meta["first"]
        assert int(saved.arrays["state"][0] >> np.uint64(40)) == saved.meta["first"]
    return step


def writer_process(path, last=LAST):
    return subprocess.Popen(
        [sys.executable, __file__, str(path), str(last)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_killed_at_any_moment_it_goes_on_to_the_same_dataset(tmp_path, capsys):
    write(tmp_path / "calm", LAST)
    capsys.readouterr()
    rng = random.Random(0)
    path, reached = tmp_path / "killed", []
    for kill in range(9):
        with writer_process(path) as process:
            # The first kills fall while the store itself is being made, the others among and within commits.
            # The first line says that it began, each other one a commit: however slow they are, some are made.
            for _ in range(rng.randint(2, 4) if kill >= 3 else 0):
                process.stdout.readline()
            deadline = time.monotonic() + rng.uniform(0.02, 0.25)
            while kill < 3 and not path.exists() and process.poll() is None:
                time.sleep(0.001)
                deadline = time.monotonic() + rng.uniform(0, 0.05)
            time.sleep(max(0, deadline - time.monotonic()))
            process.kill()
        try:
            reached.append(whole(path))
        except StoreError as error:
            # Killed before the manifest was written there is no store yet, and nothing else may be wrong.
            assert "is not a groklab store" in str(error) and not reached  # noqa: PT017, PT018
    assert reached == sorted(reached)
    assert len(set(reached)) > 3, reached
    with writer_process(path) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    calm, killed = everything(tmp_path / "calm"), everything(path)
    assert calm[0].identical(killed[0])
    np.testing.assert_equal(killed[1], calm[1])
    assert (killed[2].step, killed[2].meta) == (calm[2].step, calm[2].meta)
    np.testing.assert_array_equal(killed[2].arrays["state"], calm[2].arrays["state"])
    with Folder(path, MANIFEST) as folder:
        folder.batch("x", VARIABLES, {"frequency": np.arange(3)})
    assert not list(path.rglob("*#*"))


def test_readers_see_whole_commits_while_a_writer_commits_and_compacts(tmp_path):
    path = tmp_path / "busy"
    with writer_process(path, last=120) as process:
        process.stdout.readline()
        seen = []
        while process.poll() is None:
            reader = Reader(path)
            data, saved = reader.metrics(), reader.saved("x")
            steps = list(data.step.values)
            assert steps == list(range(1, len(steps) + 1))
            assert not data.loss.isnull().any()
            seen.append(len(steps))
            for step in reader.checkpoint_steps(1)[-1:]:
                assert np.isfinite(reader.checkpoint(1, step)["w"]).all()
            assert saved is None or int(saved.arrays["state"][0] >> np.uint64(40)) == saved.meta["first"]
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def test_what_is_compacted_away_while_it_is_read_is_read_anew(tmp_path):
    from groklab.store import repositories

    path = tmp_path / "out"
    write(path, 10)
    times = []

    def reading(root):
        if not times:
            with Folder(path, MANIFEST) as folder:
                writer = folder.batch("x", VARIABLES, {"frequency": np.arange(3)})
                state = {"state": np.random.default_rng(0).random(2000)}
                given = {"logged_steps": np.array([]), "measures": {}, "checkpoints": {}, "state": state}
                writer.commit(step=11, meta={}, **given)
                writer.compact(grace=0)
        times.append(1)
        return root["state/state"][...]

    found = repositories.read(path, "batches/x", reading)
    assert len(times) == 2
    np.testing.assert_array_equal(found, np.random.default_rng(0).random(2000))
    for file in (path / "batches" / "x" / "chunks").iterdir():
        file.unlink()
    with pytest.raises(StoreError, match="is damaged"):
        repositories.read(path, "batches/x", reading)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
