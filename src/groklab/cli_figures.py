"""The figures of a store or kept result, written at print size."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from groklab.cli_usage import say
from groklab.errors import Mistake, unknown
from groklab.figures.names import FIGURES
from groklab.figures.sizes import DOUBLE, SINGLE, Format
from groklab.files import put
from groklab.store.place import Place

NARROW, WIDE = 20.0, 1000.0
"""Widths in mm that are accepted."""


def write(
    folder: Place, out: Path, form: str, names: Sequence[str], width: str | None, run: int | None, as_json: bool
) -> None:
    """Writes every figure that there is, or those named, all or none; prints what was written and what was left out.

    Raises `Mistake` for a format, figure, width or run that is not known, and when a figure asked for by name, or
    every one, cannot be had.
    """
    made = checked_format(form)
    for name in names:
        if name not in FIGURES:
            raise unknown("figure", name, FIGURES)
    size = None if width is None else width_in_mm(width)
    from groklab.cli_tables import print_json
    from groklab.figures import printing
    from groklab.figures.look import for_print, layout_of
    from groklab.figures.reading import worth_showing
    from groklab.figures.snapshot import Snapshot

    record = Snapshot(folder)
    if run is not None and not 0 <= run < len(record.runs):
        raise Mistake(f"{folder} has runs 0 to {len(record.runs) - 1}, not {run}")
    shown = worth_showing(record) if run is None else run
    figures: dict[str, tuple[str, object]] = {}
    left_out: dict[str, str] = {}
    sheets = []
    for name in dict.fromkeys(names) or FIGURES:
        known = FIGURES[name]
        try:
            drawn = list(known.draw(record, shown))
        except Mistake as mistake:
            if names:
                raise Mistake(f"{name}: {mistake}") from None
            left_out[name] = str(mistake)
            continue
        for ending, figure in drawn:
            many = (layout_of(figure).meta or {}).get("columns", 1) > 2
            sheets.append(for_print(figure, size or (DOUBLE if many else known.width)))
            figures[f"{name}{ending}.{made}"] = (name, known.source)
    if not figures:
        raise Mistake(f"{folder} has none of the figures: {'; '.join(f'{n}: {why}' for n, why in left_out.items())}")
    say(f"drawing {len(sheets)} figures: some seconds each")
    contents = printing.printed(sheets, made)
    files = [put(out / name, content) for name, content in zip(figures, contents, strict=True)]
    rows = [
        {"file": str(path), "figure": name, "source": source}
        for path, (name, source) in zip(files, figures.values(), strict=True)
    ]
    if as_json:
        print_json({"run": shown, "figures": rows, "left_out": left_out})
        return
    for row in rows:
        print(f"{row['file']}  ({row['source']})")
    for name, why in left_out.items():
        say(f"left out {name}: {why}")


def checked_format(form: str) -> Format:
    """The format of that name. Raises `Mistake` for another."""
    for known in get_args(Format):
        if form == known:
            return known
    raise unknown("format", form, get_args(Format))


def width_in_mm(words: str) -> float:
    """`single`, `double`, or a number of mm. Raises `Mistake` for anything else."""
    known = {"single": SINGLE, "double": DOUBLE}
    try:
        width = known[words] if words in known else float(words)
    except ValueError:
        width = float("nan")
    if not NARROW <= width <= WIDE:
        raise Mistake(f"--width takes single, double, or mm from {NARROW:g} to {WIDE:g}, not {words!r}")
    return width
