"""Commits to one repository by one writer: each all or nothing, each upon the last one of that same writer.

Whoever else commits in between has taken the repository over, and nothing of this writer's gets in any more. In object
storage every commit also renews the writer's lease, and what fails by the way is tried again.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import icechunk
import zarr

from groklab.errors import StoreError
from groklab.store import objects
from groklab.store.failures import LIBRARY_ERRORS, OUT_OF_ORDER, passing
from groklab.store.lease import NAME, Lease, must_be_free
from groklab.store.place import Place
from groklab.store.repositories import PAUSE, TRIES, patiently

T = TypeVar("T")

MARK = "mark"
"""The property of a commit by which its writer knows it again."""
BEHIND = 30.0
"""Seconds that a clock may be behind that of the machine that committed last: so long a commit waits."""


class Transactions:
    """The commits of one writer to the repository at `place`, which it takes by the first of them.

    Not for several threads at once.
    """

    def __init__(self, place: Place, repository: icechunk.Repository) -> None:
        self.place = place
        self._repository = repository
        self._lease = Lease() if place.local is None else None
        self._tip: str | None = None
        self._sound = True

    @property
    def due(self) -> bool:
        """Whether a lease is held that should be renewed."""
        return self._lease is not None and self._tip is not None and self._lease.due

    def commit(self, message: str, change: Callable[[zarr.Group], None], **properties: Any) -> None:
        """Commits what `change` does to the root group, if anything; it is called anew for another try.

        Raises `Taken` where the first commit finds another writer's lease, `StoreError` where a later one finds that
        another writer has taken over.
        """
        mark, until = uuid.uuid4().hex, time.monotonic() + BEHIND
        tries = 1 if self._lease is None else TRIES
        while True:
            begun = time.monotonic()
            try:
                self._once(message, change, {**properties, MARK: mark})
            except (icechunk.IcechunkError, icechunk.ConflictError) as error:
                if OUT_OF_ORDER in str(error) and time.monotonic() < until:
                    time.sleep(1.0)
                    continue
                tries -= 1
                if tries == 0 or not passing(error):
                    self._sound = False
                    raise
                time.sleep(PAUSE)
            else:
                if self._lease is not None:
                    self._lease.renewed = begun
                return

    def must_hold(self) -> None:
        """Raises `StoreError` where another writer has taken over."""
        if patiently(self.place, lambda: self._repository.lookup_branch("main")) != self._tip:
            raise self._taken_over(self.read(lambda root: root.attrs.asdict()))

    def release(self) -> None:
        """Gives the lease back; one that cannot be given back expires."""
        held, self._lease = self._lease, None
        if held is not None and self._tip is not None and self._sound:
            with contextlib.suppress(*LIBRARY_ERRORS, StoreError):
                self.commit(NAME, lambda root: set_attributes(root, {NAME: None}))

    def read(self, reading: Callable[[zarr.Group], T]) -> T:
        """What `reading` makes of the newest commit."""

        def once() -> T:
            session = self._repository.readonly_session("main")
            return reading(zarr.open_group(session.store, mode="r", zarr_format=3))

        return patiently(self.place, once)

    def _once(self, message: str, change: Callable[[zarr.Group], None], properties: Mapping[str, Any]) -> None:
        session = self._repository.writable_session("main")
        tip = session.snapshot_id
        if tip != self._tip and self._repository.lookup_snapshot(tip).metadata.get(MARK) == properties[MARK]:
            # The last try got through, only its answer did not.
            self._tip = tip
            return
        root = zarr.open_group(session.store, mode="a", zarr_format=3)
        if self._tip not in (None, tip):
            raise self._taken_over(root.attrs.asdict())
        if self._lease is not None:
            if self._tip is None:
                there = objects.tip(self.place)
                must_be_free(root.attrs.asdict(), there.age if there else 0.0, self.place)
            set_attributes(root, self._lease.attributes())
        change(root)
        self._tip = session.commit(message, dict(properties)) if session.has_uncommitted_changes else tip

    def _taken_over(self, attributes: Mapping[str, Any]) -> StoreError:
        by = (attributes.get(NAME) or {}).get("holder", "another process")
        return StoreError(
            f"{self.place} was taken over by {by}, as nothing was heard of this process for too long; this one stops "
            "here, and what that one commits counts"
        )


def set_attributes(group: zarr.Group, attributes: Mapping[str, Any]) -> None:
    """Adds to a group's attributes, or replaces those of these names."""
    group.update_attributes(dict(attributes))
