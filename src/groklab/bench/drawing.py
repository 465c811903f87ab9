"""Lines on two logarithmic axes, as SVG; light enough to stand in a repository."""

import html
import math
from collections.abc import Mapping, Sequence

Point = tuple[float, float]
COLOURS = ("#1f6fb4", "#d1603d", "#3f8f5b", "#8a5fb0", "#7a7a7a", "#b8860b")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 74, 190, 40, 54


def lines(
    series: Mapping[str, Sequence[Point]], *, title: str, x: str, y: str, log_x: bool = True, log_y: bool = True
) -> str:
    """A figure of one line a series. Where all of a series' points agree with another's, it lies under it.

    `x` and `y` are the axes' titles. Points that a logarithmic axis does not have are left out.
    """
    kept = {
        name: [point for point in points if (not log_x or point[0] > 0) and (not log_y or point[1] > 0)]
        for name, points in series.items()
    }
    every = [point for points in kept.values() for point in points]
    if not every:
        raise ValueError("there is nothing to draw")
    across = _Axis([point[0] for point in every], LEFT, WIDTH - RIGHT, log_x)
    up = _Axis([point[1] for point in every], HEIGHT - BOTTOM, TOP, log_y)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13" role="img"><title>{html.escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 22, title, size=15),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x, anchor="middle"),
        f'<g transform="rotate(-90 18 {HEIGHT / 2})">{_text(18, HEIGHT / 2, y, anchor="middle")}</g>',
    ]
    for value in across.ticks():
        place = across.place(value)
        parts.append(f'<path d="M{place:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
        parts.append(_text(place, HEIGHT - BOTTOM + 18, f"{value:g}", anchor="middle"))
    for value in up.ticks():
        place = up.place(value)
        parts.append(f'<path d="M{LEFT} {place:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
        parts.append(_text(LEFT - 8, place + 4, f"{value:g}", anchor="end"))
    for number, (name, points) in enumerate(kept.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across.place(point[0]), up.place(point[1])) for point in points]
        path = " ".join(f"{'ML'[place > 0]}{a:.1f} {b:.1f}" for place, (a, b) in enumerate(places))
        # Earlier lines are wider, so that those that lie on each other are all seen.
        width = 2 + 1.8 * (len(kept) - 1 - number)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:.1f}" opacity="0.85"/>')
        if len(places) < 20:
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}"/>' for a, b in places]
        line = TOP + 14 + 22 * number
        parts.append(f'<rect x="{WIDTH - RIGHT + 16}" y="{line - 9}" width="18" height="6" fill="{colour}"/>')
        parts.append(_text(WIDTH - RIGHT + 42, line, name))
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    def __init__(self, values: Sequence[float], start: float, end: float, log: bool) -> None:
        self.start, self.end, self.log = start, end, log
        self.low, self.high = self._scale(min(values)), self._scale(max(values))
        if self.high - self.low < 1e-9:
            self.low, self.high = self.low - 0.5, self.high + 0.5
        if log:
            self.low, self.high = self.low - 0.05, self.high + 0.05

    def _scale(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def place(self, value: float) -> float:
        return self.start + (self.end - self.start) * (self._scale(value) - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        if not self.log:
            step = 10 ** math.floor(math.log10(self.high - self.low))
            step = step if (self.high - self.low) / step >= 3 else step / 4
            return [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        span = range(math.floor(self.low), math.ceil(self.high) + 1)
        marks = [1, 2, 5] if self.high - self.low < 2.5 else [1]
        return [m * 10.0**e for e in span for m in marks if self.low <= math.log10(m * 10.0**e) <= self.high]


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{html.escape(words)}</text>'
