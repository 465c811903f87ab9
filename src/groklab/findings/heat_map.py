"""A heat map as SVG; light enough to stand in a repository."""

import html
import math
import textwrap
from collections.abc import Sequence
from itertools import groupby

from groklab.drawing import COLOURS, LEFT, RIGHT, TOP, WIDTH, text
from groklab.findings.analysis import HeatMap

SIDE = WIDTH - LEFT - RIGHT
"""What the longer side takes."""
DARKEST, MARK, NOTHING = (16, 60, 102), COLOURS[1], "#ececec"
LEVELS = 25
"""Shades beside white: cells that are alike are one shape."""
BAR, ROOM = 150, 18
"""Height of the bar of shades, and what a name takes along an axis."""


def heat_map(shown: HeatMap) -> str:
    """The heat map, white for 0, grey where there is no number; outlined cells; the bar of shades beside it.

    Where cells are small only every second, third, ... row and column has its name.
    """
    heads = textwrap.wrap(shown.title, 84) or [""]
    top = TOP + 20 * (len(heads) - 1)
    cell = SIDE / max(len(shown.rows), len(shown.columns), 1)
    across, down = cell * len(shown.columns), cell * len(shown.rows)
    height = max(top + down, top + BAR + 160) + 54
    stride = math.ceil(ROOM / cell)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" font-family="sans-serif" '
        f'font-size="13" role="img"><title>{html.escape(shown.title)}</title>',
        f'<rect width="{WIDTH}" height="{height:g}" fill="white"/>',
        *(text(LEFT, 22 + 20 * row, words, size=15) for row, words in enumerate(heads)),
        text(LEFT + across / 2, top + down + 40, shown.x, anchor="middle"),
        f'<g transform="rotate(-90 18 {top + down / 2:g})">{text(18, top + down / 2, shown.y, anchor="middle")}</g>',
        f'<rect x="{LEFT}" y="{top}" width="{across:.1f}" height="{down:.1f}" fill="{NOTHING}"/>',
    ]
    for place in range(0, len(shown.columns), stride):
        words = shown.columns[place]
        parts.append(text(LEFT + (place + 0.5) * cell, top + down + 16, words, anchor="middle", size=11))
    for place in range(0, len(shown.rows), stride):
        words = shown.rows[place]
        parts.append(text(LEFT - 6, top + (place + 0.5) * cell + 4, words, anchor="end", size=11))
    levels = [[_level(value, shown.most) for value in row] for row in shown.values]
    for level in range(LEVELS + 1):
        shape = _shape(levels, level, cell, top)
        parts += [f'<path d="{shape}" fill="{_colour(level)}"/>'] if shape else []
    for row, column in shown.marked:
        parts.append(_outline(LEFT + column * cell, top + row * cell, cell))
    return "\n".join([*parts, *_beside(shown, top), "</svg>", ""])


def _beside(shown: HeatMap, top: int) -> list[str]:
    """The bar of shades with its title, and what is outlined."""
    left = WIDTH - RIGHT + 16
    title = textwrap.wrap(shown.shade, 24)
    parts = [text(left, top + 12 + 16 * row, words) for row, words in enumerate(title)]
    bar, step = top + 12 + 16 * len(title), BAR / LEVELS
    parts += [
        f'<rect x="{left}" y="{bar + BAR - (level + 1) * step:.1f}" width="16" height="{step:.1f}" '
        f'fill="{_colour(level + 1)}"/>'
        for level in range(LEVELS)
    ]
    for share in (0, 0.5, 1):
        parts.append(text(left + 24, bar + BAR * (1 - share) + 4, f"{share * shown.most:g}"))
    if shown.marked:
        parts.append(_outline(left, bar + BAR + 24, 14))
        words = textwrap.wrap(shown.marks, 21)
        parts += [text(left + 24, bar + BAR + 36 + 16 * row, line) for row, line in enumerate(words)]
    return parts


def _level(value: float | None, most: float) -> int | None:
    return None if value is None or math.isnan(value) else round(LEVELS * min(max(value / most, 0.0), 1.0))


def _colour(level: int) -> str:
    return "#" + "".join(f"{round(255 + (one - 255) * level / LEVELS):02x}" for one in DARKEST)


def _shape(levels: Sequence[Sequence[int | None]], level: int, cell: float, top: int) -> str:
    """All cells of a level as the outline of a path: neighbours in a row together."""
    found: list[str] = []
    for row, line in enumerate(levels):
        place = 0
        for one, group in groupby(line):
            count = len(list(group))
            if one == level:
                corner = f"M{LEFT + place * cell:.1f} {top + row * cell:.1f}"
                found.append(f"{corner}h{count * cell:.1f}v{cell:.1f}h-{count * cell:.1f}z")
            place += count
    return "".join(found)


def _outline(x: float, y: float, side: float) -> str:
    width = min(2.0, side / 5)
    size = f'width="{side - width:.1f}" height="{side - width:.1f}"'
    place = f'x="{x + width / 2:.1f}" y="{y + width / 2:.1f}"'
    return f'<rect {place} {size} fill="none" stroke="{MARK}" stroke-width="{width:g}"/>'
