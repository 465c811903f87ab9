"""A batch's lease where there are no locks: kept in the batch's own repository, and lost when it is not renewed.

Taking it is a commit like any other, and so conditional on the newest commit: of two that take it at once, one wins.
Every commit of its holder renews it. It has expired when the newest commit is older than its life **by the storage's
own clock**, so that the clocks of those who share a store do not matter.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from groklab.store import holder
from groklab.store.place import Place

LIFE = 90.0
"""Seconds that a lease lasts without a commit; it is renewed when a third of them has passed."""
NAME = "lease"
"""The attribute of the repository that holds it, and the message of commits that do nothing else."""
WHOLE_SECONDS = 1.0
"""To what storages round the time of an object."""


@dataclass
class Lease:
    """One writer's lease of one batch."""

    life: float = LIFE
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    holder: str = field(default_factory=holder.described)
    renewed: float = field(default_factory=time.monotonic)
    """When it was renewed last, by this process's clock."""

    def attributes(self) -> dict[str, Any]:
        """What a commit of the holder writes; another each time."""
        known = {"holder": self.holder, "token": self.token, "life": self.life, "process": holder.mark()}
        return {NAME: known | {"commit": uuid.uuid4().hex}}

    @property
    def due(self) -> bool:
        """Whether it should be renewed."""
        return time.monotonic() - self.renewed >= self.life / 3


def must_be_free(attributes: Mapping[str, Any], age: float, place: Place) -> None:
    """Raises `Taken` where the attributes of a repository, whose newest commit is `age` seconds old, hold a lease.

    One that has expired is none, nor is one of a process of this machine that has ended.
    """
    held = attributes.get(NAME)
    if held and age <= held["life"] + WHOLE_SECONDS and not holder.ended(held.get("process")):
        raise holder.taken(place, "being trained", held["holder"])
