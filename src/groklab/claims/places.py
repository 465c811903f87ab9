"""Where evidence lies, by names alone; imports nothing heavy."""

from collections.abc import Iterator
from pathlib import Path

from groklab.errors import StoreError
from groklab.store.places import is_store, results_in

CIRCUITS = "circuit-*.json"
"""How files of networks taken apart are called: `circuit-laptop.json`, in the folder of the paper."""
SIMULATION = "simulation.json"
"""How the file of what the simulation found is called."""


def places_in(path: Path) -> list[Path]:
    """The stores and files of evidence at a path: itself, or all in a folder and its folders, sorted.

    A file is taken at its word. Raises `StoreError` where there is nothing.
    """
    others = list(_others(path)) if path.is_dir() and not is_store(path) else []
    try:
        return sorted([*results_in(path), *others])
    except StoreError:
        if not others:
            raise
        return sorted(others)


def _others(folder: Path) -> Iterator[Path]:
    for name in (CIRCUITS, SIMULATION):
        yield from folder.glob(name)
        yield from folder.glob(f"*/{name}")
