"""Marked spots in a page that are filled in: `<!-- KIND NAME -->...<!-- end -->`, on one line or over several."""

import re
from collections.abc import Callable, Mapping

from groklab.errors import Mistake, unknown

SPOT = re.compile(r"<!-- (?P<kind>\w+) (?P<name>\S+) -->(?P<old>.*?)<!-- end -->", re.DOTALL)


def fill(text: str, makers: Mapping[str, Callable[[str], str]]) -> str:
    """The page with every spot filled by the maker of its kind, which is given its name; all else as it was.

    A spot that stands on lines of its own stays so. Raises `Mistake` for a kind that no maker is called, and for a
    spot that is not ended.
    """

    def filled(spot: re.Match[str]) -> str:
        kind, name = spot["kind"], spot["name"]
        if kind not in makers:
            raise unknown("kind of spot", kind, makers)
        if "<!--" in spot["old"]:
            raise Mistake(f"the spot <!-- {kind} {name} --> is not ended; write <!-- end --> behind it")
        new = makers[kind](name)
        own_lines = spot["old"].startswith("\n")
        return f"<!-- {kind} {name} -->{f'{chr(10)}{new}{chr(10)}' if own_lines else new}<!-- end -->"

    return SPOT.sub(filled, text)
