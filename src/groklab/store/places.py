"""What can be said of a store's place by looking at it alone; imports nothing heavy for a folder."""

import os
from pathlib import Path

from groklab.errors import StoreError
from groklab.store.place import Place

LOCK = ".lock"
"""The file in a store's folder whose lock is held to make it; beside a batch its name and this is its writer's."""
KEPT = ".zip"
"""How names of kept results end."""
OURS = {LOCK, "study", "batches", "derived", f"derived{LOCK}", "tracking"}
"""What groklab puts into a store's folder by itself."""
DEPTH = 4
"""How deep below a prefix of object storage stores are looked for."""


def is_store(at: str | os.PathLike[str] | Place) -> bool:
    """Whether a place looks like a store."""
    place = Place.of(at)
    if place.local is not None:
        return (place.local / "study" / "refs").is_dir()
    from groklab.store.objects import tip

    return tip(place / "study", place) is not None


def results_in(at: str | os.PathLike[str] | Place) -> list[Place]:
    """The stores and kept results at a place: itself, or all in that folder and its folders, sorted.

    A file is taken at its word. Raises `StoreError` where there is nothing.
    """
    place = Place.of(at)
    if place.is_file() or is_store(place):
        return [place]
    path = place.local
    if path is None:
        found = _below(place, DEPTH)
    elif path.exists():
        found = list(map(Place.of, _in_folder(path)))
    else:
        raise StoreError(f"there is no file or folder {path}; give what `groklab run` or `groklab keep` wrote")
    if not found:
        raise StoreError(f"{place} holds no groklab store and no kept result; give what `groklab run` wrote")
    return sorted(found)


def must_be_result(at: str | os.PathLike[str] | Place) -> None:
    """Raises `StoreError` for what is neither a store nor a file."""
    place = Place.of(at)
    if not place.is_file():
        must_be_store(place)


def must_be_store(at: str | os.PathLike[str] | Place) -> None:
    """Raises `StoreError` where there is no folder, or one without a store."""
    place = Place.of(at)
    if place.local is not None and not place.local.exists():
        raise StoreError(f"there is no folder {place}; give the --out of a `groklab run`")
    if not is_store(place):
        raise StoreError(f"{place} is not a groklab store; give the --out of a `groklab run`")


def must_be_free(at: str | os.PathLike[str] | Place) -> None:
    """Raises `StoreError` for a place that holds other things and no store, and for what is no folder."""
    place = Place.of(at)
    if place.local is None:
        from groklab.store.objects import names

        there = {name.rstrip("/") for name in names(place)}
    else:
        path = place.local
        if path.exists() and not path.is_dir():
            raise StoreError(
                f"{path} cannot be used (Not a directory); choose another folder, or mend it and try again"
            )
        there = {entry.name for entry in path.iterdir()} if path.is_dir() else set[str]()
    if there - OURS and "study" not in there:
        raise StoreError(f"{place} holds other files and no groklab store; choose another --out")


def _in_folder(path: Path) -> list[Path]:
    found: list[Path] = []
    for folder, inner, files in os.walk(path):
        stores = [name for name in inner if is_store(Path(folder, name))]
        found += [Path(folder, name) for name in (*stores, *files) if name in stores or name.endswith(KEPT)]
        inner[:] = [name for name in inner if name not in stores and not name.startswith(".")]
    return found


def _below(place: Place, depth: int) -> list[Place]:
    from groklab.store.objects import names

    below = [place / name.rstrip("/") for name in names(place) if name.endswith("/")]
    found = [one for one in below if is_store(one)]
    if depth > 1:
        found += [store for one in below if one not in found for store in _below(one, depth - 1)]
    return found
