"""Icechunk repositories by place: the one that holds a study's manifest, and one for each batch."""

import atexit
import os
import shutil
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import icechunk
import zarr

from groklab.store import objects
from groklab.store.failures import LIBRARY_ERRORS, NONE_THERE, explained, passing
from groklab.store.leaving import let_return
from groklab.store.place import Place

T = TypeVar("T")

atexit.register(let_return)

TRIES = 5
"""How often what failed in object storage is tried, where that may help. In a folder nothing is tried again."""
PAUSE = 0.2
"""Seconds before the first new try; twice as many before each further one."""
INLINE = 2**14
"""Bytes of a chunk up to which it stands with the others in one object: each object costs a request."""
FIRST = "1CECHNKREP0F1RSTCMT0"
"""The commit that every Icechunk repository begins with."""


def patiently(place: Place, work: Callable[[], T]) -> T:
    """What `work` gives; in object storage tried again where that may help."""
    for attempt in range(1, TRIES):
        try:
            return work()
        except (icechunk.IcechunkError, icechunk.ConflictError) as error:
            if place.local is not None or not passing(error):
                raise
            time.sleep(PAUSE * 2**attempt)
    return work()


def open_or_create(at: str | os.PathLike[str] | Place, conditional: bool = True) -> icechunk.Repository:
    """The repository at a place for writing.

    In a folder whoever calls this holds a lock (see `groklab.store.lock`). In object storage several may: one makes it.
    `conditional` says whether the storage can make writes conditional; it is remembered by a repository that is made.
    """
    place = Place.of(at)
    if place.local is not None:
        # Made here because icechunk panics where it cannot make a folder, and makes one where it only looks.
        place.local.mkdir(parents=True, exist_ok=True)
        # An object is written under a temporary name first; icechunk never sees one that a killed writer left.
        for left in place.local.rglob("*#[0-9]*"):
            left.unlink()
        if not is_repository(place) and {path.name for path in (place.local / "snapshots").glob("*")} == {FIRST}:
            # Killed while it was made: it holds nothing yet.
            shutil.rmtree(place.local / "snapshots")
        return icechunk.Repository.open_or_create(place.storage())
    config = icechunk.RepositoryConfig(inline_chunk_threshold_bytes=INLINE)
    if not conditional:
        config.storage = icechunk.StorageSettings(
            unsafe_use_conditional_create=False, unsafe_use_conditional_update=False
        )
    for attempt in range(TRIES):
        try:
            return icechunk.Repository.open_or_create(place.storage(), config=config)
        except icechunk.IcechunkError as error:
            # Another process makes it now, or was killed while it did.
            if not passing(error) or attempt == TRIES - 1:
                raise
            _finish(place)
            time.sleep(PAUSE * 2**attempt)
    raise AssertionError


def is_repository(place: Place) -> bool:
    """Whether a first commit was ever begun at a place."""
    return (place.local / "refs").is_dir() if place.local is not None else objects.tip(place) is not None


def is_first(repository: icechunk.Repository, commit: str) -> bool:
    """Whether a commit is the one that the repository was created with: nothing was committed yet."""
    return repository.lookup_snapshot(commit).parent_id is None


def newest(repository: icechunk.Repository) -> icechunk.SnapshotInfo:
    """The newest commit."""
    return next(iter(repository.ancestry(branch="main")))


def read(at: str | os.PathLike[str] | Place, name: str, reading: Callable[[zarr.Group], T]) -> T | None:
    """What `reading` makes of the newest commit of the repository of that name there; nothing before the first.

    Takes no lock. A commit that a writer superseded and compacted away while it was read is read anew from
    its successor. Raises `StoreError` when the newest commit itself cannot be read.
    """
    place = Place.of(at)
    with explained(place):
        repository = _there(place / name)
        if repository is None:
            return None
        tries = 1 if place.local is not None else TRIES
        while True:
            # None before there is one: a storage that does not answer is asked again.
            session = None
            try:
                session = repository.readonly_session("main")
                if is_first(repository, session.snapshot_id):
                    return None
                return reading(zarr.open_group(session.store, mode="r", zarr_format=3))
            except LIBRARY_ERRORS as error:
                if session is None or patiently(place, lambda: repository.lookup_branch("main")) == session.snapshot_id:
                    tries -= 1
                    if tries == 0 or not passing(error):
                        raise
                    time.sleep(PAUSE)


def _there(place: Place) -> icechunk.Repository | None:
    """The repository at a place, for reading."""
    if place.local is not None:
        return icechunk.Repository.open(place.storage()) if is_repository(place) else None
    from groklab.store.connection import environment

    try:
        return patiently(place, lambda: _opened(place, environment()))
    except icechunk.IcechunkError as error:
        if NONE_THERE in str(error):
            return None
        raise


@lru_cache(maxsize=64)
def _opened(place: Place, environment: int) -> icechunk.Repository:
    """Opened once: it asks several questions, and what it has read it remembers."""
    return icechunk.Repository.open(place.storage())


def _finish(place: Place) -> None:
    """Makes a repository of one whose making ended after its first commit was written, and before it was named."""
    if objects.names(place / "snapshots") == [FIRST]:
        objects.create(place, objects.TIP, f'{{"snapshot":"{FIRST}"}}'.encode())
