"""What can be said of a store's place by looking at the folder alone; imports nothing heavy."""

from pathlib import Path

from groklab.errors import StoreError

LOCK = ".lock"
"""The file whose lock a writer holds."""


def must_be_store(path: Path) -> None:
    """Raises `StoreError` where there is no folder, or one without a store."""
    if not path.exists():
        raise StoreError(f"there is no folder {path}; give the --out of a `groklab run`")
    if not (path / "study" / "refs").is_dir():
        raise StoreError(f"{path} is not a groklab store; give the --out of a `groklab run`")


def must_be_free(path: Path) -> None:
    """Raises `StoreError` for a folder that holds other files and no store, and for what is no folder."""
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} cannot be used (Not a directory); choose another folder, or mend it and try again")
    foreign = {entry.name for entry in path.iterdir()} - {LOCK, "study", "batches"} if path.is_dir() else set[str]()
    if foreign and not (path / "study").is_dir():
        raise StoreError(f"{path} holds other files and no groklab store; choose another --out")
