"""How long a batch's steps and measures take here, measured in a second or two with the code that trains."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from groklab.measures import Measure
from groklab.models import named_parameters
from groklab.tasks import problem_of
from groklab.training import Batch
from groklab.training.afterwards import Networks, at_once, evaluate
from groklab.training.backend import backend
from groklab.training.problem_data import batch_data, seen_at
from groklab.training.state import initial_model, initial_state, take
from groklab.training.step import measuring

SECONDS = 0.6
"""About how long the steps of a batch are timed."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What a batch costs, in seconds, compilation left out."""

    step: float
    """A step of all its runs."""
    logged: float
    """What is measured at a logged step, of all its runs."""
    kept: float
    """What is measured of one kept network once the runs have ended."""


def calibrate(batch: Batch, measures: tuple[Measure, ...], seconds: float = SECONDS) -> Rate:
    """Trains a batch for about so many seconds, from random weights, and measures it; nothing is kept of it.

    `measures` are those that fit its runs.
    """
    run, rows = batch.runs[0], np.arange(len(batch.runs))
    task = problem_of(run.task)
    models = [initial_model(one) for one in batch.runs]
    advance = backend(run, task).advance
    measure = measuring(task, tuple(one for one in measures if not one.afterwards))
    state = take(initial_state(batch.runs, models), rows)
    data = take(batch_data(batch.runs), rows)
    seen = seen_at(data.table, np.zeros(len(rows), np.int32))

    def steps(count: int) -> None:
        nonlocal state
        state = jax.block_until_ready(advance(state, data, count))

    def logged(count: int) -> None:
        for _ in range(count):
            measure(state.model, seen).get()

    return Rate(
        step=_seconds_each(steps, seconds),
        logged=_seconds_each(logged, seconds / 3),
        kept=_kept(batch, tuple(one for one in measures if one.afterwards), named_parameters(state.model)),
    )


def _kept(batch: Batch, later: tuple[Measure, ...], weights: dict[str, jax.Array]) -> float:
    """Seconds that the later measures of one network take, several in a call as after training."""
    if not later:
        return 0.0
    run, rows = batch.runs[0], len(batch.runs)
    steps = np.arange(-(-at_once(run) // rows))
    held = {name: np.repeat(np.asarray(leaf)[:, None], len(steps), axis=1) for name, leaf in weights.items()}
    networks = Networks(
        runs=batch.runs,
        steps=steps,
        where=np.ones((rows, len(steps)), dtype=np.bool_),
        last=np.full(rows, steps[-1]),
        read=lambda some: {name: leaf[:, list(some)] for name, leaf in held.items()},
    )
    evaluate(networks, later, run.key_frequencies)
    began = time.perf_counter()
    evaluate(networks, later, run.key_frequencies)
    return (time.perf_counter() - began) / networks.where.sum().item()


def _seconds_each(call: Callable[[int], None], seconds: float) -> float:
    """Seconds for each of what `call` does so many times, over about `seconds`; its first call compiles."""
    call(1)
    count = 1
    while True:
        began = time.perf_counter()
        call(count)
        spent = max(time.perf_counter() - began, 1e-9)
        if spent > seconds / 3:
            return spent / count
        count = max(2 * count, min(20 * count, int(count * seconds / spent)))
