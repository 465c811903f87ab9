"""The functions that Ray is given as tasks. They import what they need where they run, not where they are called."""

import os
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

import ray
from ray import exceptions

from groklab.engines.cluster.job import Outcome, Plan
from groklab.engines.cluster.machines import Machine

RETRIES = 3
"""How often a lost task is begun anew before anything was committed."""


def warm() -> None:
    """Has a process import what training needs."""
    _tasks()


def plan(pieces: Sequence[bytes], machines: Sequence[Machine]) -> Plan | Outcome:
    """See `groklab.engines.cluster.tasks.plan`."""
    if _attempt() > RETRIES:
        raise RuntimeError(f"its process was lost {1 + RETRIES} times, for want of memory perhaps")
    return _tasks().plan(pieces, machines)


def train(pieces: Sequence[bytes], name: str, cores: int, supervisor: Any) -> Outcome:
    """See `groklab.engines.cluster.tasks.train`. Where Ray begins it anew it only says so: the supervisor counts.

    Ray would do so for ever where memory is short. A task that Ray may not begin anew at all is no way out: its memory
    monitor spares those, and would kill the supervisor in their place.
    """
    if _attempt():
        return Outcome(kind="lost", words="its process was killed, or died")
    return _tasks().train(pieces, name, cores, supervisor)


def task(call: Any, title: str, *, cores: int, gpus: int = 0, memory: int = 0) -> Any:
    """One of these functions as a Ray task that has these cores, accelerators and bytes of memory to itself.

    Tasks go to different machines where there is a choice. A process that had an accelerator is not used again, since
    JAX keeps to the one that it found first.
    """
    needs = {"num_cpus": cores, "num_gpus": gpus} | ({"memory": memory} if memory else {})
    return _remote(call, 1 if gpus else 0).options(name=f"groklab {title}", scheduling_strategy="SPREAD", **needs)


def _attempt() -> int:
    """How often Ray has begun this task before."""
    from ray._private import worker

    mine: Any = worker.global_worker
    return mine.core_worker.get_current_task_attempt_number()


def _tasks() -> ModuleType:
    """What the tasks do. A process that is interrupted while it imports that ends, since half of it would stay."""
    try:
        from groklab.engines.cluster import tasks
    except KeyboardInterrupt:
        os._exit(1)
    return tasks


@cache
def _remote(call: Any, most: int) -> Any:
    """A function for Ray, of which a process makes so many calls at most; 0 for any number."""
    return ray.remote(max_retries=RETRIES, max_calls=most)(call)


def why_lost(error: Exception) -> str:
    """Why Ray has lost a task, in words."""
    if isinstance(error, exceptions.RayTaskError):
        return f"{type(error.cause).__name__}: {first_line(error.cause)}"
    reasons = {
        exceptions.OutOfMemoryError: "out of memory: its machine had too little left",
        exceptions.NodeDiedError: "its machine was lost",
        exceptions.WorkerCrashedError: "its process was killed, or died",
    }
    return next((reason for kind, reason in reasons.items() if isinstance(error, kind)), first_line(error))


def first_line(error: object) -> str:
    """The first line of an error's text that says anything."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
