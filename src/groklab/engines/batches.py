"""One batch of a store, trained from its last commit to its end."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import jax

from groklab.engines.compilations import keep_compilations
from groklab.engines.completing import complete, variables_of
from groklab.engines.forking import forks
from groklab.engines.precision import Precision, multiplying
from groklab.measures import Measure
from groklab.models import Learner
from groklab.record import Record
from groklab.store import BatchWriter, Folder, Reader, provenance
from groklab.training import Batch, Run, Trainer, Watcher
from groklab.training.applicable import applicable
from groklab.training.sink import Sink
from groklab.training.state import initial_model

if TYPE_CHECKING:
    from groklab.tracking import Tracker


def train_batch(
    batch: Batch,
    folder: Folder,
    runs: tuple[Run, ...],
    measures: Sequence[Measure],
    own: Sequence[Measure] = (),
    *,
    watch: Watcher = lambda tick: None,
    interrupted: Callable[[], bool] = lambda: False,
    commit_seconds: float = 15.0,
    precision: Precision = "float32",
    trackers: "Sequence[Tracker]" = (),
) -> None:
    """Trains a batch to its end, or goes on from its last commit, and measures what is measured afterwards.

    `runs` are all of the study, `measures` all that may be measured, `own` those of them that are the user's.
    Holds the batch's lease all the while. Raises `Taken` where another process holds it, `KeyboardInterrupt` once all
    is committed where `interrupted` says so, and `StoreError` where the store cannot be written, or another process
    has taken the batch over.
    """
    keep_compilations()
    place = folder.path
    fitting, coordinates = applicable(batch.runs[0], measures)
    variables = variables_of(batch, Reader(place), fitting, own)
    with multiplying(precision), folder.batch(batch.name, variables, coordinates) as writer:

        def asked() -> bool:
            # The one question that is asked often while nothing is logged.
            writer.renew()
            return interrupted()

        with _sink(writer, trackers, batch) as sink:
            trainer = Trainer(
                batch,
                fitting,
                lambda: starts(batch, Record(place), runs),
                sink,
                session=provenance(device=jax.devices()[0].device_kind) | {"precision": precision},
                watch=watch,
                interrupted=asked,
                commit_seconds=commit_seconds,
                forks=forks(batch, Record(place), runs),
            )
            trainer.train()
            if interrupted():
                raise KeyboardInterrupt
            complete(batch, fitting, writer, trainer, asked)
        writer.compact()


def starts(batch: Batch, record: Record, runs: tuple[Run, ...]) -> list[Learner]:
    """The networks a batch starts from: drawn from the seeds, or the final ones of the runs named."""
    return [
        initial_model(run) if run.start is None else record.model(runs.index(run.start), step=-1) for run in batch.runs
    ]


def parents(batch: Batch, runs: tuple[Run, ...], batches: Sequence[Batch]) -> tuple[str, ...]:
    """The batches that must be done with before a batch begins, by name: those of its runs' parents."""
    wanted = {runs.index(parent) for run in batch.runs for parent in run.parents}
    return tuple(other.name for other in batches if wanted & set(other.members))


def _sink(writer: BatchWriter, trackers: "Sequence[Tracker]", batch: Batch) -> "AbstractContextManager[Sink]":
    """The writer, with trackers beside it where any are asked for."""
    if not trackers:
        return nullcontext(writer)
    from groklab.tracking import tracked

    return tracked(writer, trackers, batch)
