"""Heat maps: shades and outlines stand where the numbers do, in the drawing, the figure and the page."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fake_record import fake_record
from fake_study import NAME, experiment, known, store  # noqa: F401
from groklab import figures
from groklab.figures.study_charts import shaded
from groklab.findings import Analysis, HeatMap
from groklab.findings.heat_map import LEVELS, SIDE, heat_map
from groklab.findings.page import write
from groklab.studies import catalogue

SHOWN = HeatMap(
    title="Attention <here>",
    x="to",
    y="from",
    columns=["5", "6", "5", "7"],
    rows=["a", "b"],
    shade="attention (share)",
    values=[[0.5, 0.5, None, 0.0], [2.0, 0.0, 1.0, None]],
    most=1.0,
    marked=[(1, 2)],
    marks="where it should look",
)
CELL, LEFT, TOP = SIDE / 4, 74, 40


def drawn(figure: str, cell: float = CELL) -> dict[tuple[int, int], str]:
    """The colour of every cell that has one, read off the paths."""
    found: dict[tuple[int, int], str] = {}
    for shape, colour in re.findall(r'<path d="([^"]*)" fill="([^"]*)"/>', figure):
        for x, y, width in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v", shape):
            row, first = round((float(y) - TOP) / cell), round((float(x) - LEFT) / cell)
            for column in range(first, first + round(float(width) / cell)):
                assert (row, column) not in found
                found[row, column] = colour
    return found


def test_every_number_has_its_shade_at_its_place() -> None:
    cells = drawn(heat_map(SHOWN))
    numbers = [
        (row, column) for row, line in enumerate(SHOWN.values) for column, one in enumerate(line) if one is not None
    ]
    assert sorted(cells) == numbers
    assert cells[0, 3] == cells[1, 1] == "#ffffff"
    # What is above the most is as dark as the most.
    assert cells[1, 0] == cells[1, 2] == "#103c66"
    assert cells[0, 0] == cells[0, 1] not in ("#ffffff", "#103c66")


def test_what_is_outlined_and_named() -> None:
    figure = heat_map(SHOWN)
    ElementTree.fromstring(figure)
    (outline, key) = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"[^>]* fill="none"', figure)
    assert float(outline[0]) == pytest.approx(LEFT + 2 * CELL, abs=1.1)
    assert float(outline[1]) == pytest.approx(TOP + CELL, abs=1.1)
    assert float(key[0]) > LEFT + SIDE
    words = re.findall(r">([^<>]+)</text>", figure)
    assert "Attention &lt;here&gt;" in words
    assert [one for one in words if one in ("5", "6", "7")] == ["5", "6", "5", "7"]
    assert {"where it should look", "attention (share)", "0.5", "1"} <= set(words)


def test_small_cells_leave_names_out_and_keep_the_drawing_small() -> None:
    size = 85
    names = [f"n{place}" for place in range(size)]
    values = [[float(place == row) if place <= row else None for place in range(size)] for row in range(size)]
    big = HeatMap(title="t", x="x", y="y", columns=names, rows=names, shade="s", values=values, most=1.0)
    figure = heat_map(big)
    assert len(drawn(figure, SIDE / size)) == size * (size + 1) / 2
    assert len(figure) < 20_000
    shown = re.findall(r">(n\d+)</text>", figure)
    assert shown[0] == "n0"
    assert len(shown) < 2 * SIDE / 15
    assert LEVELS == 25


def test_as_a_figure_it_has_the_same_numbers_names_and_marks() -> None:
    figure = shaded(SHOWN)
    picture, marks = figure.data  # type: ignore[misc]
    assert [list(row) for row in picture.z] == [list(row) for row in SHOWN.values]
    assert (picture.zmin, picture.zmax) == (0, 1)
    assert (list(marks.x), list(marks.y), marks.name) == ([2], [1], "where it should look")
    assert list(figure.layout.xaxis.ticktext) == ["5", "6", "5", "7"]  # type: ignore[attr-defined]
    assert list(figure.layout.yaxis.ticktext) == ["a", "b"]  # type: ignore[attr-defined]
    assert figure.layout.yaxis.autorange == "reversed"  # type: ignore[attr-defined]
    assert "1 in the 1 cells outlined" in figure.layout.meta["alt"]  # type: ignore[attr-defined]


def test_figures_and_report_of_a_record_have_its_analysis_heat_maps(tmp_path: Path) -> None:
    record = fake_record(runs=2, points=20, group=False)
    record.analysis = lambda: Analysis(heat_maps=[SHOWN])  # type: ignore[method-assign]
    assert list(figures.study_charts(record)) == [SHOWN.title]  # type: ignore[arg-type]
    text = record.report(tmp_path / "page.html").read_text()
    assert text.count('data-name="picture-1"') == 1
    assert "Seen in single networks" in text
    assert "Attention (share); outlined: where it should look." in text
    record.analysis = Analysis  # type: ignore[method-assign]
    assert "Seen in single networks" not in record.report(tmp_path / "other.html").read_text()


def test_a_study_page_carries_the_picture_after_the_charts(
    tmp_path: Path,
    known: object,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import dataclasses

    import groklab as gl

    first = experiment().analysis
    assert first is not None

    def more(record: gl.Record) -> Analysis:
        assert first is not None
        return dataclasses.replace(first(record), heat_maps=[SHOWN])

    gl.open(store(tmp_path / "store")).keep(
        tmp_path / "results" / "small.zip", only=["train_loss", "test_loss", "test_accuracy"]
    )
    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), analysis=more))
    write(tmp_path / "results", tmp_path / "docs")
    text = (tmp_path / "docs" / "fake" / "small.md").read_text()
    assert "fake-small-laptop-1.svg)\n\n![Attention <here>](../images/fake-small-laptop-2.svg)" in text
    assert (tmp_path / "docs" / "images" / "fake-small-laptop-2.svg").read_text() == heat_map(SHOWN)
