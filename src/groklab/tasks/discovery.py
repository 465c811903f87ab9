"""Finding operations by their files."""

import importlib
import pkgutil

from groklab.errors import unknown
from groklab.tasks import operations
from groklab.tasks.operation import Operation


def find_operation(name: str) -> Operation:
    """The operation of that name. Raises `Mistake` with the nearest names when there is none."""
    names = _names()
    if name not in names:
        raise unknown("operation", name, names)
    return importlib.import_module(f"{operations.__name__}.{name}").operation


def catalogue() -> dict[str, Operation]:
    """Every operation there is, by name, sorted."""
    return {name: find_operation(name) for name in _names()}


def _names() -> list[str]:
    return sorted(info.name for info in pkgutil.iter_modules(operations.__path__))
