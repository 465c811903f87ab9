"""The columns of a table of runs, for the terminal and the page alike."""

import math
from typing import Any


class _Columns(dict[str, tuple[str, str]]):
    """Heading and form of each column; those of a measure of the user's own follow from its name."""

    def __missing__(self, name: str) -> tuple[str, str]:
        return name.replace("_", " "), ".4g"


COLUMNS = _Columns(
    {
        "run": ("run", "d"),
        "seed": ("seed", "d"),
        "task": ("task", "s"),
        "train_size": ("train size", ",d"),
        "weight_decay": ("weight decay", "g"),
        "learning_rate": ("learning rate", "g"),
        "memorised": ("memorised at", ",d"),
        "grokked": ("grokked at", ",d"),
        "train_loss": ("train loss", ".1e"),
        "test_loss": ("test loss", ".1e"),
        "train_accuracy": ("train acc.", ".3f"),
        "test_accuracy": ("test acc.", ".3f"),
        "trig_share": ("trig share", ".3f"),
        "step": ("steps", ",d"),
        "status": ("how it stands", "s"),
    }
)
ONLY_IF_DIFFERENT = ("task", "train_size", "weight_decay", "learning_rate")


def columns_of(rows: list[dict[str, Any]]) -> list[str]:
    """The columns worth showing: not those that are the same in every run, nor those never measured.

    Measures of the user's own come after the built-in ones.
    """
    shown: list[str] = []
    own = list(dict.fromkeys(name for row in rows for name in row.get("own", ())))
    names = list(COLUMNS)
    after = names.index("trig_share") + 1
    for name in (*names[:after], *own, *names[after:]):
        values = {row.get(name) for row in rows}
        if name in ONLY_IF_DIFFERENT and len(values) < 2:
            continue
        if name == "trig_share" and values <= {None}:
            continue
        shown.append(name)
    return shown


def cell(value: Any, form: str) -> str:
    """One value as text; a dash for what is absent or not a number."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return format(value, form)
