"""Trackers by their names, as the command line has them; imports nothing heavy."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from groklab.errors import Mistake, unknown
from groklab.store.place import Place
from groklab.tracking.event_files import TensorBoard
from groklab.tracking.offline_runs import WandB
from groklab.tracking.protocol import Tracker

ELSEWHERE = "groklab-tracking"
"""The folder for stores that are no folders."""


class Kind(NamedTuple):
    """A tracker that can be asked for by its name."""

    library: str
    """The module that it needs."""
    made: Callable[[Place, str, Path, Path], Tracker]
    """Makes it for a store, a study, the folder of all trackers, and the store's place in that of one tracker."""


KINDS = {
    "tensorboard": Kind("tensorboardX", lambda place, study, base, own: TensorBoard(folder=base / "tensorboard" / own)),
    "wandb": Kind("wandb", lambda place, study, base, own: WandB(folder=base, store=_everywhere(place), study=study)),
}
"""The trackers by name."""


def known(names: Sequence[str]) -> None:
    """Raises `Mistake` for a name that no tracker has, one that is given twice, and a library that is not installed."""
    for name in names:
        if name not in KINDS:
            raise unknown("tracker", name, KINDS)
        if names.count(name) > 1:
            raise Mistake(f"--track gives {name} twice; give it once")
        if find_spec(KINDS[name].library) is None:
            raise Mistake(f"--track {name} needs {KINDS[name].library}: pip install 'groklab[{name}]'")


def chosen(
    names: Sequence[str], out: str | Path | Place, study: str, folder: str | Path | None = None
) -> tuple[Tracker, ...]:
    """The trackers of those names, `tensorboard` and `wandb`, for the runs of a study in the store `out`.

    Their files go to `tracking/` in the store's folder, for object storage to `groklab-tracking/` in the present one,
    or to `folder`; there each store has a place of its own. Raises `Mistake` as `known` does.
    """
    known(names)
    place = Place.of(out)
    if folder is None and place.local is not None:
        base, own = place.local / "tracking", Path()
    else:
        base, own = Path(folder or ELSEWHERE), _inside(place)
    # Absolute, because a process that trains may run in another folder.
    return tuple(KINDS[name].made(place, study, base.absolute(), own) for name in names)


def _inside(place: Place) -> Path:
    """A store's place as a place in another folder: as seen from here, or from the root."""
    if place.local is None:
        return Path(place.bucket, place.key)
    path = place.local.resolve()
    return path.relative_to(Path.cwd() if path.is_relative_to(Path.cwd()) else path.anchor)


def _everywhere(place: Place) -> str:
    """A store's place, the same for whoever names it."""
    return str(place) if place.local is None else str(place.local.resolve())
