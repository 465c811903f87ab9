"""What the analysis of a study hands on: findings, tables, charts and heat maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groklab.findings.claim import Finding

Cell = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of numbers and words."""

    title: str
    """What it shows."""
    columns: Sequence[str]
    """Heads of the columns, with units."""
    rows: Sequence[Sequence[Cell]]
    """The rows; numbers stay numbers, and nothing stands for what could not be measured."""
    note: str = ""
    """What a reader must know of it: how intervals were made, what was left out."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines over two axes."""

    title: str
    """What it shows."""
    x: str
    """Title of the horizontal axis, with its unit."""
    y: str
    """Title of the vertical axis, with its unit."""
    series: Mapping[str, Sequence[tuple[float, float]]]
    """Points by the name of their line."""
    log_x: bool = False
    """Whether the horizontal axis is logarithmic."""
    log_y: bool = False
    """Whether the vertical axis is logarithmic."""


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A number for each row and column, as shades."""

    title: str
    """What it shows."""
    x: str
    """What the columns are."""
    y: str
    """What the rows are."""
    columns: Sequence[str]
    """Names of the columns, which may be alike."""
    rows: Sequence[str]
    """Names of the rows, from above."""
    shade: str
    """What the shades say, with its unit."""
    values: Sequence[Sequence[float | None]]
    """The numbers, a row each, 0 or more; nothing where there is none."""
    most: float
    """The number of the darkest shade, as which larger ones are drawn."""
    marked: Sequence[tuple[int, int]] = ()
    """Row and column of those that are outlined."""
    marks: str = ""
    """What is outlined."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """All that is read off a study's runs."""

    findings: Sequence[Finding] = ()
    """One a claim."""
    tables: Sequence[Table] = ()
    """What the findings rest on."""
    charts: Sequence[Chart] = ()
    """The curves."""
    heat_maps: Sequence[HeatMap] = ()
    """The pictures of single numbers, which stand after the curves."""
    remarks: Sequence[str] = ()
    """What was seen and does not fit a table, a sentence or two each: composed from numbers of these runs only."""
