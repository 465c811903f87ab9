"""What a store still lacks of a batch."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from groklab.measures import Measure
from groklab.store import Reader
from groklab.training import Batch, Status


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left to do of a batch, at most."""

    runs: int
    """Runs that have not ended."""
    steps: int
    """Steps that these have yet to take."""
    logged: int
    """Steps ahead at which they are measured."""
    networks: int
    """Kept networks of which something is measured once the runs have ended."""
    spent: float
    """Seconds that it was trained so far."""

    def __bool__(self) -> bool:
        return self.runs > 0 or self.networks > 0


def left_of(batch: Batch, reader: Reader | None, measures: Iterable[Measure]) -> Left:
    """What is left of a batch in a store; nothing is there where there is no `reader`.

    `measures` are those that fit its runs.
    """
    run = batch.runs[0]
    marks = np.union1d(run.logging.steps(run.steps), run.checkpoints.steps(run.steps))
    later = {measure.name for measure in measures if measure.afterwards}
    kept = len(batch.runs) * len(run.checkpoints.steps(run.steps))
    saved = None if reader is None else reader.saved(batch.name, arrays=False)
    if reader is None or saved is None:
        return Left(runs=len(batch.runs), steps=run.steps, logged=len(marks), networks=kept if later else 0, spent=0.0)
    going_on = sum(not Status(**status).ended for status in saved.meta["statuses"])
    lacking = ({measure.name for measure in measures} if not going_on else later) - reader.variables(batch.name)
    if not going_on and lacking:
        there = reader.kept(batch.name)
        kept = 0 if there is None else int(there[1].sum())
    return Left(
        runs=going_on,
        steps=run.steps - saved.step if going_on else 0,
        logged=int(np.sum(marks > saved.step)) if going_on else 0,
        networks=kept if lacking else 0,
        spent=sum(session["seconds"] for session in saved.meta["sessions"]),
    )
