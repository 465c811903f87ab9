"""Studies on a Ray cluster whose workers, machines, supervisor and drivers are killed: the dataset is the same."""

import os
import random
import re
import resource
import signal
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import ray
import xarray as xr

import derived_study
import groklab as gl
from event_files import assert_shown
from everything import assert_same, everything
from few_measures import take_few
from groklab.engines import preparing
from groklab.engines.cluster import machines as found_on
from groklab.engines.cluster.connection import connected
from groklab.engines.cluster.machines import machines, must_be_fit
from groklab.engines.standing import committed, ended
from groklab.store import Reader, begun
from groklab.store.place import Place
from groklab.store.repositories import open_or_create
from groklab.studies import Study, catalogue
from object_storage import Storage, proxied
from ray_cluster import Cluster, gone, two_workers, until
from ray_studies import DERIVED, DERIVING, ONE, OPTIONS, STUDY, TINY, small


@pytest.fixture(autouse=True, scope="module")
def measured_less() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "built_in", preparing.built_in)
        take_few()
        yield


@pytest.fixture(scope="module")
def bucket(moto_port: int) -> Iterator[Storage]:
    with proxied(moto_port, "clustered") as found:
        yield found


@pytest.fixture(scope="module")
def cluster(bucket: Storage) -> Iterator[Cluster]:
    """Its machines know by their environment how to get to the bucket, as pods do."""
    with pytest.MonkeyPatch.context() as patch:
        bucket.known(patch)
        with two_workers() as found:
            yield found


def undisturbed(study: Study, folder: Path) -> dict[str, np.ndarray]:
    """What the same study leaves that this process trains alone."""
    gl.run(study, folder, measures=OPTIONS["measures"])
    return everything(folder)


def going_on(folder: Path) -> dict[str, int]:
    """The batches that have a commit and have not ended, with their last step."""
    if not begun(folder):
        return {}
    reader = Reader(folder)
    steps = {name: committed(reader, name) for name in reader.manifest.batches}
    return {name: step for name, step in steps.items() if step > 0 and not ended(reader, name)}


def victim(cluster: Cluster, folder: Path, spared: set[str]) -> tuple[int, str] | None:
    """A process that trains, after its batch has committed something, and its batch; one not spared."""
    training = [(process, batch) for process, batch in cluster.training().items() if batch not in spared]
    found = [one for one in training if begun(folder) and committed(Reader(folder), one[1]) > 0]
    return random.Random(len(spared)).choice(found) if found else None


def beginner(cluster: Cluster, folder: Path, spared: set[str]) -> tuple[int, str] | None:
    """A process that has opened its batch and committed nothing yet, and its batch; one not spared."""
    for process, batch in cluster.training().items():
        if batch not in spared and (reader := Reader(folder)).variables(batch) and committed(reader, batch) < 0:
            return process, batch
    return None


