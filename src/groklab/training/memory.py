"""How much memory a batch will take, and how many runs may share one."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from groklab.machine import cores
from groklab.measures import Measure
from groklab.models import LinearSettings, TransformerSettings
from groklab.tasks import SequenceTask, Split, Task, problem_of
from groklab.training import step
from groklab.training.backend import backend
from groklab.training.problem_data import AnyData, batch_data
from groklab.training.settings import Run
from groklab.training.state import State, outline

SHARE = 0.8
"""Share of the memory at hand that a batch may take."""
COMPILED = 80_000_000
"""Bytes that the fused step's machine code and LLVM take in a process, whatever the batch: measured at P = 7, 59, 113,
79 to 83 MB beyond the arrays when read from the cache. A process that compiles it anew takes some 60 MB more."""
ON_CPU, ON_ACCELERATOR = 8, 512
"""Runs in one batch at most: on the CPU more of them are no faster, and cores take whole runs."""


def demand(runs: Sequence[Run], measures: tuple[Measure, ...], name: Literal["fused", "xla"] | None = None) -> int:
    """Bytes that a batch of these runs will take on the device while it trains; nothing is allocated.

    Its state and data, with what the larger of two programs needs beside them: the steps, and the measures, without
    those that are computed afterwards, in small portions. What programs compiled by XLA need, the compiler says, so
    that they are compiled here; they are the programs that training will use, and are kept between processes. The
    fused step allocates the same arrays every time. `name` is the back end; nothing means the one that training
    chooses.
    """
    run, task = runs[0], problem_of(runs[0].task)
    state, data = shapes(runs)
    held = _bytes(state) + _bytes(data)
    if backend(run, task, name).name == "fused":
        steps = fused_demand(runs) + COMPILED
    else:
        steps = _beside(step.advance_program(run, task).lower(state, data, jnp.int32(1)))
    if jax.default_backend() == "cpu":
        # The host's own copies lie in the same memory.
        held += _bytes(state) + _bytes(data)
    logged = tuple(measure for measure in measures if not measure.afterwards)
    measuring = step.measuring(task, logged)
    return held + max(steps, measuring.at_once(len(runs)) * _beside(measuring.lower(state.model, data.table)))


def shapes(runs: Sequence[Run]) -> tuple[State, AnyData]:
    """The state and the data of a batch without the numbers, as programs are compiled for them."""
    return outline(tuple(runs)), jax.tree.map(_shape, batch_data(runs))


def fused_demand(runs: Sequence[Run]) -> int:
    """Bytes that the fused step takes beside the state and the data of its batch.

    Weights, gradients and both moments of every run as vectors; its examples sorted; for each thread the room that
    a step computes in.
    """
    from groklab.training.fused import engine, layout

    run, task = runs[0], Task.of(runs[0].task)
    sizes = engine.sizes_of(run, task)
    parameters = sum(int(np.prod(shape)) for shape in sizes.shapes().values())
    vectors = 4 * 4 * parameters * len(runs)
    examples = sum(16 * len(Split.of(task, r.split, r.data_seed).train) for r in runs)
    # Memory that is allocated and not written to takes none.
    room = sum(array.nbytes for array in layout.room(sizes, np.dtype(np.float32)))
    return vectors + examples + room * min(cores(), len(runs))


def largest(runs: Sequence[Run], measures: tuple[Measure, ...], limit: int | None = None) -> int:
    """How many of these runs, which fit in one batch by their settings, may share it, at least one.

    `runs` are sorted by the size of their training sets; the largest ones are taken to judge. `limit` is the memory
    in bytes; nothing means what the device has at hand.
    """
    limit = available() if limit is None else limit
    accelerated = jax.default_backend() != "cpu"
    count = min(len(runs), ON_ACCELERATOR if accelerated else ON_CPU)
    if not accelerated and count * generous(runs[-1]) < limit:
        return count
    while count > 1:
        needed = demand(runs[-count:], measures)
        if needed <= limit:
            break
        count = max(1, min(count - 1, count * limit // needed))
    return count


def available() -> int:
    """Bytes that a batch may take: a share of the accelerator's memory, or of the memory that this machine has free."""
    told: dict[str, Any] | None = jax.devices()[0].memory_stats()
    if told and "bytes_limit" in told:
        return int(SHARE * (told["bytes_limit"] - told.get("bytes_in_use", 0)))
    return int(SHARE * min(_free(), _allowed()))


def generous(run: Run) -> int:
    """Bytes that one run stays below, found without the compiler: all that a forward pass computes, several times."""
    task, model = problem_of(run.task), run.model
    if isinstance(model, LinearSettings):
        return 4 * (4 * task.vocabulary + _bytes(outline((run,))))
    classes = task.vocabulary if model.classes is None else model.classes
    if isinstance(model, TransformerSettings):
        positions = 1 if model.layers == 1 and isinstance(task, Task) else task.length
        width = model.layers * positions * (8 * model.d_model + 2 * model.d_mlp + 4 * model.heads * task.length)
    else:
        width = 2 * model.d_mlp
    examples = task.pairs if isinstance(task, Task) else 0
    if isinstance(task, SequenceTask):
        examples = task.settings.test + (task.settings.examples or run.batch_size or 0)
        classes *= task.settings.positions
    return 4 * (4 * examples * (width + 2 * classes) + _bytes(outline((run,))))


def _beside(lowered: Any) -> int:
    """Bytes that a program takes beside its arguments."""
    told = lowered.compile().memory_analysis()
    return told.temp_size_in_bytes + told.output_size_in_bytes - told.alias_size_in_bytes


def _shape(array: np.ndarray) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, jax.dtypes.canonicalize_dtype(array.dtype))


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _free() -> int:
    """Bytes of memory that nobody uses on this machine."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _allowed() -> int:
    """Bytes that a container still allows its processes; without one, as good as all."""
    group = Path("/sys/fs/cgroup")
    try:
        most = int((group / "memory.max").read_text())
        return most - int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return 2**62
