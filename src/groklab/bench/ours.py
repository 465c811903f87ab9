"""Our own trainer, taken by the step."""

import dataclasses
from typing import Any, Literal, TypeVar

import jax
import numpy as np

from groklab.engines.compilations import keep_compilations
from groklab.measures import built_in
from groklab.models import named_parameters
from groklab.tasks import Split, Task
from groklab.training.backend import backend
from groklab.training.memory import demand
from groklab.training.settings import Run
from groklab.training.state import Data, data_of, initial_model, initial_state, take
from groklab.training.step import measuring

T = TypeVar("T")


class Ours:
    """A batch of runs that differ in their seeds, in the hands of one back end, in numbers of 32 or 64 bits.

    64 bits are switched on for the whole process.
    """

    def __init__(self, run: Run, runs: int, name: Literal["xla", "fused"], bits: int = 32) -> None:
        if bits == 64:
            jax.config.update("jax_enable_x64", True)
        keep_compilations()
        self.runs = runs
        self.batch = tuple(run.replace({"seed": run.seed + number}) for number in range(runs))
        task, rows = Task.of(run.task), np.arange(runs)
        self.advance = backend(run, task, name).advance
        self.measure = measuring(task, tuple(one for one in built_in() if one.name == "train_loss"))
        self.predicted = demand(self.batch, (), name) if bits == 32 else None
        splits = [Split.of(task, one.split, one.data_seed) for one in self.batch]
        # Drawn in float32, so that both numbers of bits start from the same weights.
        with jax.enable_x64(False):
            models = [initial_model(one) for one in self.batch]
        self.state = take(initial_state(self.batch, models), rows)
        self.data = take(data_of(self.batch, splits), rows)
        if bits == 64:
            self.state, self.data = _wide(self.state), _exact(_wide(self.data), self.batch)

    def steps(self, count: int) -> None:
        """Takes so many steps of every run."""
        self.state = jax.block_until_ready(self.advance(self.state, self.data, count))

    def losses(self, count: int) -> list[float]:
        """Takes so many steps; the first run's train loss before each."""
        found: list[float] = []
        for _ in range(count):
            found.append(float(self.measure(self.state.model, self.data.table).get()["train_loss"][0]))
            self.steps(1)
        return found


def _wide(tree: T) -> T:
    """The tree with float64 for float32."""
    wide = lambda leaf: leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf  # noqa: E731
    return jax.tree.map(wide, tree)


def _exact(data: Data, runs: tuple[Run, ...]) -> Data:
    """The data with rates and weights that were not rounded to float32."""
    kept = data.weight > 0
    return dataclasses.replace(
        data,
        weight=kept / kept.sum(axis=1, keepdims=True),
        learning_rate=jax.numpy.array([run.optimiser.learning_rate for run in runs]),
        weight_decay=jax.numpy.array([run.optimiser.weight_decay for run in runs]),
    )


def start(run: Run) -> dict[str, Any]:
    """What the reference starts from: the run's initial parameters by name, tokens and labels."""
    task = Task.of(run.task)
    split = Split.of(task, run.split, run.data_seed)
    tests = np.flatnonzero(split.test)
    data = {
        "train_tokens": task.tokens[split.train],
        "train_labels": split.labels[split.train],
        "test_tokens": task.tokens[tests],
        "test_labels": split.labels[tests],
    }
    return {name: np.asarray(leaf) for name, leaf in named_parameters(initial_model(run)).items()} | data
