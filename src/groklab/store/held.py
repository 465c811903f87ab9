"""A repository of a store in the hands of one writer."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self, TypeVar

import zarr

from groklab.store import lock
from groklab.store.failures import explained
from groklab.store.lease import NAME
from groklab.store.place import Place
from groklab.store.places import LOCK
from groklab.store.repositories import open_or_create
from groklab.store.transactions import Transactions

T = TypeVar("T")


class Held:
    """The repository at a place, held until it is closed: one writer at a time, of all processes on all machines.

    In a folder the lease is a lock, which vanishes with the process; in object storage every commit renews it, and
    `renew` in between, and it expires (see `groklab.store.lease`): another writer may then take over, and what this
    one would commit later is refused. A context manager.
    """

    def __init__(self, place: Place, begin: Callable[[zarr.Group], None], *, conditional: bool = True) -> None:
        """`begin` is done to the root group by the first commit; `conditional`: the storage makes writes conditional.

        Raises `Taken` where another writer holds the lease, `StoreError` where the repository cannot be written.
        """
        self.path = place
        self._lock = -1
        with self._explained():
            if (folder := place.local) is not None:
                folder.parent.mkdir(parents=True, exist_ok=True)
                # Beside the repository: Icechunk makes none where anything lies.
                self._lock = lock.acquire(folder.with_name(f"{folder.name}{LOCK}"), folder, "being trained")
        transactions: Transactions | None = None
        try:
            with self._explained():
                self._repository = open_or_create(place, conditional)
                self._transactions = transactions = Transactions(place, self._repository)
                self._transactions.commit("begin", begin)
        except BaseException:
            if transactions is not None:
                transactions.release()
            self._unlock()
            raise

    def renew(self) -> None:
        """Renews the lease when that is due; costs nothing else. To be called now and then while nothing is committed.

        Raises `StoreError` where another writer has taken over.
        """
        if self._transactions.due:
            with self._explained():
                self._transactions.commit(NAME, lambda root: None)

    def close(self) -> None:
        """Gives the lease back. Closing again does nothing."""
        self._transactions.release()
        self._unlock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def _read(self, reading: Callable[[zarr.Group], T]) -> T:
        """What `reading` makes of the newest commit."""
        with self._explained():
            return self._transactions.read(reading)

    def _explained(self) -> AbstractContextManager[None]:
        return explained(self.path)
