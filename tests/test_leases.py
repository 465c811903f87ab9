"""One writer a batch, whoever else has the same store open: locks in a folder, leases in object storage."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from groklab.errors import StoreError, Taken
from groklab.store import Folder, Reader, holder, lease, lock, objects, transactions
from groklab.store.place import Place
from object_storage import Fault
from stores import FREQUENCY, LOSS, NORM, manifest, segment

NEXT = Fault(later=lease.LIFE + 5)
"""The storage's clock after a lease has run out."""


@pytest.fixture(params=["folder", "object storage"])
def url(request, tmp_path):
    return tmp_path / "out" if request.param == "folder" else request.getfixturevalue("storage").url("sweep")


def open_x(folder):
    return folder.batch("x", [LOSS, NORM], FREQUENCY)


def test_a_batch_has_one_writer_and_others_go_on_beside_it(url):
    with Folder(url, manifest()) as one, Folder(url, manifest()) as other:
        writer = open_x(one)
        for folder in (one, other):
            with pytest.raises(
                Taken, match=f"batches/x is being trained by process {os.getpid()} on .*, since "
            ) as taken:
                open_x(folder)
            assert taken.value.holder.startswith(f"process {os.getpid()} on ")
        with other.batch("y", [LOSS], {}) as beside:
            beside.commit(step=0, logged_steps=[], measures={}, checkpoints={}, state={}, meta={})
            writer.commit(**segment(0, 3, [0, 2]))
        writer.close()
        writer.close()
        assert open_x(other).state().step == 2
        with pytest.raises(Taken):
            open_x(one)
    with Folder(url, manifest()) as folder:
        assert open_x(folder).state().step == 2


HOLD = """
import sys; sys.path.insert(0, sys.argv[2])
from groklab.store import Folder
from stores import *
writer = Folder(sys.argv[1], manifest()).batch("x", [LOSS, NORM], FREQUENCY)
writer.commit(**segment(0, 3, [0, 2]))
print("holds", flush=True)
sys.stdin.read()
"""


def test_the_lease_of_a_process_that_was_killed_is_free_at_once(url):
    command = [sys.executable, "-c", HOLD, str(url), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"holds\n"
        with Folder(url, manifest()) as folder:
            with pytest.raises(Taken, match=f"by process {process.pid} on "):
                open_x(folder)
            assert Reader(url).saved("x").step == 2
            process.kill()
            process.wait()
            with open_x(folder) as writer:
                writer.commit(**segment(3, 5, [0, 2]))
    assert list(Reader(url).metrics().step) == [0, 1, 2, 3, 4]


def test_a_lease_that_was_not_renewed_is_taken_over_and_its_holder_is_shut_out(storage):
    url = storage.url("sweep")
    with Folder(url, manifest()) as one, Folder(url, manifest()) as other:
        silent = open_x(one)
        silent.commit(**segment(0, 3, [0, 2]))
        with storage.going(lambda asked: Fault(later=lease.LIFE - 5)), pytest.raises(Taken):
            open_x(other)
        with storage.going(lambda asked: NEXT):
            writer = open_x(other)
        writer.commit(**segment(3, 5, [0, 2], seed=1))
        before = names_of(url)
        silent._transactions._lease.renewed -= 1000
        for work in (lambda: silent.commit(**segment(3, 6, [0, 2])), silent.renew, lambda: silent.compact(0)):
            with pytest.raises(
                StoreError, match=r"x was taken over by process \d+ on .*; this one stops here"
            ) as caught:
                work()
            assert not isinstance(caught.value, Taken)
        silent.close()
        assert names_of(url)["snapshots"] == before["snapshots"]
        with pytest.raises(Taken):
            open_x(one)
        writer.commit(**segment(5, 6, [0, 2], seed=1))
        np.testing.assert_equal(
            Reader(url).metrics().train_loss.sel(run=0, step=[3, 4]).values,
            segment(3, 5, [0, 2], seed=1)["measures"]["train_loss"][0],
        )


def names_of(url):
    return {kind: objects.names(Place.of(url) / "batches/x" / kind) for kind in ("snapshots", "chunks", "manifests")}


def test_a_silent_writer_whose_batch_nobody_wanted_goes_on(storage):
    with Folder(storage.url("sweep"), manifest()) as folder:
        writer = open_x(folder)
        with storage.going(lambda asked: NEXT):
            writer.commit(**segment(0, 3, [0, 2]))
        writer.commit(**segment(3, 5, [0, 2]))
    assert Reader(storage.url("sweep")).saved("x").step == 4


def test_a_lease_is_renewed_when_a_third_of_it_has_passed_and_not_before(storage):
    with Folder(storage.url("sweep"), manifest()) as folder:
        writer = open_x(folder)
        storage.asked.clear()
        writer.renew()
        assert storage.asked == []
        writer._transactions._lease.renewed -= lease.LIFE / 3
        writer.renew()
        assert [asked for asked in storage.asked if asked.method == "PUT" and asked.names_tip]
        storage.asked.clear()
        writer.renew()
        assert storage.asked == []
        writer._transactions._lease.renewed -= lease.LIFE / 3
        writer.commit(**segment(0, 3, [0, 2]))
        storage.asked.clear()
        writer.renew()
        assert storage.asked == []
        writer.close()
        writer.renew()
        assert Reader(storage.url("sweep")).saved("x").step == 2


def test_of_those_who_take_a_lease_at_once_one_wins(storage):
    url, won, lost = storage.url("sweep"), [], []
    Folder(url, manifest()).close()
    barrier = threading.Barrier(4)

    def take():
        with Folder(url, manifest()) as folder:
            barrier.wait()
            try:
                won.append(open_x(folder))
            except Taken as taken:
                lost.append(taken)
            barrier.wait()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 3)


