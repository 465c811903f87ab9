"""Which commits are the newest, found out without reading what is in them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import icechunk

from groklab.store import objects
from groklab.store.derived import DERIVED
from groklab.store.failures import explained
from groklab.store.lease import NAME as LEASE
from groklab.store.manifest import Manifest
from groklab.store.place import Place
from groklab.store.reader import AT_ONCE, Reader
from groklab.store.repositories import is_repository, newest, patiently

if TYPE_CHECKING:
    import os


@dataclass(frozen=True)
class Commits:
    """The newest commit of every repository of a store."""

    identifiers: tuple[str, ...]
    """One for each repository, in a settled order."""
    written: datetime | None
    """When the newest of them was written; nothing before the first."""


def commits(at: "str | os.PathLike[str] | Place") -> Commits:
    """The newest commits of the store at a place, or of a kept result, whose one commit is the file as it stands.

    Costs some milliseconds a batch, takes no lock. In object storage it costs a small request a repository, and nothing
    is listed; commits that only renew a lease do not count. Raises `StoreError` for a repository that cannot be read.
    """
    place = Place.of(at)
    with explained(place):
        if place.local is None:
            found = _in_storage(place)
        elif place.local.is_file():
            about = place.local.stat()
            return Commits((f"{about.st_mtime_ns:x}-{about.st_size:x}",), datetime.fromtimestamp(about.st_mtime, UTC))
        else:
            batches = place.local / "batches"
            names = sorted(path.name for path in batches.iterdir()) if batches.is_dir() else ()
            places = [place / "study", *(place / "batches" / name for name in names), place / DERIVED]
            found = {place.name: _newest(place) for place in places if is_repository(place)}
    written = max((when for _, when in found.values()), default=None)
    return Commits(tuple(f"{name}@{identifier}" for name, (identifier, _) in found.items()), written)


def _in_storage(place: Place) -> dict[str, tuple[str, datetime]]:
    there = objects.tip(place / "study", place)
    if there is None:
        return {}
    places = {name: place / "batches" / name for name in sorted(_manifest(place, there.tag).batches)}
    places[DERIVED] = place / DERIVED
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tips = pool.map(lambda one: objects.tip(one, place), places.values())
        known = {name: tip for name, tip in zip(places, tips, strict=True) if tip is not None}
        found = pool.map(lambda name: _told(places[name], known[name].tag), known)
        return {"study": (there.tag, there.written)} | dict(zip(known, found, strict=True))


@lru_cache(maxsize=256)
def _manifest(place: Place, tag: str) -> Manifest:
    return Reader(place).manifest


@lru_cache(maxsize=2**12)
def _told(place: Place, tag: str) -> tuple[str, datetime]:
    """The newest commit that says something, of a repository whose newest of all has that tag."""

    def read() -> list[icechunk.SnapshotInfo]:
        return list(icechunk.Repository.open(place.storage()).ancestry(branch="main"))

    history = patiently(place, read)
    snapshot = next((one for one in history if one.message != LEASE), history[-1])
    return snapshot.id, snapshot.written_at


def _newest(place: Place) -> tuple[str, datetime]:
    snapshot = newest(icechunk.Repository.open(place.storage()))
    return snapshot.id, snapshot.written_at
