"""Lines over two axes, as SVG; light enough to stand in a repository."""

import html
import math
import textwrap
from collections.abc import Mapping, Sequence

Point = tuple[float, float]
COLOURS = ("#1f6fb4", "#d1603d", "#3f8f5b", "#8a5fb0", "#7a7a7a", "#b8860b")
DASHES = ("", "7 4", "2 3", "9 3 2 3")
SHADES = ("#f3f0e6", "#e6eef6", "#e9f3ea")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, LINE = 720, 400, 74, 190, 40, 54, 22
MARKS = 20
"""Points of a line from which on they are not marked one by one."""


def lines(
    series: Mapping[str, Sequence[Point]],
    *,
    title: str,
    x: str,
    y: str,
    log_x: bool = True,
    log_y: bool = True,
    overlaid: bool = False,
    bands: Sequence[tuple[str, float, float]] = (),
) -> str:
    """A figure of one line a series, told apart by colour and then by dashes, with their names beside it.

    `x` and `y` are the axes' titles. Points that an axis does not have (0 or less on a logarithmic one, NaN and
    infinity on any) are left out, and break the line; a series of such alone is left out. `overlaid` draws earlier
    lines wider, so that lines that lie on each other are all seen. `bands` are stretches of the horizontal axis, each
    with its name: shaded in turn, cut at the axis' ends, left out beyond. Raises `ValueError` where no point is left.
    """
    broken = {name: _pieces(points, log_x, log_y) for name, points in series.items()}
    pieces = {name: parts for name, parts in broken.items() if parts}
    every = [point for parts in pieces.values() for part in parts for point in part]
    if not every:
        raise ValueError("there is nothing to draw")
    heads = textwrap.wrap(title, 84) or [""]
    top = TOP + 20 * (len(heads) - 1)
    names = {name: textwrap.wrap(name, 22) or [""] for name in pieces}
    bottom = max(top + HEIGHT - TOP - BOTTOM, top + sum(6 + 16 * len(words) for words in names.values()))
    across = _Axis([point[0] for point in every], LEFT, WIDTH - RIGHT, log_x)
    up = _Axis([point[1] for point in every], bottom, top, log_y)
    middle = (top + bottom) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + BOTTOM}" font-family="sans-serif" '
        f'font-size="13" role="img"><title>{html.escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{bottom + BOTTOM}" fill="white"/>',
        *(text(LEFT, 22 + 20 * row, words, size=15) for row, words in enumerate(heads)),
        text((LEFT + WIDTH - RIGHT) / 2, bottom + 40, x, anchor="middle"),
        f'<g transform="rotate(-90 18 {middle:g})">{text(18, middle, y, anchor="middle")}</g>',
    ]
    for number, (name, start, end) in enumerate(bands):
        first, last = (across.within(value) for value in (start, end))
        if last > first:
            size, shade = f'width="{last - first:.1f}" height="{bottom - top}"', SHADES[number % len(SHADES)]
            parts.append(f'<rect x="{first:.1f}" y="{top}" {size} fill="{shade}"/>')
            parts.append(text((first + last) / 2, top - 5, name, anchor="middle", size=11))
    for place, words in across.ticks():
        parts.append(f'<path d="M{place:.1f} {top}V{bottom}" stroke="#e4e4e4"/>')
        parts.append(text(place, bottom + 18, words, anchor="middle"))
    for place, words in up.ticks():
        parts.append(f'<path d="M{LEFT} {place:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
        parts.append(text(LEFT - 8, place + 4, words, anchor="end"))
    line = top + 14
    for number, (name, found) in enumerate(pieces.items()):
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        width = 2 + 1.8 * (len(pieces) - 1 - number) if overlaid else 2
        colour = COLOURS[number % len(COLOURS)]
        style = f'stroke="{colour}" stroke-width="{width:.1f}"'
        style += f' stroke-dasharray="{dash}"' if dash else ""
        for piece in found:
            places = [(across.place(a), up.place(b)) for a, b in piece]
            parts.append(_line(places, style))
            if len(piece) == 1 or sum(map(len, found)) < MARKS:
                parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}"/>' for a, b in places]
        end = WIDTH - RIGHT + 16
        parts.append(f'<path d="M{end} {line - 5}h22" {style}/>')
        parts += [text(end + 28, line + 16 * row, words) for row, words in enumerate(names[name])]
        line += 6 + 16 * len(names[name])
    return "\n".join([*parts, "</svg>", ""])


