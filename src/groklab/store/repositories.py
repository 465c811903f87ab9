"""Icechunk repositories by place: the one that holds a study's manifest, and one for each batch."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import icechunk
import zarr

from groklab.errors import StoreError
from groklab.store.failures import LIBRARY_ERRORS, explained

T = TypeVar("T")


def local(url: str | Path) -> Path:
    """The local folder that a store's URL means. Raises `StoreError` for schemes that are not supported."""
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]+):/", str(url))
    if scheme:
        raise StoreError(f"{url}: stores at {scheme[1]}:// are not supported; give a local folder")
    return Path(url)


def storage_at(url: str | Path) -> icechunk.Storage:
    """Where the repository at `url` keeps its objects. Raises `StoreError` for schemes not supported."""
    # Icechunk logs to standard output, where --json answers; every error it logs is raised as well.
    icechunk.set_logs_filter("off")
    return icechunk.local_filesystem_storage(str(local(url)))


def open_or_create(path: Path) -> icechunk.Repository:
    """The repository at `path` for writing. One writer at a time: see `groklab.store.lock`."""
    # Made here because icechunk panics where it cannot make a folder, and makes one where it only looks.
    path.mkdir(parents=True, exist_ok=True)
    # An object is written under a temporary name first; icechunk never sees one that a killed writer left.
    for left in path.rglob("*#[0-9]*"):
        left.unlink()
    return icechunk.Repository.open_or_create(storage_at(path))


def is_repository(path: Path) -> bool:
    """Whether a first commit was ever begun at `path`."""
    return (path / "refs").is_dir()


def is_empty(repository: icechunk.Repository) -> bool:
    """Whether a repository is as it was created: no commit yet."""
    return next(iter(repository.ancestry(branch="main"))).parent_id is None


def read(path: Path, name: str, reading: Callable[[zarr.Group], T]) -> T | None:
    """What `reading` makes of the newest commit of the repository `path/name`; nothing before the first.

    Takes no lock. A commit that a writer superseded and compacted away while it was read is read anew from
    its successor. Raises `StoreError` when the newest commit itself cannot be read.
    """
    place = path / name
    if not is_repository(place):
        return None
    with explained(path):
        repository = icechunk.Repository.open(storage_at(place))
        while True:
            session = repository.readonly_session("main")
            try:
                if is_empty(repository):
                    return None
                return reading(zarr.open_group(session.store, mode="r", zarr_format=3))
            except LIBRARY_ERRORS:
                if repository.lookup_branch("main") == session.snapshot_id:
                    raise
