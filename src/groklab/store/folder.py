"""The writing side of a store: a folder with a manifest, a repository for each batch, and one writer."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import zarr

from groklab.errors import StoreError
from groklab.store import lock
from groklab.store.failures import explained
from groklab.store.manifest import Manifest, differences
from groklab.store.places import must_be_free
from groklab.store.repositories import is_empty, local, open_or_create, read
from groklab.store.variable import Variable
from groklab.store.writer import BatchWriter

SHOWN = 8
"""Differences listed at most."""


class Folder:
    """A store opened for writing, created when it is not there; a context manager that holds its lock.

    `manifest` says what is to be run. The store keeps the manifest it was made with, as `manifest`: a caller
    who resumes follows its batches. Raises `StoreError` when the folder is being written by another process,
    was made with other settings (they are listed), is something else, is damaged, or cannot be written.
    """

    def __init__(self, url: str | Path, manifest: Manifest) -> None:
        self.path = local(url)
        with explained(self.path):
            must_be_free(self.path)
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except FileNotFoundError as error:
                raise StoreError(f"the folder {self.path} cannot be made; choose another --out") from error
            self._lock = lock.acquire(self.path)
        try:
            with explained(self.path):
                self.manifest = _settled(self.path, manifest)
        except BaseException:
            self.close()
            raise
        changes = differences(self.manifest, manifest)
        if changes:
            self.close()
            more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
            raise StoreError(
                f"{self.path} was made with other settings: {'; '.join(changes[:SHOWN])}{more}; "
                "choose another --out, or the old settings to go on"
            )

    def batch(self, name: str, variables: Sequence[Variable], coords: Mapping[str, np.ndarray]) -> BatchWriter:
        """The writer of one of the manifest's batches; see `BatchWriter` for the arguments."""
        return BatchWriter(batch_path(self.path, name), self.manifest.batches[name], variables, coords)

    def close(self) -> None:
        """Releases the lock. Closing again does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def begun(url: str | Path) -> bool:
    """Whether a study was begun at `url`: its manifest was committed. Raises `StoreError` for a damaged store."""
    path = local(url)
    with explained(path):
        if not (path / "study").is_dir():
            return False
    return bool(read(path, "study", lambda root: "groklab" in root.attrs))


def batch_path(folder: Path, name: str) -> Path:
    """Where a batch's repository lies in a store."""
    return folder / "batches" / name


def _settled(path: Path, manifest: Manifest) -> Manifest:
    """The manifest of the store at `path`; `manifest` itself where there was none, which is then kept."""
    repository = open_or_create(path / "study")
    session = repository.writable_session("main")
    if is_empty(repository):
        root = zarr.create_group(session.store, attributes=manifest.to_json(), zarr_format=3)
        session.commit("manifest")
    else:
        root = zarr.open_group(session.store, mode="r", zarr_format=3)
    return Manifest.from_json(root.attrs.asdict(), path)
