"""A study trained in this process, batch after batch; several processes may share it."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from groklab.engines.batches import parents, train_batch
from groklab.engines.deriving import derive, underived
from groklab.engines.interruption import interrupted_at_once, interruptions
from groklab.engines.left import left_of
from groklab.engines.precision import Precision, multiplying
from groklab.engines.preparing import Prepared, prepare
from groklab.engines.progress import Watch
from groklab.engines.standing import standing
from groklab.engines.telling import Teller
from groklab.errors import Taken
from groklab.measures import Measure
from groklab.record import Record
from groklab.store import Folder, Reader
from groklab.store.place import Place
from groklab.studies.study import Study
from groklab.training import Batch
from groklab.training.applicable import applicable
from groklab.training.plan import planned

if TYPE_CHECKING:
    from groklab.tracking import Tracker

LOOKING = (0.5, 10.0)
"""Seconds between looks at batches that other processes hold: at first, and at most."""


def train_here(
    study: Study,
    place: Place,
    *,
    measures: Iterable[Callable[..., Any] | Measure] = (),
    watch: Watch = lambda progress: None,
    commit_seconds: float = 15.0,
    precision: Precision = "float32",
    memory: int | None = None,
    trackers: "Sequence[Tracker]" = (),
) -> Record:
    """Trains a study in this process; see `groklab.run`.

    A batch that another process holds is left for later. When only such are left, or such that need them first, it
    waits, and takes over what is given back or expires.
    """
    with multiplying(precision):
        prepared = prepare(study, place, measures, memory)
        train = partial(train_batch, commit_seconds=commit_seconds, precision=precision, trackers=trackers)
        with Folder(place, prepared.manifest) as folder:
            batches = planned(prepared.runs, folder.manifest.batches)
            told = Teller(batches, watch)
            with interruptions() as interrupted:
                _train_all(batches, folder, prepared, told, interrupted, train)
                if interrupted() and underived(study.name, Reader(place)):
                    raise KeyboardInterrupt
            with interrupted_at_once():
                _derive(folder, told)
    return Record(place)


def _train_all(
    batches: Sequence[Batch],
    folder: Folder,
    prepared: Prepared,
    told: Teller,
    interrupted: Callable[[], bool],
    train: Callable[..., None],
) -> None:
    """Has every batch trained and measured, here or by others, each after those that it needs."""
    place, left, pause = folder.path, list(batches), LOOKING[0]
    after = {batch.name: set(parents(batch, prepared.runs, batches)) for batch in batches}
    while left:
        before, holder = len(left), ""
        for batch in list(left):
            if not after[batch.name].isdisjoint(one.name for one in left):
                continue
            if _finished(batch, Reader(place), prepared):
                told.batch(batch)(standing(Reader(place), batch))
                left.remove(batch)
                continue
            tell = told.batch(batch)
            try:
                train(
                    batch, folder, prepared.runs, prepared.measures, prepared.own, watch=tell, interrupted=interrupted
                )
            except Taken as taken:
                holder = taken.holder
                told.stands(batch, standing(Reader(place), batch))
            else:
                left.remove(batch)
        if left and len(left) == before:
            told.waits(holder)
            _wait(pause, interrupted)
            pause = min(2 * pause, LOOKING[1])
        else:
            pause = LOOKING[0]


def _derive(folder: Folder, told: Teller) -> None:
    """Derives what the study asks for, or waits until another process has."""
    pause = LOOKING[0]
    while True:
        try:
            derive(folder, told.derives)
        except Taken as taken:
            told.waits(taken.holder)
            time.sleep(pause)
            pause = min(2 * pause, LOOKING[1])
        else:
            return


def _finished(batch: Batch, reader: Reader, prepared: Prepared) -> bool:
    """Whether nothing of a batch is left to do."""
    fitting, _ = applicable(batch.runs[0], prepared.measures)
    return not left_of(batch, reader, fitting)


def _wait(seconds: float, interrupted: Callable[[], bool]) -> None:
    """Waits, or raises `KeyboardInterrupt` as soon as it is asked for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if interrupted():
            raise KeyboardInterrupt
        time.sleep(0.1)
