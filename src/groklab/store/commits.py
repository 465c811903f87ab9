"""Which commits are the newest, found out without reading what is in them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import icechunk

from groklab.store.failures import explained
from groklab.store.repositories import is_repository, storage_at


@dataclass(frozen=True)
class Commits:
    """The newest commit of every repository of a store."""

    identifiers: tuple[str, ...]
    """One for each repository, sorted by the repository's place."""
    written: datetime | None
    """When the newest of them was written; nothing before the first."""


def commits(path: Path) -> Commits:
    """The newest commits of the store at `path`, or of a kept result, whose one commit is the file as it stands.

    Costs some milliseconds a batch, takes no lock. Raises `StoreError` for a repository that cannot be read.
    """
    with explained(path):
        if path.is_file():
            about = path.stat()
            return Commits((f"{about.st_mtime_ns:x}-{about.st_size:x}",), datetime.fromtimestamp(about.st_mtime, UTC))
        batches = path / "batches"
        places = [path / "study", *(sorted(batches.iterdir()) if batches.is_dir() else ())]
        found = {place: _newest(place) for place in places if is_repository(place)}
        written = max((when for _, when in found.values()), default=None)
        return Commits(tuple(f"{place.name}@{identifier}" for place, (identifier, _) in found.items()), written)


def _newest(place: Path) -> tuple[str, datetime]:
    repository = icechunk.Repository.open(storage_at(place))
    snapshot = next(iter(repository.ancestry(branch="main")))
    return snapshot.id, snapshot.written_at