def _pieces(points: Sequence[Point], log_x: bool, log_y: bool) -> list[list[Point]]:
    """A line's points between those that the axes do not have."""
    pieces: list[list[Point]] = [[]]
    for a, b in points:
        if math.isfinite(a) and math.isfinite(b) and (a > 0 or not log_x) and (b > 0 or not log_y):
            pieces[-1].append((a, b))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _line(places: list[Point], style: str) -> str:
    """A piece as a path, without points nearer than a pixel to the one before."""
    kept = places[:1]
    for place in places[1:]:
        if abs(place[0] - kept[-1][0]) >= 1 or abs(place[1] - kept[-1][1]) >= 1:
            kept.append(place)
    if kept[-1] != places[-1]:
        kept.append(places[-1])
    return f'<path d="M{"L".join(f"{a:.1f} {b:.1f}" for a, b in kept)}" fill="none" {style} opacity="0.85"/>'


class _Axis:
    """From values to places between `start` and `end`."""

    def __init__(self, values: Sequence[float], start: float, end: float, log: bool) -> None:
        self.start, self.end, self.log = start, end, log
        self.low, self.high = self._scale(min(values)), self._scale(max(values))
        if self.high - self.low <= 1e-9 * max(abs(self.low), abs(self.high), 1e-300):
            half = 0.5 if log or self.low == 0 else abs(self.low) / 2
            self.low, self.high = self.low - half, self.high + half
        margin = 0.05 if log else 0.02 * (self.high - self.low)
        self.low, self.high = self.low - margin, self.high + margin

    def _scale(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def place(self, value: float) -> float:
        return self.start + (self.end - self.start) * (self._scale(value) - self.low) / (self.high - self.low)

    def within(self, value: float) -> float:
        """The place of a value, or the axis' end that is nearest to it."""
        place = self.place(value) if value > 0 or not self.log else self.start
        return min(max(place, self.start), self.end)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and words of the marks: four to nine of them."""
        values, step = self._powers() if self.log else self._even()
        return [(self.place(value), _number(value, step)) for value in values]

    def _even(self) -> tuple[list[float], float]:
        span = self.high - self.low
        ten = 10.0 ** math.floor(math.log10(span))
        step = next(step for step in (ten / 5, ten / 2, ten, 2 * ten) if span / step <= 8.5)
        return [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)], step

    def _powers(self) -> tuple[list[float], float | None]:
        span = self.high - self.low
        if span < 0.7:
            inner = _Axis([10**self.low, 10**self.high], 0, 1, False)
            values, step = inner._even()
            return [value for value in values if value > 0 and self.low <= math.log10(value) <= self.high], step
        first, last = math.floor(self.low), math.ceil(self.high)
        stride = max(1, math.ceil(span / 9))
        marks = [1, 2, 5] if span < 2.5 else [1]
        values = [m * 10.0**e for e in range(first - first % stride, last + 1, stride) for m in marks]
        return [value for value in values if self.low <= math.log10(value) <= self.high], None


def _number(value: float, step: float | None) -> str:
    """A mark's number, with as many digits as steps of that size need; without a step, as few as it has."""
    size = max(abs(value), step or 0)
    if value == 0 or (step is not None and abs(value) < step / 2):
        return "0"
    if not 1e-4 < size < 1e7:
        mantissa, _, exponent = f"{value:.6e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if step is None:
        return f"{value:,.10g}"
    return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 13) -> str:
    """Words at a place of a drawing, which is where they start, or their `middle` or `end`."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{html.escape(words)}</text>'
