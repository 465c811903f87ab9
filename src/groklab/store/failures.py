"""Whatever goes wrong between groklab and the disk, as one `StoreError` that says what to do."""

import errno
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from icechunk import ConflictError, IcechunkError

from groklab.errors import StoreError

# What icechunk, zarr, its codecs and xarray raise on damaged data; zarr's own errors derive from these.
LIBRARY_ERRORS = (IcechunkError, ConflictError, OSError, ValueError, KeyError, RuntimeError)


@contextmanager
def explained(path: Path, kept: str = "nothing was lost") -> Generator[None]:
    """Turns the libraries' errors about the store at `path` into a `StoreError`; `kept` says what is safe."""
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise StoreError(explanation(error, path, kept)) from error


def explanation(error: BaseException, path: Path, kept: str) -> str:
    """The one line for an error. Icechunk gives the operating system's error as text, `(os error 28)`."""
    written = re.search(r"\(os error (\d+)\)", str(error))
    number = error.errno if isinstance(error, OSError) and error.errno else int(written[1]) if written else 0
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left on {path}; free some and run the same command again: {kept}"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission for {path} ({os.strerror(number)}); change that or choose another folder"
    if isinstance(error, ConflictError):
        return f"another process wrote to {path} meanwhile; stop it and run the same command again: {kept}"
    if number and number != errno.ENOENT:
        return f"{path} cannot be used ({os.strerror(number)}); choose another folder, or mend it and try again"
    first = re.sub(r"\s+", " ", str(error).strip().removeprefix("x ").splitlines()[0]) if str(error).strip() else ""
    reason = first.replace(f"{path.absolute()}/", "")[:160] or type(error).__name__
    return f"the store {path} is damaged ({reason}); restore it from a copy, or remove it and run again"
