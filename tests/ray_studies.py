"""Studies for a Ray cluster and measures that hurt it, for tests and for the drivers that they start."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from ray import cloudpickle

import derived_study
import few_measures
from few_measures import Few
from groklab.models import TransformerSettings
from groklab.studies import Study
from groklab.tasks import SplitSettings, Task, TaskSettings
from groklab.training import Run, Schedule

cloudpickle.register_pickle_by_value(few_measures)
cloudpickle.register_pickle_by_value(derived_study)
FEW = Few()
KNOWN = derived_study.Known()


def small(seed: int, steps: int, modulus: int = 7, **more: Any) -> Run:
    return Run(
        task=TaskSettings(operation="add", modulus=modulus),
        split=SplitSettings(fraction=0.6),
        model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
        seed=seed,
        steps=steps,
        logging=Schedule(every=50, growth=1),
        checkpoints=Schedule(every=500, growth=1),
        **more,
    )


PARENTS = tuple(small(seed, 4000 + 100 * seed) for seed in range(9))
"""Of different lengths, and so a batch each."""
CHILDREN = tuple(
    replace(run, start=run, split=SplitSettings(size=20, seed=0), steps=run.steps - 500) for run in PARENTS[:4:2]
)
MINIBATCH = small(0, 1500, batch_size=16)
"""Trained by the general step."""
STUDY = Study(name="test/killed", scale="laptop", runs=(*PARENTS, *CHILDREN, MINIBATCH))
ONE = Study(name="test/one", scale="laptop", runs=(small(0, 10_000), small(1, 11_000)))


def scaled_by(factor: float) -> Any:
    """A closure, which pickle cannot send by its name."""

    def largest_embedding(model: Any, task: Task) -> jax.Array:
        """The largest entry of W_E, times a number."""
        assert FEW
        return factor * jnp.max(model.embed.W_E)

    return largest_embedding


def with_the_study_known(model: Any, task: Task) -> jax.Array:
    """The largest entry of W_E."""
    assert KNOWN
    assert FEW
    return jnp.max(model.embed.W_E)


def doing() -> str:
    """What Ray calls the task that this process is at."""
    return Path("/proc/self/cmdline").read_text().replace("\0", " ")


def dies_at_eleven(model: Any, task: Task) -> jax.Array:
    """Kills the process that is to train a task of eleven elements, as a machine without memory would."""
    if FEW and task.elements == 11 and "planning" not in doing():
        os.kill(os.getpid(), signal.SIGKILL)
    return jnp.float32(1.0)


def wrong_when_trained(model: Any, task: Task) -> jax.Array:
    """A user's mistake that nobody sees before the tasks do."""
    if FEW and "planning" not in doing():
        raise ValueError("eleven is no number")
    return jnp.float32(1.0)


OPTIONS: dict[str, Any] = {"measures": [scaled_by(2.0)], "commit_seconds": 0.2}
SELDOM: dict[str, Any] = {"measures": [scaled_by(2.0)], "commit_seconds": 1e9}
DETACHING = SELDOM | {"on_interrupt": "detach", "commit_seconds": 0.2}

MIXED = Study(
    name="test/mixed",
    scale="laptop",
    runs=(small(0, 100), small(1, 100, modulus=11), replace(small(1, 50, modulus=11), start=small(1, 100, modulus=11))),
)
DYING = {"measures": [dies_at_eleven]}
MISTAKEN = {"measures": [wrong_when_trained]}
DERIVED = derived_study.STUDY
DERIVING: dict[str, Any] = {"measures": [with_the_study_known], "commit_seconds": 0.2}
TINY = Study(name="test/tiny", scale="laptop", runs=(small(0, 1000), small(1, 1000)))
