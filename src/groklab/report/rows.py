"""The columns of a table of runs, for the terminal and the page alike."""

import math
from typing import Any

COLUMNS = {
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
ONLY_IF_DIFFERENT = ("task", "train_size", "weight_decay", "learning_rate")


def columns_of(rows: list[dict[str, Any]]) -> list[str]:
    """The columns worth showing: not those that are the same in every run, nor those never measured."""
    shown: list[str] = []
    for name in COLUMNS:
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
