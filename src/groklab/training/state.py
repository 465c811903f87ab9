"""The state of a batch in training and its data, every array with a leading `run` axis."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, UInt32

from groklab.measures import Labels
from groklab.models import Learner, LearnerSettings, build
from groklab.tasks import ProblemSettings, Split, Task, problem_of
from groklab.training.optimisers import optimiser
from groklab.training.settings import OptimiserSettings, Run

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
    key: UInt32[Array, "*run word"]
    """Data of the key from which everything is drawn during training; step s uses fold_in(key, s)."""
    table: Labels
    """Labels and masks over the whole table, for the measures."""


class State(eqx.Module):
    """All that training changes: what a store must hold for it to go on bit for bit."""

    model: Learner
    """The weights."""
    optimiser: PyTree[Array]
    """The optimiser's moments."""
    step: Int[Array, ""]
    """Optimiser steps taken, the same for every run of a batch."""
    diverged: Int[Array, "*run"]
    """The step at which the loss or its gradient was not finite, -1 while none was; the weights then stand still."""


def data_of(runs: tuple[Run, ...], splits: list[Split]) -> Data:
    """The data of a batch on the host: training sets padded to the largest, everything else stacked."""
    task = Task.of(runs[0].task)
    longest = max(len(split.train) for split in splits)
    rows = np.stack([np.pad(split.train, (0, longest - len(split.train)), mode="wrap") for split in splits])
    sizes = np.array([len(split.train) for split in splits])
    labels = np.stack([split.labels for split in splits])
    arrays: dict[str, Any] = {
        "a": task.a[rows],
        "b": task.b[rows],
        "answer": np.take_along_axis(labels, rows, axis=1),
        "weight": np.where(np.arange(longest) < sizes[:, None], 1 / sizes[:, None], 0).astype(np.float32),
        "learning_rate": np.array([run.optimiser.learning_rate for run in runs], dtype=np.float32),
        "weight_decay": np.array([run.optimiser.weight_decay for run in runs], dtype=np.float32),
        "key": training_keys(np.array([run.seed for run in runs], dtype=np.uint32)),
    }
    return Data(**jax.device_get(arrays), table=tables_of(splits))


def tables_of(splits: Sequence[Split]) -> Labels:
    """The labels and masks of several runs over the whole table, on the host, with a leading run axis."""
    masks: dict[str, Any] = {
        "labels": np.stack([split.labels for split in splits]),
        "train": np.stack([split.train_mask for split in splits]),
        "test": np.stack([split.test for split in splits]),
    }
    return Labels(**masks)


@jax.jit
@jax.vmap
def training_keys(seed: UInt32[Array, ""]) -> UInt32[Array, "word"]:
    """Data of the key from which all is drawn during a run's training, by its seed; takes and gives a run axis."""
    return jax.random.key_data(jax.random.fold_in(jax.random.key(seed), 1))


def initial_model(run: Run) -> Learner:
    """The network of a run before its first step, drawn from its seed."""
    return _drawn(run.model, run.task, jax.random.fold_in(jax.random.key(run.seed), 0))


@partial(jax.jit, static_argnums=(0, 1))
def _drawn(settings: LearnerSettings, task: ProblemSettings, key: PRNGKeyArray) -> Learner:
    return build(settings, problem_of(task).vocabulary, problem_of(task).length, key=key)


def initial_state(runs: tuple[Run, ...], models: Sequence[Learner]) -> State:
    """The state of a batch before its first step, from one network a run."""
    model = jax.tree.map(lambda *leaves: np.stack(leaves), *models)
    diverged: Any = np.full(len(runs), -1, np.int32)
    return State(model=model, optimiser=_fresh(runs[0].optimiser, model), step=jnp.int32(0), diverged=diverged)


@partial(jax.jit, static_argnums=0)
def _fresh(settings: OptimiserSettings, model: Any) -> PyTree[Array]:
    return jax.vmap(optimiser(settings, jnp.float32(0.0), jnp.float32(0.0)).init)(model)


def outline(runs: tuple[Run, ...]) -> State:
    """The structure of a batch's state without the numbers."""
    one = eqx.filter_eval_shape(lambda: initial_model(runs[0]))
    model = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((len(runs), *leaf.shape), leaf.dtype), one)
    moments = eqx.filter_eval_shape(lambda model: _fresh(runs[0].optimiser, model), model)
    step: Any = jax.ShapeDtypeStruct((), jnp.int32)
    diverged: Any = jax.ShapeDtypeStruct((len(runs),), jnp.int32)
    return State(model=model, optimiser=moments, step=step, diverged=diverged)


def to_arrays(state: State) -> dict[str, np.ndarray]:
    """Every array of a state on the host, under its path; `from_arrays` undoes it."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def from_arrays(like: State, arrays: Mapping[str, np.ndarray]) -> State:
    """The state that `to_arrays` wrote, of the same structure as `like`, on the host."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    return jax.tree_util.tree_unflatten(structure, [arrays[jax.tree_util.keystr(path)] for path, _ in leaves])


def take(tree: T, rows: Int[np.ndarray, "chosen"]) -> T:
    """Some runs of a batch's state or data brought to the device: every array with a run axis indexed by `rows`."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf[rows] if leaf.ndim else leaf), tree)
