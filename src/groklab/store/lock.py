"""Locks of files: advisory, of one process each, and gone with the process that holds them, however it ends."""

import errno
import fcntl
import os
import time
from pathlib import Path

from groklab.errors import StoreError
from groklab.store.holder import described, taken

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems that cannot lock answer."""
PAUSE = 0.02
"""Seconds between two tries."""


def acquire(file: Path, held: Path, doing: str, patience: float = 0.0) -> int:
    """Locks `file`, made where it is not there, and returns the descriptor that holds the lock; closing it releases.

    Raises `Taken`, which says who holds it, when another process, or this one, does so for `patience` seconds;
    `held` is the folder that is locked so, and `doing` what is said of it then, as "being trained". Raises `StoreError`
    on a file system that has no locks, and `OSError` when the file cannot be written.
    """
    # Opening a file anew gives a lock of its own, so that a second writer in this process is refused as well.
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _wait(descriptor, held, doing, time.monotonic() + patience)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, described().encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _wait(descriptor: int, held: Path, doing: str, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                holder = os.pread(descriptor, 256, 0).decode(errors="replace").strip() or "another process"
                raise taken(held, doing, holder) from None
            time.sleep(PAUSE)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            raise StoreError(
                f"the file system of {held} has no locks, so that nothing would keep two processes from writing "
                "at once; choose a folder on another one, or s3://BUCKET/PREFIX"
            ) from error
        else:
            return
