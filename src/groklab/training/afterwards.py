"""Measures of networks whose weights were kept: those of all runs and steps of a batch by one compiled program."""

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from groklab.measures import Measure, Table, view_of
from groklab.models import Learner, skeleton, with_parameters
from groklab.tasks import Problem, problem_of
from groklab.training.key_choice import OWN, given_key
from groklab.training.memory import generous
from groklab.training.over_networks import OverNetworks, Pieces
from groklab.training.problem_data import batch_tables, seen_at
from groklab.training.settings import Run

ON_CPU = 16
"""Networks in one call on a CPU, where they come one after the other: few, so that an interruption is obeyed soon."""
ON_ACCELERATOR, BYTES = 256, 2**33
"""Networks in one call on an accelerator at most, and the memory that they may take by the generous estimate.

Settings alone decide on the size of a call, so that what is computed again has the same bits.
"""
BYTES_READ = 2**27
"""Weights read at once, so that a store is opened seldom."""

KEY_FREQUENCY = Measure(
    name="key_frequency",
    dims=("frequency",),
    units="1",
    description="1 for a frequency that was taken as key, 0 for another.",
    needs=("key",),
    compute=lambda view: view.own_key,
)
"""The network's own key frequencies, by the default rule."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Networks:
    """The networks that were kept of the runs of one batch."""

    runs: tuple[Run, ...]
    """The runs."""
    steps: Int[np.ndarray, " step"]
    """The steps asked for, ascending."""
    where: Bool[np.ndarray, "run step"]
    """Which runs' weights are asked for at which of the steps."""
    last: Int[np.ndarray, " run"]
    """The last step at which each run's weights were kept."""
    read: Callable[[tuple[int, ...]], Mapping[str, np.ndarray]]
    """Reads every parameter (run, step, ...) by name at some steps; numbers of any kind where none were kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """What was found of kept networks."""

    values: dict[str, Float[np.ndarray, "run step ..."]]
    """Every measure, NaN where no network was asked for."""
    key: Float[np.ndarray, "run *step frequency"] | None
    """The key frequencies referred to, by step where each network has its own; nothing where no measure needs any."""


def evaluate(
    networks: Networks, measures: tuple[Measure, ...], choice: str, between: Callable[[], None] = lambda: None
) -> Evaluated:
    """Evaluates measures that fit the runs, on all networks asked for.

    `choice` says which frequencies are key, as `Run.key_frequencies` does. `between` is called before each
    compiled call, and may raise to give up. On an accelerator products of matrices are full float32, whatever
    the networks were trained with. Raises `Mistake` for a `choice` that does not fit the task.
    """
    task = problem_of(networks.runs[0].task)
    key = given_key(choice, task)
    tables = batch_tables(networks.runs)
    # The final networks are looked at before all others, and often lie in the only block that is read.
    networks = dataclasses.replace(networks, read=lru_cache(maxsize=1)(networks.read))
    with _exactly():
        if not any("key" in measure.needs for measure in measures):
            return Evaluated(values=_evaluate(networks, task, tables, None, measures, between), key=None)
        if choice.strip() == OWN:
            values = _evaluate(networks, task, tables, None, (*measures, KEY_FREQUENCY), between)
            return Evaluated(key=values.pop(KEY_FREQUENCY.name), values=values)
        rows = len(networks.runs)
        keys = _final_keys(networks, task, tables, between) if key is None else np.tile(key, (rows, 1))
        return Evaluated(values=_evaluate(networks, task, tables, keys, measures, between), key=keys)


def last_kept(steps: Int[np.ndarray, " step"], where: Bool[np.ndarray, "run step"]) -> Int[np.ndarray, " run"]:
    """The last of the ascending steps at which each run's weights were kept."""
    return steps[where.shape[1] - 1 - where[:, ::-1].argmax(axis=1)]


def attributes(measure: Measure, choice: str) -> dict[str, str]:
    """What a dataset says of a measured variable; with the choice of key frequencies where it refers to them."""
    said = {"units": measure.units, "description": measure.description}
    return said | ({"key_frequencies": choice} if "key" in measure.needs else {})


