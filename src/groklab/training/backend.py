"""What takes a batch's steps: the fused step on the CPU where it applies, the general one elsewhere."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import jax

from groklab.errors import Mistake
from groklab.tasks import Problem, Task
from groklab.training import fused, step
from groklab.training.problem_data import AnyData
from groklab.training.settings import Run
from groklab.training.state import State


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A way of training; the state it leaves, any other can take on."""

    name: Literal["fused", "xla"]
    """Hand-written for the CPU, or compiled by XLA."""
    why: str
    """The reason for the choice, in words."""
    advance: Callable[[State, AnyData, int], State]
    """Takes a batch's state some steps on."""


def backend(run: Run, task: Problem, name: Literal["fused", "xla"] | None = None) -> Backend:
    """The back end for a batch of runs like `run`, the fastest unless one is named.

    Raises `Mistake` where the named one cannot train the run.
    """
    why = _why_not(run)
    if name == "fused" and why is not None:
        raise Mistake(f"the fused step cannot train this run: {why}; leave the choice open, or name xla")
    if name == "xla" or why is not None:
        return Backend(name="xla", why=why or "asked for", advance=step.advancing(run, task))
    assert isinstance(task, Task)
    return Backend(name="fused", why="one layer, full batch, on the CPU", advance=fused.advancing(run, task))


def backend_like(run: Run, task: Problem, former: Literal["fused", "xla"] | None) -> Backend:
    """The back end a batch was begun with, since another would round otherwise; the fastest where it cannot be had."""
    try:
        return backend(run, task, former)
    except Mistake as mistake:
        other = backend(run, task)
        return dataclasses.replace(other, why=f"not as before: {mistake}")


def _why_not(run: Run) -> str | None:
    if jax.default_backend() != "cpu":
        return f"the device is a {jax.default_backend()}"
    if find_spec("numba") is None:
        return "Numba is not installed"
    return fused.fits(run)