def test_a_lease_that_cannot_be_given_back_is_left_to_expire(storage):
    url = storage.url("sweep")
    writer = open_x(Folder(url, manifest()))
    with storage.going(lambda asked: Fault(status=403, code="AccessDenied")):
        writer.close()
    with Folder(url, manifest()) as folder:
        with pytest.raises(Taken):
            open_x(folder)
        with storage.going(lambda asked: NEXT):
            open_x(folder)


def test_nothing_of_a_lease_is_seen_by_readers(storage, tmp_path):
    found = []
    for at in (tmp_path / "out", storage.url("sweep")):
        with Folder(at, manifest()) as folder:
            writer = open_x(folder)
            writer.commit(**segment(0, 3, [0, 2]))
            reader = Reader(at)
            found.append((reader.metrics(), reader.saved("x"), reader.own(), reader.variables("x")))
    assert found[0][0].identical(found[1][0])
    assert (found[0][1].step, found[0][1].meta) == (found[1][1].step, found[1][1].meta)
    assert found[0][2:] == found[1][2:]


def test_a_commit_waits_for_a_clock_that_is_a_little_behind(storage, monkeypatch):
    from icechunk import IcechunkError, Session

    waited, real = [], Session.commit
    monkeypatch.setattr(transactions.time, "sleep", waited.append)

    def behind(session, *arguments, still=False):
        if still or len(waited) < 2:
            raise IcechunkError("x invalid snapshot timestamp ordering. parent: `2`, child: `1` ")
        return real(session, *arguments)

    with Folder(storage.url("sweep"), manifest()) as folder:
        writer = open_x(folder)
        monkeypatch.setattr(Session, "commit", behind)
        writer.commit(**segment(0, 3, [0, 2]))
        assert waited == [1.0, 1.0]
        monkeypatch.setattr(transactions, "BEHIND", -1.0)
        waited.clear()
        monkeypatch.setattr(transactions, "PAUSE", 0.0)
        monkeypatch.setattr(Session, "commit", lambda *arguments: behind(*arguments, still=True))
        with pytest.raises(StoreError, match="the clock of this machine is behind that of the one that committed last"):
            writer.commit(**segment(3, 5, [0, 2]))
        monkeypatch.undo()


def test_processes_are_known_again():
    here = holder.mark()
    if here is None:
        pytest.skip("this system does not tell its processes apart for good")
    assert not holder.ended(here)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        theirs = [here[0], str(other.pid), holder._begun(other.pid)]
        assert not holder.ended(theirs)
        # Another process may have the same number later.
        assert holder.ended([here[0], str(os.getpid()), theirs[2]]) == (theirs[2] != here[2])
        assert not holder.ended(["another machine", str(other.pid), "1"])
        other.kill()
    assert holder.ended(theirs)
    assert not holder.ended(None)


def test_a_process_that_may_not_be_looked_at_is_taken_to_live(monkeypatch):
    here = holder.mark()
    assert here is not None
    monkeypatch.setattr(holder, "_begun", lambda process: None)
    assert not holder.ended(here)

    def forbidden(process, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert not holder.ended(here)


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    import errno

    def none(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", none)
    with pytest.raises(
        StoreError, match=r"the file system of .* has no locks, .*; choose a folder on another one, or s3"
    ):
        Folder(tmp_path / "out", manifest())


def test_a_store_that_is_being_made_is_waited_for(tmp_path):
    (tmp_path / "out").mkdir()
    descriptor = lock.acquire(tmp_path / "out" / ".lock", tmp_path / "out", "being made")
    timer = threading.Timer(0.2, os.close, [descriptor])
    timer.start()
    Folder(tmp_path / "out", manifest()).close()
    timer.join()
    held = lock.acquire(tmp_path / "out" / ".lock", tmp_path / "out", "being made")
    with pytest.raises(Taken, match=f"out is being made by process {os.getpid()} on "):
        lock.acquire(tmp_path / "out" / ".lock", tmp_path / "out", "being made", patience=0.05)
    os.close(held)
