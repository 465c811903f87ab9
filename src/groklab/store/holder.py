"""Who holds a lease, in words for people, and in marks by which one machine knows its own processes."""

import hashlib
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from groklab.errors import Taken


def described() -> str:
    """This process: its number, its machine, and the time now."""
    return (
        f"process {os.getpid()} on {platform.node() or 'this machine'}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )


def taken(place: object, doing: str, by: str) -> Taken:
    """What is raised where somebody is at it; `doing` is what happens to the place, as "being trained"."""
    return Taken(f"{place} is {doing} by {by}; wait for it, stop it, or choose another --out", by)


def mark() -> list[str] | None:
    """This process as `ended` knows it again; nothing on machines that do not tell their processes apart for good."""
    here, begun = _machine(), _begun(os.getpid())
    return None if here is None or begun is None else [here, str(os.getpid()), begun]


def ended(marked: list[str] | None) -> bool:
    """Whether the process of a mark ran on this machine, in sight of this process, and is there no more."""
    if marked is None or len(marked) != 3 or marked[0] != _machine():
        return False
    process = int(marked[1])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        # It is there, and another user's.
        pass
    # Of processes that may not be looked at nothing is known, and they are taken to live.
    begun = _begun(process)
    return begun is not None and begun != marked[2]


def _machine() -> str | None:
    """A digest of this start of this machine and of what processes see each other on it."""
    try:
        parts = [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid"), platform.node()]
    except OSError:
        return None
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _begun(process: int) -> str | None:
    """When a process began, in ticks of the machine; nothing where there is none of that number."""
    try:
        # The command's name comes second, in parentheses, and may hold anything.
        return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
