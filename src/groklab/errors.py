"""What groklab says when it cannot go on: one line, with what was given, what is accepted and what to do."""

import difflib
from collections.abc import Iterable


class Mistake(Exception):
    """Something the user gave cannot be used. Its text is one line, fit to be shown as it stands."""


class StoreError(Mistake):
    """A store cannot be read or written: missing, corrupt, too new, in use, full, or not permitted."""


def unknown(kind: str, given: str, known: Iterable[str]) -> Mistake:
    """The mistake of a name that is not known: names the nearest ones, or all when none is near.

    `kind` is what the name stands for ("study", "field"), `given` what was written.
    """
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return Mistake(f"no {kind} is called {given!r}; {hint}")
