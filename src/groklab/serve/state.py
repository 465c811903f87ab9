"""How a store stands, as far as it can be said without drawing anything."""

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import groklab
from groklab.errors import StoreError
from groklab.serve.found import odd_entry
from groklab.store.commits import Commits, commits
from groklab.store.place import Place

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class State:
    """How a store, or a folder of stores, stands."""

    version: str
    """Changes with every commit, and with nothing else."""
    study: str = ""
    scale: str = ""
    runs: int = 0
    ended: int = 0
    """Runs that are not trained further."""
    committed: datetime | None = None
    """When the newest commit was written."""
    problem: str = ""
    """Why it cannot be read, on one line; empty where it can."""

    def to_json(self) -> dict[str, object]:
        """What a page that follows the store asks for."""
        return {
            "version": self.version,
            "committed": self.committed.isoformat(timespec="milliseconds") if self.committed else None,
            "runs": self.runs,
            "ended": self.ended,
            "problem": self.problem,
        }


class Watched:
    """A store or kept result that is looked at again and again; its contents are read when a commit came."""

    def __init__(self, path: Place, root: Place) -> None:
        self.path = path
        self._root = root
        self._commits: Commits | None = None
        self._state = State(version="")

    def state(self) -> State:
        """How it stands now. What cannot be read has a `problem`; nothing is raised for it."""
        try:
            if self._state.problem:
                self._look()
            else:
                patiently(self._look)
        except StoreError as error:
            # A commit that mends it makes another state, even if it is the one that was known before.
            self._commits = None
            self._state = State(version=digest([str(error)]), problem=self._without_root(str(error)))
        return self._state

    def _look(self) -> None:
        now = commits(self.path)
        if now != self._commits:
            self._state = self._read(now)
            self._commits = now

    def _read(self, now: Commits) -> State:
        odd = odd_entry(self.path)
        if odd is not None:
            raise StoreError(f"{self.path} is not served: {odd} in it is a link or a device, and could lead elsewhere")
        record = groklab.open(self.path)
        statuses = record.statuses
        return State(
            version=digest(now.identifiers),
            study=record.study,
            scale=record.scale,
            runs=len(statuses),
            ended=sum(status.ended for status in statuses),
            committed=now.written,
        )

    def _without_root(self, words: str) -> str:
        return " ".join(words.replace(f"{self._root}/", "").split())


def patiently(work: Callable[[], T]) -> T:
    """What `work` gives; tried twice, since a store that is being made can look damaged for a moment."""
    try:
        return work()
    except StoreError:
        time.sleep(0.3)
        return work()


def together(states: "dict[str, State]") -> State:
    """The state of a folder, by those of its stores by name."""
    return State(
        version=digest(part for name, state in states.items() for part in (name, state.version)),
        runs=sum(state.runs for state in states.values()),
        ended=sum(state.ended for state in states.values()),
        committed=max((state.committed for state in states.values() if state.committed), default=None),
    )


def digest(parts: Iterable[str]) -> str:
    """A short name for texts in their order."""
    joined = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:16]
