"""Stores that an earlier version of groklab began, whose settings lack what has been added since."""

from collections.abc import Mapping, Sequence
from typing import Any

from groklab.errors import Mistake
from groklab.settings import Settings
from groklab.training import Run


def as_stored(runs: Sequence[Run], stored: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The settings of runs as the store's own would be written.

    A field that the stored settings of a run lack is left out where it has the value that they mean without it.
    """
    plain = [run.to_json() for run in runs]
    return [_as(new, old) for new, old in zip(plain, stored, strict=False)] + plain[len(stored) :]


def _as(new: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    try:
        meant = Settings.from_json(dict(old)).to_json()
    except Mistake:
        return new
    return _without_additions(new, old, meant)


def _without_additions(new: dict[str, Any], old: Mapping[str, Any], meant: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in new.items() if name in old or value != meant.get(name)}
    both = {name for name, value in kept.items() if isinstance(value, dict) and isinstance(old.get(name), Mapping)}
    return kept | {name: _without_additions(kept[name], old[name], meant[name]) for name in both}
