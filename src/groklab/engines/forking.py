"""When the runs of a batch are changed, and by which key frequencies: read off the runs that are not changed."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from groklab.curves import find_phases
from groklab.errors import Mistake
from groklab.measures import Labels, View
from groklab.record import Record
from groklab.training import Batch, Fork, Run
from groklab.training.intervention import FORMATION

LOSSES = ("train_loss", "test_loss", "excluded_loss")
"""What the rule for the phases looks at."""


def forks(batch: Batch, record: Record, runs: tuple[Run, ...]) -> list[Fork | None]:
    """A fork for every run with an intervention, nothing for the others.

    `record` is that of all `runs`, in which the references have ended. Midway in circuit formation is the logged step
    that is nearest to the middle, and a later one than the phase's first and an earlier one than its last. Raises
    `Mistake` for a run that was changed already, at another step than its reference now gives.
    """
    if all(run.intervention is None for run in batch.runs):
        return [None] * len(batch.runs)
    metrics = record.metrics()

    @cache
    def at(reference: int, wanted: int | str, by_key: bool) -> Fork:
        status = record.statuses[reference]
        if status.bad:
            return Fork(reason=f"the run without the change {status.sentence}")
        step, reason = (wanted, "") if isinstance(wanted, int) else _formation(metrics.isel(run=reference))
        if step is None:
            return Fork(reason=reason)
        if step >= status.step:
            return Fork(reason=f"the run without the change ended at step {status.step:,} already")
        key = _key(record, reference)
        if by_key and (key is None or not key.any()):
            return Fork(reason="the last network of the run without the change has no key frequencies")
        return Fork(step=step, key=key)

    before = dict(zip(runs, record.statuses, strict=True))
    found: list[Fork | None] = []
    for run in batch.runs:
        if run.intervention is None or run.reference is None:
            found.append(None)
        else:
            by_key = run.intervention.change in ("keys", "memory")
            fork = at(runs.index(run.reference), run.intervention.at, by_key)
            changed = before[run].changed if run in before else None
            if changed is not None and changed != fork.step:
                now = "no step" if fork.step is None else f"step {fork.step:,}"
                raise Mistake(
                    f"a run ({run.intervention.words}) was changed at step {changed:,}, and its reference now gives "
                    f"{now}: it cannot be resumed; train the study anew in another folder"
                )
            found.append(fork)
    return found


def _formation(metrics: xr.Dataset) -> tuple[int | None, str]:
    """The step midway in circuit formation by the measures of one run; else nothing, and why."""
    steps = metrics["step"].values
    if any(name not in metrics for name in LOSSES):
        return None, f"{FORMATION} cannot be told where {', '.join(LOSSES)} are not measured"
    losses = {name: metrics[name].values.astype(float) for name in LOSSES}
    phase = find_phases(steps, **losses).circuit_formation
    if phase.begin is None or phase.end is None:
        return None, f"the run without the change has no {FORMATION}: {phase.reason}"
    logged = steps[~np.isnan(losses["train_loss"]) & (steps > phase.begin.step) & (steps < phase.end.step)]
    if not len(logged):
        return None, f"{FORMATION} of the run without the change is over before it is logged once"
    middle = (phase.begin.step + phase.end.step) / 2
    return int(logged[np.abs(logged - middle).argmin()]), ""


def _key(record: Record, run: int) -> Float[np.ndarray, " frequency"] | None:
    """1 at the key frequencies of a run's last network, by the default rule; nothing where there is no group."""
    task = record.task(run)
    if task.group is None:
        return None
    blank = jnp.zeros(task.pairs, bool)
    data = Labels(labels=jnp.asarray(task.answers), train=blank, test=blank)
    with jax.default_matmul_precision("highest"):
        return np.asarray(View(record.model(run, step=-1), task, data).own_key)
