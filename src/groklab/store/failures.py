"""Whatever goes wrong between groklab and the disk or the storage, as one `StoreError` that says what to do."""

import errno
import os
import re
from collections.abc import Generator
from contextlib import contextmanager

from icechunk import ConflictError, IcechunkError

from groklab.errors import StoreError
from groklab.store.place import Place
from groklab.store.refusals import code_in, lasting, refused, unreached

# What icechunk, zarr, its codecs and xarray raise on damaged data; zarr's own errors derive from these.
LIBRARY_ERRORS = (IcechunkError, ConflictError, OSError, ValueError, KeyError, RuntimeError)
ANSWERLESS = re.compile(r"(?i)dispatch failure|timeout|timed out|streaming error|connection|incomplete|response error")
"""Words of Icechunk for a storage that does not answer, or not to the end."""
DRIFTED = "machine clock has drifted"
"""Words of Icechunk for a clock that is more than ten minutes from the storage's."""


NONE_THERE = "repository doesn't exist"
"""Words of Icechunk where there is no repository."""
NO_THREAD = "can't start new thread"
"""Words of Python where the operating system gives no thread, for want of memory or by its limits."""
OUT_OF_ORDER = "invalid snapshot timestamp ordering"
"""Words of Icechunk for a clock that is behind that of the machine that committed last."""


@contextmanager
def explained(place: Place, kept: str = "nothing was lost") -> Generator[None]:
    """Turns the libraries' errors about the store at `place` into a `StoreError`; `kept` says what is safe.

    What this process lacks itself, a thread, stays what it is: a `MemoryError`.
    """
    try:
        yield
    except LIBRARY_ERRORS as error:
        if NO_THREAD in str(error):
            raise MemoryError(f"no thread could be started to reach {place}") from error
        raise StoreError(explanation(error, place, kept)) from error


def explanation(error: BaseException, place: Place, kept: str) -> str:
    """The one line for an error. Icechunk gives the operating system's error as text, `(os error 28)`."""
    if isinstance(error, ConflictError):
        return f"another process wrote to {place} meanwhile; stop it and run the same command again: {kept}"
    if OUT_OF_ORDER in str(error):
        behind = "the clock of this machine is behind that of the one that committed last"
        return f"{behind} to {place}; set both, and run the same command again: {kept}"
    if place.local is None and (words := _of_storage(str(error), place, kept)):
        return words
    written = re.search(r"\(os error (\d+)\)", str(error))
    number = error.errno if isinstance(error, OSError) and error.errno else int(written[1]) if written else 0
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left on {place}; free some and run the same command again: {kept}"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission for {place} ({os.strerror(number)}); change that or choose another folder"
    if number and number != errno.ENOENT:
        return f"{place} cannot be used ({os.strerror(number)}); choose another folder, or mend it and try again"
    first = re.sub(r"\s+", " ", str(error).strip().removeprefix("x ").splitlines()[0]) if str(error).strip() else ""
    inside = f"{place.local.absolute()}/" if place.local is not None else f"{place}/"
    reason = first.replace(inside, "")[:160] or type(error).__name__
    return f"the store {place} is damaged ({reason}); restore it from a copy, or remove it and run again"


def passing(error: BaseException) -> bool:
    """Whether an error of Icechunk may be gone when the same is tried again."""
    text = str(error)
    return not lasting(code_in(text) or "") and DRIFTED not in text and NONE_THERE not in text


def _of_storage(text: str, place: Place, kept: str) -> str | None:
    """The one line for what object storage refused or did not answer; nothing where it did its part."""
    code = code_in(text)
    if code is not None:
        return refused(code, place, kept)
    if DRIFTED in text:
        return refused("RequestTimeTooSkewed", place, kept)
    if "service error" not in text and not ANSWERLESS.search(text):
        return None
    from groklab.store.objects import ask

    try:
        # Icechunk does not always tell the storage's reason.
        ask(place, kept, writing="writing" in text)
    except StoreError as reason:
        return str(reason)
    if "service error" in text:
        return f"the storage refused something of {place} and did not say why; run the same command again: {kept}"
    return unreached(place, kept)
