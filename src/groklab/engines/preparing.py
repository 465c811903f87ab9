"""A study made ready for training: its runs in batches, what is measured of them, and what its store says of it."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from groklab.engines.compilations import keep_compilations
from groklab.engines.earlier import as_stored
from groklab.engines.own import must_go_on, own_measures
from groklab.measures import Measure, built_in
from groklab.record import Record
from groklab.store import Manifest, Reader, begun
from groklab.store.place import Place
from groklab.studies.study import Study
from groklab.tasks import problem_of
from groklab.training import Batch, Run, plan, with_parents
from groklab.training.applicable import applicable
from groklab.training.memory import largest
from groklab.training.plan import planned
from groklab.training.train_size import train_size


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A study before its training."""

    runs: tuple[Run, ...]
    """Every run once, each after its parents."""
    batches: tuple[Batch, ...]
    """Its batches, parents first; those of the store where it was begun."""
    measures: tuple[Measure, ...]
    """Everything that may be measured, also what does not fit every run."""
    own: tuple[Measure, ...]
    """Those of them that are the user's own."""
    manifest: Manifest
    """What the store is to say of it."""


def prepare(
    study: Study,
    place: str | os.PathLike[str] | Place,
    measures: Iterable[Callable[..., Any] | Measure] = (),
    memory: int | None = None,
) -> Prepared:
    """Everything of a study that comes before its training; writes nothing.

    `measures` are the user's own, `memory` is what a batch may take in bytes (nothing: what the device has at hand).
    Raises `Mistake` for runs and measures that cannot be, `StoreError` for a store that cannot be read, or that was
    begun with other measures. Whether it was begun with other settings, `Folder` finds out.
    """
    keep_compilations()
    place, runs, own = Place.of(place), with_parents(study.runs), own_measures(measures)
    every = every_measure(own)
    if begun(place):
        # A store keeps the batches it was made with, so that those of a study that goes on need no thought.
        batches, manifest = plan(runs), Reader(place).manifest
        stored = manifest.runs
        if len(stored) == len(runs):
            batches = planned(runs, manifest.batches)
        must_go_on(Record(place), own)
    else:
        batches, stored = plan(runs, lambda alike: largest(alike, applicable(alike[0], every)[0], memory)), ()
    return Prepared(
        runs=runs,
        batches=tuple(batches),
        measures=every,
        own=own,
        manifest=Manifest(
            study=study.name,
            scale=study.scale,
            runs=as_stored(runs, stored),
            batches={batch.name: batch.members for batch in batches},
            labels=labels(runs),
        ),
    )


def every_measure(own: tuple[Measure, ...]) -> tuple[Measure, ...]:
    """All that may be measured: the built-in measures, and the user's own."""
    return (*built_in(), *own)


def labels(runs: tuple[Run, ...]) -> dict[str, list[object]]:
    """What the dataset says of each run."""
    sizes = [train_size(run) for run in runs]
    return {
        "seed": [run.seed for run in runs],
        "task": [problem_of(run.task).name for run in runs],
        "train_size": list(sizes),
        "weight_decay": [run.optimiser.weight_decay for run in runs],
        "learning_rate": [run.optimiser.learning_rate for run in runs],
        "digest": [run.digest for run in runs],
    }
