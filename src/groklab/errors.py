"""What groklab says when it cannot go on: one line, with what was given, what is accepted and what to do."""

import difflib
from collections.abc import Iterable


class Mistake(Exception):
    """Something the user gave cannot be used. Its text is one line, fit to be shown as it stands."""


class StoreError(Mistake):
    """A store cannot be read or written: missing, corrupt, too new, in use, full, or not permitted."""


class GivenUp(Exception):
    """Batches failed again and again, and were given up; all others are done. Its text is one line of reasons."""


class Taken(StoreError):
    """A part of a store that another process is writing; `holder` says which."""

    def __init__(self, words: str, holder: str = "") -> None:
        super().__init__(words)
        self.holder = holder


class Caution(UserWarning):
    """Something that works but that the user should know. Its text is one line, fit to be shown as it stands."""


def unknown(kind: str, given: str, known: Iterable[str]) -> Mistake:
    """The mistake of a name that is not known: names the nearest ones, or all when none is near.

    `kind` is what the name stands for ("study", "field"), `given` what was written.
    """
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return Mistake(f"no {kind} is called {given!r}; {hint}")
