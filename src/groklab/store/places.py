"""What can be said of a store's place by looking at the folder alone; imports nothing heavy."""

import os
from pathlib import Path

from groklab.errors import StoreError

LOCK = ".lock"
"""The file whose lock a writer holds."""
KEPT = ".zip"
"""How names of kept results end."""


def is_store(path: Path) -> bool:
    """Whether a folder looks like a store."""
    return (path / "study" / "refs").is_dir()


def results_in(path: Path) -> list[Path]:
    """The stores and kept results at a path: itself, or all in that folder and its folders, sorted.

    A file is taken at its word. Raises `StoreError` where there is nothing.
    """
    if path.is_file() or is_store(path):
        return [path]
    if not path.exists():
        raise StoreError(f"there is no file or folder {path}; give what `groklab run` or `groklab keep` wrote")
    found: list[Path] = []
    for folder, inner, files in os.walk(path):
        stores = [name for name in inner if is_store(Path(folder, name))]
        found += [Path(folder, name) for name in (*stores, *files) if name in stores or name.endswith(KEPT)]
        inner[:] = [name for name in inner if name not in stores and not name.startswith(".")]
    if not found:
        raise StoreError(f"{path} holds no groklab store and no kept result; give what `groklab run` wrote")
    return sorted(found)


def must_be_result(path: Path) -> None:
    """Raises `StoreError` for what is neither a store nor a file."""
    if not path.is_file():
        must_be_store(path)


def must_be_store(path: Path) -> None:
    """Raises `StoreError` where there is no folder, or one without a store."""
    if not path.exists():
        raise StoreError(f"there is no folder {path}; give the --out of a `groklab run`")
    if not is_store(path):
        raise StoreError(f"{path} is not a groklab store; give the --out of a `groklab run`")


def must_be_free(path: Path) -> None:
    """Raises `StoreError` for a folder that holds other files and no store, and for what is no folder."""
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} cannot be used (Not a directory); choose another folder, or mend it and try again")
    foreign = {entry.name for entry in path.iterdir()} - {LOCK, "study", "batches"} if path.is_dir() else set[str]()
    if foreign and not (path / "study").is_dir():
        raise StoreError(f"{path} holds other files and no groklab store; choose another --out")
