"""How the room of a page is shared: explorers take what they need up to a limit, and curves what they leave.

Base64 has 4 characters for 3 bytes. Deflating saves little on numbers like these, and is not counted on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

PAGE = 7_700_000
"""Characters of all that is packed in a page: with tables, scripts and styles, it stays below 8 MB."""
EXPLORERS = 4_250_000
"""Characters of all records' explorers: five runs of 61 kept networks of the main setting (P = 113), and no less."""
CURVES = 2_400_000
"""Bytes of all records' curves before they are packed, at most."""
STEPS = 24
"""Steps of each run at least, where that many were kept and more than one run is shown."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the explorer of one run would take."""

    kept: Sequence[int]
    """The steps whose networks were kept."""
    bytes_a_step: int
    """Bytes of one network's tables and measures."""
    bytes_a_run: int
    """Bytes that are there once."""


def curves_room(taken: int) -> int:
    """Bytes for all curves before they are packed, where all else that is packed takes that many characters."""
    return min(CURVES, (PAGE - taken) * 3 // 4)


def affordable(runs: Mapping[int, Wanted], budget: int) -> dict[int, list[int]]:
    """Which steps of which runs, by number, fit into so many characters: of each run an even choice with both ends.

    Where that leaves fewer than `STEPS` steps a run, an even choice of the runs is taken.
    """
    room = budget * 3 // 4
    for count in range(len(runs), 0, -1):
        some = evenly(list(runs), count)
        each = [runs[number] for number in some]
        steps = (room - sum(one.bytes_a_run for one in each)) // sum(one.bytes_a_step for one in each)
        if steps >= STEPS or all(steps >= len(one.kept) for one in each) or count == 1:
            return {number: evenly(runs[number].kept, max(2, steps)) for number in some}
    return {}


def evenly(values: Sequence[T], count: int) -> list[T]:
    """At most so many of the values, evenly chosen in their order, with both ends if there is room for two."""
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), count)).round().astype(int))
    return [values[place] for place in places]
