"""Lines as SVG: points where the axes say, and axes whose marks can be read."""

import math
import re
from xml.etree import ElementTree

import pytest

from groklab.drawing import lines


def marks(figure: str, anchor: str) -> list[str]:
    """The words of an axis's marks: `middle` those along the horizontal one, `end` those along the vertical one."""
    return [words for words in re.findall(rf'text-anchor="{anchor}"[^>]*>([^<]*)<', figure) if words[:1] not in "xy"]


def circles(figure: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', figure)]


@pytest.mark.parametrize("log", [False, True])
def test_points_lie_where_their_marks_say(log: bool) -> None:
    values = [1.0, 10.0, 100.0] if log else [0.0, 20.0, 40.0]
    figure = lines({"a": [(v, v) for v in values]}, title="t", x="x", y="y", log_x=log, log_y=log)
    wanted = ["1", "10", "100"] if log else ["0", "20", "40"]
    assert set(wanted) <= set(marks(figure, "middle"))
    for value, (x, y) in zip(wanted, circles(figure), strict=True):
        assert re.search(rf'<text x="{x}" [^>]*middle[^>]*>{value}<', figure)
        assert re.search(rf'y="{y + 4:.1f}" [^>]*end[^>]*>{value}<', figure)
    first, second, third = circles(figure)
    assert second == pytest.approx(((first[0] + third[0]) / 2, (first[1] + third[1]) / 2), abs=0.1)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 40_000, "0 5,000 10,000 15,000 20,000 25,000 30,000 35,000 40,000"),
        (0.1, 0.3, "0.10 0.15 0.20 0.25 0.30"),
        (0, 1, "0 0.2 0.4 0.6 0.8 1.0"),
        (0, 3e8, "0 5e7 1e8 1.5e8 2e8 2.5e8 3e8"),
        (-2e-9, 1.5e-8, "0 5e-9 1e-8 1.5e-8"),
        (7, 7, "4 5 6 7 8 9 10"),
        (0, 0, "-0.4 -0.2 0 0.2 0.4"),
    ],
)
def test_marks_of_a_linear_axis_are_round_and_few(low: float, high: float, wanted: str) -> None:
    figure = lines({"a": [(low, 1), (high, 2)]}, title="t", x="x", y="y", log_x=False, log_y=False)
    assert marks(figure, "middle") == wanted.split()


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (1e-8, 1, "1e-8 1e-7 1e-6 1e-5 1e-4 0.001 0.01 0.1 1"),
        (300, 700, "300 400 500 600 700"),
        (10, 900, "10 20 50 100 200 500 1,000"),
        (1e-30, 1, "1e-28 1e-24 1e-20 1e-16 1e-12 1e-8 1e-4 1"),
    ],
)
def test_marks_of_a_logarithmic_axis_are_round_and_few(low: float, high: float, wanted: str) -> None:
    figure = lines({"a": [(low, 1), (high, 2)]}, title="t", x="x", y="y")
    found = marks(figure, "middle")
    assert 3 <= len(found) <= 10
    assert set(found) <= set(wanted.split())
    assert set(found) >= set(wanted.split()[1:-1])


def test_what_an_axis_does_not_have_breaks_the_line() -> None:
    points = [(0, 1), (1, 2), (2, math.nan), (3, 4), (4, 0), (5, 6), (6, math.inf), (7, 8)]
    figure = lines({"a": points}, title="t", x="x", y="y", log_x=False)
    assert len(circles(figure)) == 5
    assert len(re.findall(r'<path d="M[^"]*" fill="none"', figure)) == 4
    with pytest.raises(ValueError, match="nothing to draw"):
        lines({"a": [(1, math.nan)]}, title="", x="", y="", log_x=False, log_y=False)


def test_many_lines_long_names_and_many_points_stay_readable() -> None:
    series = {f"<line> number {n} with a name over two rows": [(s, s * n) for s in range(20_000)] for n in range(20)}
    figure = lines(series, title="word " * 40, x="x", y="y", log_x=False, log_y=False)
    root = ElementTree.fromstring(figure)
    height = float(root.attrib["viewBox"].split()[3])
    texts = [(float(t.attrib["y"]), t.text) for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(0 < y < height for y, _ in texts)
    assert sum(text == "<line> number 7 with a" for _, text in texts) == 1
    styles = re.findall(r'h22" (stroke="[^"]*" stroke-width="[^"]*"(?: stroke-dasharray="[^"]*")?)', figure)
    assert len(set(styles)) == 20
    assert len(figure) < 400_000


def test_overlaid_lines_are_all_seen() -> None:
    figure = lines({"a": [(1, 1), (2, 2)], "b": [(1, 1), (2, 2)]}, title="", x="", y="", overlaid=True)
    first, second = (float(w) for w in re.findall(r'fill="none" stroke="[^"]*" stroke-width="([\d.]+)"', figure))
    assert first > second


@pytest.mark.parametrize("log", [False, True])
def test_bands_lie_between_their_values_and_end_with_the_axis(log: bool) -> None:
    points = [(1.0, 1.0), (10.0, 2.0), (100.0, 3.0)]
    bands = [("first", 0.0, 10.0), ("second", 10.0, 1e6), ("beyond", 1e5, 1e6)]
    figure = lines({"a": points}, title="t", x="x", y="y", log_x=log, log_y=False, bands=bands)
    drawn = [tuple(map(float, one)) for one in re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)"', figure)]
    left, middle, right = (x for x, _ in circles(figure))
    ends = [(x, x + width) for x, width in drawn]
    # The axis goes from 74 to 530; 0 lies on it where it is linear, a little left of 1.
    start = 74 if log else left - (right - left) / 99
    assert ends == [pytest.approx((start, middle), abs=0.2), pytest.approx((middle, 530), abs=0.2)]
    assert "beyond" not in figure
    assert "bands" not in lines({"a": points}, title="t", x="x", y="y")
