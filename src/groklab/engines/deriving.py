"""What a study computes of its networks together, once all of them have ended."""

import contextlib
import threading
from collections.abc import Callable, Generator

from groklab.errors import StoreError
from groklab.record import Record
from groklab.store import DerivedWriter, Folder, Reader
from groklab.studies.study import catalogue

RENEWING = 1.0
"""Seconds between two looks whether the lease is to be renewed."""


def underived(study: str, reader: Reader | None) -> bool:
    """Whether a study computes something of its networks together that its store, if there is one, has not yet."""
    experiment = catalogue().get(study)
    if experiment is None or experiment.derived is None:
        return False
    return reader is None or reader.derived() is None


def derive(folder: Folder, begins: Callable[[], None] = lambda: None) -> None:
    """Computes it and commits it, where the study asks for it, all runs have ended, and it is not there yet.

    Holds its lease all the while, so that of several processes one computes it; calls `begins` before. Whatever ends
    this before leaves nothing, so that it is computed again from the start. Raises `Taken` where another process
    computes it.
    """
    record = Record(folder.path)
    experiment = catalogue().get(record.study)
    if experiment is None or experiment.derived is None or not all(status.ended for status in record.statuses):
        return
    if not underived(record.study, Reader(folder.path)):
        return
    with folder.derived() as writer:
        if not writer.there:
            begins()
            with _renewing(writer):
                dataset = experiment.derived(record)
            writer.commit(dataset)


@contextlib.contextmanager
def _renewing(writer: DerivedWriter) -> Generator[None]:
    """Renews a lease from a thread of its own. One that was lost is noticed by the next commit."""
    over = threading.Event()

    def renew() -> None:
        with contextlib.suppress(StoreError, MemoryError):
            while not over.wait(RENEWING):
                writer.renew()

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
