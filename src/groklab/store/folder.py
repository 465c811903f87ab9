"""The writing side of a store: a manifest, and a repository for each batch and for what is derived of all.

Each of these has one writer at a time.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import icechunk
import numpy as np
import zarr

from groklab.errors import Caution, StoreError
from groklab.store import lock, objects
from groklab.store.derived import DerivedWriter
from groklab.store.failures import explained
from groklab.store.held import Held
from groklab.store.manifest import Manifest, must_agree
from groklab.store.place import Place
from groklab.store.places import LOCK, must_be_free
from groklab.store.repositories import is_first, is_repository, open_or_create, patiently, read
from groklab.store.variable import Variable
from groklab.store.writer import BatchWriter

PATIENCE = 20.0
"""Seconds to wait for another process that is just making the store in the same folder."""


class Folder:
    """A store opened for writing, created when it is not there; a context manager that closes its writers.

    Any number of processes may have it open: what is held is single batches (see `batch`), and
    what is derived of them. `manifest` says what is to
    be run. The store keeps the manifest it was made with, that of the first who came, as `manifest`: a caller who
    resumes follows its batches. Raises `StoreError` when the place was made with other settings (they are listed), is
    something else, is damaged, or cannot be written. Warns (`Caution`) of object storage that cannot make writes
    conditional: nothing keeps two processes from training the same batch there.
    """

    def __init__(self, url: str | os.PathLike[str] | Place, manifest: Manifest) -> None:
        self.path = Place.of(url)
        self._writers: list[Held] = []
        with explained(self.path):
            must_be_free(self.path)
            self.manifest = self._settled(manifest)
        must_agree(self.path, self.manifest, manifest)

    def batch(self, name: str, variables: Sequence[Variable], coords: Mapping[str, np.ndarray]) -> BatchWriter:
        """The writer of one of the manifest's batches, which holds its lease until it is closed, or this is.

        See `BatchWriter` for the arguments. Raises `Taken` where another writer has the batch.
        """
        place, runs = batch_path(self.path, name), self.manifest.batches[name]
        writer = BatchWriter(place, runs, variables, coords, conditional=self._conditional)
        self._writers.append(writer)
        return writer

    def derived(self) -> DerivedWriter:
        """The writer of what is computed of all networks together, which holds its lease until it, or this, is closed.

        Raises `Taken` where another writer has it.
        """
        writer = DerivedWriter(self.path, conditional=self._conditional)
        self._writers.append(writer)
        return writer

    def close(self) -> None:
        """Closes the writers. Closing again does nothing."""
        while self._writers:
            self._writers.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settled(self, manifest: Manifest) -> Manifest:
        """The manifest of the store; `manifest` itself where there was none, which is then kept."""
        if self.path.local is None:
            self._conditional = objects.keeps_conditions(self.path)
            if not self._conditional:
                unsafe = (
                    f"the storage of {self.path} cannot make writes conditional, so that nothing keeps two processes"
                )
                warnings.warn(f"{unsafe} from training the same batch there; run one at a time", Caution, stacklevel=4)
            return patiently(self.path, lambda: settled(self.path, manifest, self._conditional))
        self._conditional = True
        try:
            self.path.local.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError as error:
            raise StoreError(f"the folder {self.path} cannot be made; choose another --out") from error
        descriptor = lock.acquire(self.path.local / LOCK, self.path.local, "being made", PATIENCE)
        try:
            return settled(self.path, manifest)
        finally:
            os.close(descriptor)


def begun(url: str | os.PathLike[str] | Place) -> bool:
    """Whether a study was begun at `url`: its manifest was committed. Raises `StoreError` for a damaged store."""
    path = Place.of(url)
    with explained(path):
        if not is_repository(path / "study") and not (path.local is not None and (path.local / "study").is_dir()):
            return False
    return bool(read(path, "study", lambda root: "groklab" in root.attrs))


def batch_path(folder: Place, name: str) -> Place:
    """Where a batch's repository lies in a store."""
    return folder / "batches" / name


def settled(path: Place, manifest: Manifest, conditional: bool = True) -> Manifest:
    """The manifest of the store there; `manifest` itself where there was none. Of several who come at once one wins."""
    repository = open_or_create(path / "study", conditional)
    session = repository.writable_session("main")
    if is_first(repository, session.snapshot_id):
        root = zarr.create_group(session.store, attributes=manifest.to_json(), zarr_format=3)
        try:
            session.commit("manifest")
        except icechunk.ConflictError:
            # Another process was first, or this one's first try got through and only the answer did not.
            session = repository.readonly_session("main")
            root = zarr.open_group(session.store, mode="r", zarr_format=3)
    else:
        root = zarr.open_group(session.store, mode="r", zarr_format=3)
    return Manifest.from_json(root.attrs.asdict(), path)