@lru_cache(maxsize=16)
def program(task: Problem, measures: tuple[Measure, ...]) -> OverNetworks:
    """The measures of networks, their labels and their keys: name -> (network, *dims)."""

    def one(model: Learner, table: Table, key: Float[Array, " frequency"] | None) -> dict[str, Array]:
        view = view_of(model, task, table, key)
        return {measure.name: measure.compute(view) for measure in measures}

    return OverNetworks(one)


def at_once(run: Run) -> int:
    """Networks like this run's in one call."""
    if jax.default_backend() == "cpu":
        return ON_CPU
    return max(1, min(ON_ACCELERATOR, BYTES // generous(run)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Call:
    """A call of the compiled program, perhaps still being computed."""

    rows: Int[np.ndarray, " network"]
    """The runs of its networks."""
    places: Int[np.ndarray, " network"]
    """Where their steps stand among those asked for."""
    values: Pieces
    """The measures of each network by name."""


def _evaluate(
    networks: Networks,
    task: Problem,
    tables: Table,
    keys: Float[np.ndarray, "run frequency"] | None,
    measures: tuple[Measure, ...],
    between: Callable[[], None],
) -> dict[str, Float[np.ndarray, "run step ..."]]:
    outline = skeleton(networks.runs[0].model, task.vocabulary, task.length)
    compute = program(task, measures)
    bytes_a_step = 4 * len(networks.runs) * sum(leaf.size for leaf in jax.tree.leaves(outline))
    read_steps = max(1, BYTES_READ // bytes_a_step)
    size = min(at_once(networks.runs[0]), int(networks.where.sum()))
    found: dict[str, Float[np.ndarray, "run step ..."]] = {}

    def keep(call: _Call) -> None:
        for name, value in call.values.get().items():
            whole = found.setdefault(name, np.full((*networks.where.shape, *value.shape[1:]), np.nan, np.float32))
            whole[call.rows, call.places] = value

    with ThreadPoolExecutor(max_workers=1) as reader:
        for first in range(0, len(networks.steps), read_steps):
            places, rows = np.nonzero(networks.where[:, first : first + read_steps].T)
            if not len(rows):
                continue
            reading = reader.submit(networks.read, tuple(networks.steps[first : first + read_steps].tolist()))
            if first == 0:
                # While the first networks are read.
                compute.compile(*_zeros(outline, seen_at(_chosen(tables, [0]), np.zeros(1)), keys, size))
            read = reading.result()
            under_way: deque[_Call] = deque()
            for start in range(0, len(rows), size):
                between()
                # All calls are of one size, so that one compilation serves them: the last network is taken again.
                some = np.minimum(np.arange(start, start + size), len(rows) - 1)
                row, place = rows[some], places[some]
                model = with_parameters(outline, {name: leaf[row, place] for name, leaf in read.items()})
                seen = seen_at(_chosen(tables, row), networks.steps[first + place])
                values = compute(model, seen, None if keys is None else keys[row])
                under_way.append(_Call(rows=row, places=first + place, values=values))
                # One call computes while the next one's networks are gathered.
                if len(under_way) > 1:
                    keep(under_way.popleft())
            for call in under_way:
                keep(call)
    return found


def _zeros(outline: Learner, table: Table, keys: Float[np.ndarray, "run frequency"] | None, size: int) -> Any:
    """Arguments as a call of so many networks takes them, all 0."""
    one = outline, *_chosen((table, keys), 0)
    return jax.tree.map(lambda leaf: np.zeros((size, *leaf.shape), leaf.dtype), one)


def _chosen(tree: Any, rows: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], tree)


def _final_keys(
    networks: Networks, task: Problem, tables: Table, between: Callable[[], None]
) -> Float[np.ndarray, "run frequency"]:
    """The key frequencies of each run's last network."""
    steps = np.union1d(networks.steps, networks.last)
    own = networks.last[:, None] == steps
    last = dataclasses.replace(networks, steps=steps, where=own)
    return _evaluate(last, task, tables, None, (KEY_FREQUENCY,), between)[KEY_FREQUENCY.name][own]


def _exactly() -> AbstractContextManager[Any]:
    return nullcontext() if jax.default_backend() == "cpu" else jax.default_matmul_precision("highest")
