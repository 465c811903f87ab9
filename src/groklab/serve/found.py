"""What there is to serve in a folder. Addresses are looked up here, and never made into paths."""

import os
import stat
from pathlib import Path

from groklab.errors import StoreError
from groklab.store.place import Place
from groklab.store.places import results_in


def found(root: Place) -> dict[str, Place]:
    """The stores and kept results in `root`, by their place in it (`nanda/mainline`); `root` itself is "".

    What a symbolic link brings in from outside `root` is left out, and so is what is no ordinary file.
    """
    try:
        places = results_in(root)
    except StoreError:
        return {}
    if root.local is None:
        return {place.key.removeprefix(root.key).strip("/"): place for place in places}
    paths = {"" if path == root.local else path.relative_to(root.local).as_posix(): path for path in map(Path, places)}
    return {
        name: Place(path)
        for name, path in paths.items()
        if _within(path, root.local) and (path.is_dir() or path.is_file())
    }


def odd_entry(store: Place) -> str | None:
    """The first entry of a store that is neither a file nor a folder, such as a link; groklab makes none."""
    for folder, inner, files in os.walk(store.local) if store.local is not None else ():
        for name in (*inner, *files):
            entry = Path(folder, name)
            try:
                mode = entry.lstat().st_mode
            except FileNotFoundError:
                # A writer that compacts removes files meanwhile.
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                return entry.relative_to(Path(store)).as_posix()
    return None


def _within(path: Path, root: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False
