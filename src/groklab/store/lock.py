"""One writer a store: an advisory lock that vanishes with the process that holds it, however it ends."""

import fcntl
import os
from pathlib import Path

from groklab.errors import StoreError
from groklab.store.places import LOCK


def acquire(folder: Path) -> int:
    """Locks `folder` and returns the descriptor that holds the lock; closing it releases.

    Raises `StoreError` with the holder's process id when another process, or this one, holds it already, and
    `OSError` when the lock file cannot be written.
    """
    # Opening a file anew gives a lock of its own, so that a second writer in this process is refused as well.
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise StoreError(
            f"{folder} is being written by process {holder}; wait for it, stop it, or choose another --out"
        ) from None
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
