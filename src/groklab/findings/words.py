"""Numbers as they are read: as many digits as they deserve."""

import math
from collections.abc import Sequence

from groklab.findings.analysis import Cell
from groklab.findings.claim import Finding


def number(value: float) -> str:
    """A number in four significant digits, whole ones of up to 7 digits in full: `12,000`, `0.9312`, `1.3e-7`."""
    if not math.isfinite(value):
        return str(value)
    if value == round(value) and abs(value) < 1e7:
        return f"{value:,.0f}"
    plain = _plain(value, max(0, 3 - math.floor(math.log10(abs(value)))))
    exact = "." in plain and "e" not in plain and float(plain.replace(",", "")) == value
    return plain.rstrip("0") if exact else plain


def short(value: float) -> str:
    """A number in three significant digits, for sentences: `1,080`, `0.93`, `1.2e-7`, `5.38e7`."""
    if 1000 <= abs(value) < 1e7:
        return f"{float(f'{value:.3g}'):,.0f}"
    mantissa, power, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if power else mantissa


def measured(finding: Finding) -> str:
    """What was measured with its 95% interval and unit, to two digits of the interval; nothing where nothing was."""
    if finding.value is None:
        return ""
    units = "" if finding.units == "1" else f" {finding.units}"
    if finding.low is None or finding.high is None:
        return number(finding.value) + units
    value, low, high = (finding.value, finding.low, finding.high)
    width = high - low
    if width > 0 and math.isfinite(width):
        decimals = max(0, 1 - math.floor(math.log10(width)))
        value, low, high = (_plain(end, decimals) for end in (value, low, high))
    else:
        value, low, high = (number(end) for end in (value, low, high))
    return f"{value} [{low}, {high}]{units}"


def words(value: Cell) -> str:
    """A cell of a table; a dash for what could not be measured."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return value if isinstance(value, str) else number(value)


def duration(seconds: float) -> str:
    """Seconds as `m:ss` or `h:mm:ss`, rounded."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _plain(value: float, decimals: int) -> str:
    """A number with that many decimals, or with two digits and its power of ten where it is very small or large."""
    if value != 0 and not 1e-3 <= abs(value) < 1e7:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return f"{value:,.{decimals}f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, cells on one line each."""
    every = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_one_line(cell) for cell in row)} |\n" for row in every)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
