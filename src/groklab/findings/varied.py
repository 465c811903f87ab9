"""Which settings of runs vary, and which are the same in all."""

from collections.abc import Mapping, Sequence
from typing import Any

from groklab.findings.words import number
from groklab.training.settings import Run

SHOWN = 8
"""Values that are listed one by one at most."""
Rows = list[Sequence[str]]


def settings_tables(runs: Mapping[str, Sequence[Run]]) -> tuple[Rows, Rows]:
    """A row a setting, with a column for every group of runs: those that vary in some group, and the others."""
    flat = {group: [_flat(run) for run in members] for group, members in runs.items()}
    names = list(dict.fromkeys(name for members in flat.values() for settings in members for name in settings))
    varied: Rows = []
    common: Rows = []
    for name in names:
        found = {group: [settings[name] for settings in members if name in settings] for group, members in flat.items()}
        differ = any(len(set(map(repr, found[group]))) > 1 for group in runs)
        partial = any(0 < len(found[group]) < len(flat[group]) for group in runs)
        row = (f"`{name}`", *(_words(found[group], len(flat[group])) for group in runs))
        (varied if differ or partial else common).append(row)
    return varied, common


def _flat(run: Run) -> dict[str, Any]:
    """A run's settings by dotted path; of the run that it starts from only that there is one.

    Fields that came later are there where they say something, so that a page does not change because of one.
    """
    found = {path: value for path, value in run.flat(whole=False).items() if not path.startswith("start.")}
    found |= {"start": "the last weights of another run" if run.start else "random weights"}
    return {"model": type(run.model).__name__.removesuffix("Settings")} | found


def _words(values: list[Any], runs: int) -> str:
    """All values in words, and in how many of the runs there are any."""
    if not values:
        return "-"
    distinct = list({repr(value): value for value in values}.values())
    some = f" ({len(values)} of {runs} runs)" if len(values) < runs else ""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in distinct):
        distinct.sort()
        whole = all(isinstance(value, int) for value in distinct)
        if len(distinct) > 2 and whole and distinct[-1] - distinct[0] == len(distinct) - 1:
            return f"{number(distinct[0])} to {number(distinct[-1])}{some}"
        if len(distinct) > SHOWN:
            return f"{len(distinct)} values from {number(distinct[0])} to {number(distinct[-1])}{some}"
    shown = ", ".join(map(_word, distinct[:SHOWN]))
    more = f" and {len(distinct) - SHOWN} more" if len(distinct) > SHOWN else ""
    return shown + more + some


def _word(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return " ".join(map(_word, value)) or "none"
    return number(value) if isinstance(value, int | float) else str(value)
