"""The state of a batch in training and its data, every array with a leading `run` axis."""

from functools import partial
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from groklab.measures import Labels
from groklab.models import Model, ModelSettings, build
from groklab.tasks import Split, Task, TaskSettings
from groklab.training.optimisers import optimiser
from groklab.training.settings import Run

T = TypeVar("T")


class Data(eqx.Module):
    """What each run is trained on, and the rates in which the runs of a batch differ."""

    a: Int[Array, "*run example"]
    """First operand of each train pair, padded."""
    b: Int[Array, "*run example"]
    """Second operand."""
    answer: Int[Array, "*run example"]
    """The label trained on."""
    weight: Float[Array, "*run example"]
    """One over the training set's size; 0 where padded."""
    learning_rate: Float[Array, "*run"]
    """Step size after warm-up."""
    weight_decay: Float[Array, "*run"]
    """Strength of the decay."""
    key: PRNGKeyArray
    """Root of what is drawn during training; step s uses fold_in(key, s)."""
    table: Labels
    """Labels and masks over the whole table, for the measures."""


class State(eqx.Module):
    """All that training changes: what a store must hold for it to go on bit for bit."""

    model: Model
    """The weights."""
    optimiser: PyTree[Array]
    """The optimiser's moments."""
    step: Int[Array, ""]
    """Optimiser steps taken, the same for every run of a batch."""
    diverged: Int[Array, "*run"]
    """The step at which the loss or its gradient was not finite, -1 while none was; the weights then stand still."""


def data_of(runs: tuple[Run, ...], splits: list[Split]) -> Data:
    """The data of a batch: training sets padded to the largest, everything else stacked."""
    task = Task.of(runs[0].task)
    longest = max(len(split.train) for split in splits)
    rows = np.stack([np.pad(split.train, (0, longest - len(split.train)), mode="wrap") for split in splits])
    sizes = np.array([len(split.train) for split in splits])
    labels = np.stack([split.labels for split in splits])
    return Data(
        a=jnp.asarray(task.a[rows]),
        b=jnp.asarray(task.b[rows]),
        answer=jnp.asarray(np.take_along_axis(labels, rows, axis=1)),
        weight=jnp.asarray(np.where(np.arange(longest) < sizes[:, None], 1 / sizes[:, None], 0), jnp.float32),
        learning_rate=jnp.asarray([run.optimiser.learning_rate for run in runs], jnp.float32),
        weight_decay=jnp.asarray([run.optimiser.weight_decay for run in runs], jnp.float32),
        key=jnp.stack([jax.random.fold_in(jax.random.key(run.seed), 1) for run in runs]),
        table=Labels(
            labels=jnp.asarray(labels),
            train=jnp.asarray(np.stack([split.train_mask for split in splits])),
            test=jnp.asarray(np.stack([split.test for split in splits])),
        ),
    )


def initial_model(run: Run) -> Model:
    """The network of a run before its first step, drawn from its seed."""
    return _drawn(run.model, run.task, jax.random.fold_in(jax.random.key(run.seed), 0))


@partial(jax.jit, static_argnums=(0, 1))
def _drawn(settings: ModelSettings, task: TaskSettings, key: PRNGKeyArray) -> Model:
    return build(settings, Task.of(task).vocabulary, Task.of(task).length, key=key)


def initial_state(runs: tuple[Run, ...], models: list[Model]) -> State:
    """The state of a batch before its first step, from one network a run."""
    model = jax.tree.map(lambda *leaves: jnp.stack(leaves), *models)
    zero = jnp.float32(0.0)
    return State(
        model=model,
        optimiser=jax.vmap(optimiser(runs[0].optimiser, zero, zero).init)(model),
        step=jnp.int32(0),
        diverged=jnp.full(len(runs), -1, jnp.int32),
    )


def outline(runs: tuple[Run, ...]) -> State:
    """The structure of a batch's state without the numbers."""
    return eqx.filter_eval_shape(lambda: initial_state(runs, [initial_model(run) for run in runs]))


def to_arrays(state: State) -> dict[str, np.ndarray]:
    """Every array of a state on the host, under its path; `from_arrays` undoes it."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def from_arrays(like: State, arrays: dict[str, np.ndarray]) -> State:
    """The state that `to_arrays` wrote, of the same structure as `like`."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    found: list[Any] = [jnp.asarray(arrays[jax.tree_util.keystr(path)]) for path, _ in leaves]
    return jax.tree_util.tree_unflatten(structure, found)


def take(tree: T, rows: Bool[np.ndarray, "run"] | Int[np.ndarray, "chosen"]) -> T:
    """Some runs of a batch's state or data: every array with a run axis indexed by `rows`."""
    return jax.tree.map(lambda leaf: leaf[rows] if leaf.ndim else leaf, tree)