def test_killed_at_random_it_leaves_the_same(cluster: Cluster, tmp_path: Path) -> None:
    """Five workers, one for want of memory, the driver, the supervisor and a machine are lost while batches train."""
    folder, hurt = tmp_path / "store", set[str]()

    def kill() -> None:
        process, batch = until(lambda: victim(cluster, folder, hurt))
        os.kill(process, signal.SIGKILL)
        hurt.add(batch)

    first = cluster.driver(folder, study="STUDY")
    kill()
    kill()
    first.kill()
    second = cluster.driver(folder, study="STUDY")
    process, batch = until(lambda: beginner(cluster, folder, hurt))
    hurt.add(batch)
    # What its programs need for their code the operating system will refuse.
    limit = 1024 * int(re.findall(r"VmSize:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[0]) + 2**22
    resource.prlimit(process, resource.RLIMIT_AS, (limit, limit))
    until(lambda: gone(process))
    kill()
    (supervisor,) = cluster.processes(r"^ray::(Supervisor)")
    os.kill(supervisor, signal.SIGKILL)
    kill()
    cluster.lose_a_machine()
    assert second.end() == "done"
    assert len(hurt) == 5
    assert len(gl.open(folder).provenance) > len(Reader(folder).manifest.batches) == 12
    assert_same(everything(folder), undisturbed(STUDY, tmp_path / "undisturbed"))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return undisturbed(ONE, tmp_path_factory.mktemp("one") / "store")


def test_cancelled_it_commits_and_either_engine_goes_on(
    cluster: Cluster, one: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """Commits are far apart here: what is there after the signal was committed because of it."""
    folder = tmp_path / "store"
    driver = cluster.driver(folder, study="ONE", options="SELDOM")
    until(lambda: len(cluster.training()) == 2)
    until(lambda: begun(folder))
    until(lambda: "training" in driver.told)
    driver.interrupt()
    assert driver.end() == "interrupted"
    assert going_on(folder)
    gl.run(ONE, folder, measures=OPTIONS["measures"])
    assert_same(everything(folder), one)


def test_detached_it_goes_on_and_another_driver_watches(
    cluster: Cluster, one: dict[str, np.ndarray], tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    driver = cluster.driver(folder, study="ONE", options="DETACHING")
    until(lambda: going_on(folder))
    # It is not to end before the other driver has come.
    with cluster.held():
        driver.interrupt()
        assert driver.end() == "interrupted detached"
        before = going_on(folder)
        assert cluster.training()
        other = cluster.driver(folder, study="STUDY")
        assert "StoreError" in (line := other.end())
        assert "is being trained on this cluster otherwise (study: test/one, not test/killed)" in line
    assert cluster.driver(folder, study="ONE").end() == "done"
    assert before
    assert_same(everything(folder), one)


def test_what_fails_again_and_again_is_given_up_and_the_others_are_done(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    driver = cluster.driver(folder, study="MIXED", options="DYING")
    line = driver.end()
    assert line.startswith("GivenUp 2 batches given up, all others are done: runs 1: its process was killed, or died")
    assert "(4 times, without a commit in between); runs 2: needs runs 1 first" in line
    assert "raylet" not in driver.told
    assert [status.state for status in gl.open(folder).statuses] == ["finished", "waiting", "waiting"]


def test_forks_and_what_is_derived_are_those_of_the_local_engine(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forks begin after their reference; what is computed of all networks comes last, here after its process died."""
    monkeypatch.setitem(catalogue(), derived_study.NAME, derived_study.experiment())
    folder = tmp_path / "store"
    driver = cluster.driver(folder, study="DERIVED", options="DERIVING")
    assert driver.end() == "done"
    assert (folder.parent / derived_study.LOST).exists()
    alone = gl.run(DERIVED, tmp_path / "local", measures=DERIVING["measures"])
    assert_same(everything(folder), everything(tmp_path / "local"))
    derived = gl.open(folder).derived()
    xr.testing.assert_identical(derived, alone.derived())
    assert derived["distance"].values[0] == 0
    assert (derived["distance"].values[1:] > 0).all()
    # Nothing is left to do, and nothing is derived again.
    assert cluster.driver(folder, study="DERIVED", options="DERIVING").end() == "done"
    commits = open_or_create(folder / "derived").ancestry(branch="main")
    assert [one.message for one in commits].count("derived") == 1


def test_into_object_storage_it_leaves_the_same(cluster: Cluster, bucket: Storage, tmp_path: Path) -> None:
    """What this process lacks the workers have: it watches, and they write there."""
    gl.run(TINY, bucket.url("tiny"), engine="ray", address=cluster.address, **OPTIONS)
    kept = everything(bucket.url("tiny"))
    assert kept["step"][-1] == 1000
    assert_same(kept, undisturbed(TINY, tmp_path / "local"))


def test_a_users_mistake_in_a_task_is_its_one_line(cluster: Cluster, tmp_path: Path) -> None:
    line = cluster.driver(tmp_path / "store", study="MIXED", options="MISTAKEN").end()
    assert line.startswith("Mistake the measure wrong_when_trained failed on ")
    assert line.endswith("ValueError: eleven is no number")


def test_without_an_address_it_starts_a_cluster_of_its_own_and_ends_it(tmp_path: Path) -> None:
    small_study = Study(name="test/own", scale="laptop", runs=(small(0, 200), small(1, 200)))
    ticks: list[gl.engines.Progress] = []
    before = {path.name for path in Path("/tmp").glob("groklab-*")}
    trackers = gl.tracking.chosen(["tensorboard"], tmp_path / "ray", small_study.name)
    gl.run(small_study, tmp_path / "ray", engine="ray", watch=ticks.append, trackers=trackers, **OPTIONS)
    assert (ticks[-1].done, ticks[-1].trained) == (400, 400)
    assert {path.name for path in Path("/tmp").glob("groklab-*")} <= before
    assert_same(everything(tmp_path / "ray"), undisturbed(small_study, tmp_path / "local"))
    assert "train_loss" in assert_shown(tmp_path / "ray", tmp_path / "ray" / "tracking" / "tensorboard")


def test_every_machine_must_have_this_groklab_and_see_the_folder(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place.of(tmp_path / "store")
    with connected(cluster.address):
        known, here = machines(), version("groklab")
        assert [machine.cores for machine in known] == [1, 1]
        must_be_fit(known, place, here)
        with pytest.raises(gl.Mistake, match=rf"has groklab {here}, this is groklab 9\.9; install the same everywhere"):
            must_be_fit(known, place, "9.9")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(found_on, "_asked", lambda known, sign: [(here, True), (here, False)])
    with pytest.raises(gl.StoreError, match=r"does not see the folder .*store; choose an --out that all share, or s3:"):
        must_be_fit(known, place, here)
    monkeypatch.setattr(found_on, "_asked", lambda known, sign: [(here, True), (None, True)])
    with pytest.raises(gl.Mistake, match=r"has no groklab, this is groklab"):
        must_be_fit(known, place, here)


def test_a_connection_that_is_there_must_be_the_one_that_is_named(cluster: Cluster, tmp_path: Path) -> None:
    host, _, port = cluster.address.rpartition(":")
    with connected(cluster.address):
        for same in (None, "auto", cluster.address, f"localhost:{port}"):
            with connected(same):
                assert ray.is_initialized()
        for other in (f"{host}:1", f"192.0.2.1:{port}", f"no-such-host.invalid:{port}", "ray://127.0.0.1:10001"):
            line = rf"is connected to the Ray cluster at {cluster.address} already, not to the one at {other}; give"
            with pytest.raises(gl.Mistake, match=line):
                gl.run(ONE, tmp_path / "store", engine="ray", address=other)
        assert ray.is_initialized()
    assert not ray.is_initialized()
    assert list(tmp_path.iterdir()) == []
