"""Where evidence lies, by names alone; imports nothing heavy."""

import os
from collections.abc import Iterator
from pathlib import Path

from groklab.errors import StoreError
from groklab.store.place import Place
from groklab.store.places import is_store, results_in

CIRCUITS = "circuit-*.json"
"""How files of networks taken apart are called: `circuit-laptop.json`, in the folder of the paper."""
EARLIER = "earlier-circuits-*.json"
"""The same of networks that had been looked at before the criteria were written: they are shown, and not judged."""
SIMULATION = "simulation.json"
"""How the file of what the simulation found is called."""


def places_in(at: str | os.PathLike[str] | Place) -> list[Place]:
    """The stores and files of evidence at a place: itself, or all in a folder and its folders, sorted.

    A file is taken at its word. Raises `StoreError` where there is nothing.
    """
    path = Place.of(at)
    within = path.local is not None and path.local.is_dir() and not is_store(path)
    others = [Place.of(file) for file in _others(Path(path))] if within else []
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
