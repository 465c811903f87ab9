"""The picture of the rooms on the page of the architecture: which hands what on to which."""

import html
from typing import NamedTuple


class Box(NamedTuple):
    """A room: its place in columns and rows, and what lives there."""

    column: int
    row: float
    does: str


WIDE, HIGH, ACROSS, DOWN, MARGIN = 148, 50, 192, 72, 14
ROOMS = {
    "studies/": Box(0, 0, "one experiment a file"),
    "tasks/, groups/": Box(0, 1, "what is learned"),
    "models/": Box(0, 2, "what learns it"),
    "measures/": Box(0, 3, "what is measured"),
    "training/plan": Box(1, 0, "batches of equal shape"),
    "training/trainer": Box(1, 2, "steps, measures, statuses"),
    "engines/": Box(2, 0, "where batches run"),
    "store/": Box(2, 2, "transactions (Icechunk)"),
    "results/": Box(3, 0.5, "kept files"),
    "record": Box(3, 2, "datasets, networks"),
    "circuits/": Box(4, 0, "a network taken apart"),
    "figures/": Box(4, 1, "figures, for print too"),
    "report/": Box(4, 2, "the page"),
    "serve/": Box(5, 2, "the page, live"),
    "findings/, claims/": Box(4, 3, "verdicts, study pages"),
}
"""The rooms in the order of the way of the data."""
ARROWS = (
    ("studies/", "training/plan"),
    ("training/plan", "engines/"),
    ("engines/", "training/trainer"),
    ("tasks/, groups/", "training/trainer"),
    ("models/", "training/trainer"),
    ("measures/", "training/trainer"),
    ("training/trainer", "store/"),
    ("store/", "record"),
    ("record", "results/"),
    ("results/", "record"),
    ("record", "circuits/"),
    ("record", "figures/"),
    ("record", "report/"),
    ("record", "findings/, claims/"),
    ("report/", "serve/"),
)
"""From which room to which; both ways are two arrows, drawn as one with two heads."""


def drawn() -> str:
    """The picture, as SVG."""
    width = MARGIN * 2 + WIDE + ACROSS * max(box.column for box in ROOMS.values())
    height = MARGIN * 2 + HIGH + DOWN * max(box.row for box in ROOMS.values())
    words = "; ".join(f"{one} to {other}" for one, other in ARROWS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="sans-serif" '
        f'font-size="13" role="img"><title>{html.escape(words)}</title>',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#5a6472"/></marker></defs>',
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
    ]
    for one, other in ARROWS:
        if (other, one) in ARROWS[: ARROWS.index((one, other))]:
            continue
        start = ' marker-start="url(#head)"' if (other, one) in ARROWS else ""
        parts.append(
            f'<path d="{_way(ROOMS[one], ROOMS[other])}" stroke="#5a6472" fill="none" marker-end="url(#head)"{start}/>'
        )
    for name, box in ROOMS.items():
        x, y = _corner(box)
        middle = f'x="{x + WIDE / 2:g}" text-anchor="middle"'
        parts += [
            f'<rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="7" fill="#eef2f9" stroke="#9db0cf"/>',
            f'<text {middle} y="{y + 21:g}" font-weight="bold">{html.escape(name)}</text>',
            f'<text {middle} y="{y + 38:g}" font-size="11">{html.escape(box.does)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _corner(box: Box) -> tuple[float, float]:
    return MARGIN + ACROSS * box.column, MARGIN + DOWN * box.row


def _way(one: Box, other: Box) -> str:
    """From the edge of a box to that of another: sideways between columns, upright within one."""
    (x, y), (a, b) = _corner(one), _corner(other)
    if one.column == other.column:
        down = one.row < other.row
        return f"M{x + WIDE / 2:g} {y + HIGH * down:g}V{b + HIGH * (not down):g}"
    right = one.column < other.column
    return f"M{x + WIDE * right:g} {y + HIGH / 2:g}L{a + WIDE * (not right):g} {b + HIGH / 2:g}"
