"""A study trained in this process, batch after batch, into a store."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax

from groklab.engines.compilations import keep_compilations
from groklab.engines.completing import complete, variables_of
from groklab.engines.deriving import derive
from groklab.engines.earlier import as_stored
from groklab.engines.forking import forks
from groklab.engines.interruption import interruptions
from groklab.engines.own import must_go_on, own_measures
from groklab.engines.precision import Precision, multiplying
from groklab.engines.progress import Progress, Watch
from groklab.measures import Measure, built_in
from groklab.models import Learner
from groklab.record import Record
from groklab.store import Folder, Manifest, Reader, begun, provenance
from groklab.studies.study import Study
from groklab.tasks import problem_of
from groklab.training import Batch, Run, Tick, Trainer, plan, with_parents
from groklab.training.applicable import applicable
from groklab.training.memory import largest
from groklab.training.plan import planned
from groklab.training.state import initial_model
from groklab.training.train_size import train_size


def run(
    study: Study,
    out: str | os.PathLike[str],
    *,
    measures: Iterable[Callable[..., Any] | Measure] = (),
    watch: Watch = lambda progress: None,
    commit_seconds: float = 15.0,
    precision: Precision = "float32",
    memory: int | None = None,
) -> Record:
    """Trains a study into the folder `out`, or goes on where an earlier call was interrupted, bit for bit.

    `measures` are functions f(model, task) of your own, measured beside the built-in ones; see `groklab.measures`. A
    study that goes on needs the same again. `watch` is told at every logged step how far the study is; a commit is
    made at least every `commit_seconds`. `precision` is that of an accelerator's matrix products: float32, tf32
    (fast, 10 bits) or bf16_3x (three passes of bfloat16). `memory` is what a batch may take, in bytes; nothing means
    what the device has at hand. It settles how many runs a batch has when a study begins; a study that goes on keeps
    its batches.
    On Ctrl-C or SIGTERM everything is committed and `KeyboardInterrupt` raised. Raises `Mistake` for runs that
    cannot be made, and `StoreError` for a folder that holds other settings, is in use, or cannot be written.
    """
    keep_compilations()
    runs, out, own = with_parents(study.runs), Path(out), own_measures(measures)
    every = (*built_in(), *own)
    if begun(out):
        # A store keeps the batches it was made with, so that those of a study that goes on need no thought.
        batches, stored = plan(runs), Reader(out).manifest.runs
        must_go_on(Record(out), own)
    else:
        batches, stored = plan(runs, lambda alike: largest(alike, applicable(alike[0], every)[0], memory)), ()
    manifest = Manifest(
        study=study.name,
        scale=study.scale,
        runs=as_stored(runs, stored),
        batches={batch.name: batch.members for batch in batches},
        labels=labels(runs),
    )
    with multiplying(precision), Folder(out, manifest) as folder, interruptions() as interrupted:
        batches = planned(runs, folder.manifest.batches)
        told = _Teller(batches, watch)
        for batch in batches:
            fitting, coordinates = applicable(batch.runs[0], every)
            variables = variables_of(batch, Record(out), fitting, own)
            trainer = Trainer(
                batch,
                fitting,
                lambda batch=batch: starts(batch, Record(out), runs),
                writer := folder.batch(batch.name, variables, coordinates),
                session=provenance(device=jax.devices()[0].device_kind) | {"precision": precision},
                watch=told.batch(batch),
                interrupted=interrupted,
                commit_seconds=commit_seconds,
                forks=forks(batch, Record(out), runs),
            )
            trainer.train()
            if interrupted():
                raise KeyboardInterrupt
            complete(batch, fitting, writer, trainer, interrupted)
            writer.compact()
    with multiplying(precision):
        derive(Record(out))
    return Record(out)


def starts(batch: Batch, record: Record, runs: tuple[Run, ...]) -> list[Learner]:
    """The networks a batch starts from: drawn from the seeds, or the final ones of the runs named."""
    return [
        initial_model(run) if run.start is None else record.model(runs.index(run.start), step=-1) for run in batch.runs
    ]


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


class _Teller:
    """Adds up the batches' ticks into the study's progress."""

    def __init__(self, batches: list[Batch], watch: Watch) -> None:
        self.watch = watch
        self.total = sum(run.steps for batch in batches for run in batch.runs)
        self.runs = sum(len(batch.runs) for batch in batches)
        self.ticks: dict[str, Tick] = {}

    def batch(self, batch: Batch) -> Callable[[Tick], None]:
        """The watcher of one batch."""

        def told(tick: Tick) -> None:
            self.ticks[batch.name] = tick
            ticks = self.ticks.values()
            self.watch(
                Progress(
                    done=sum(tick.done for tick in ticks),
                    total=self.total,
                    trained=sum(tick.trained for tick in ticks),
                    runs=self.runs,
                    memorised=sum(tick.memorised for tick in ticks),
                    grokked=sum(tick.grokked for tick in ticks),
                    doing=tick.doing,
                )
            )

        return told
