"""A sequence task in training: the data of a batch, and the loss of one run."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from groklab.losses import pair_loss
from groklab.measures.sequence_view import SequenceTable
from groklab.models import Learner, Transformer
from groklab.tasks.sequences.examples import Examples
from groklab.tasks.sequences.task import SequenceTask
from groklab.training.minibatch import minibatch
from groklab.training.settings import Run


class SequenceData(eqx.Module):
    """What each run of a batch is trained on, and the rates in which the runs differ."""

    learning_rate: Float[Array, "*run"]
    """Step size after warm-up."""
    weight_decay: Float[Array, "*run"]
    """Strength of the decay."""
    key: UInt32[Array, "*run word"]
    """Data of the key from which everything is drawn during training; step s uses fold_in(key, s)."""
    table: SequenceTable
    """The sequences, for the measures too."""


def sequence_loss(
    model: Learner, run: Run, task: SequenceTask, data: SequenceData, choose: PRNGKeyArray, drop: PRNGKeyArray
) -> Float[Array, ""]:
    """Mean cross-entropy over all answers that count, of all sequences of a step together.

    `choose` draws the sequences: anew with unlimited data, else those of a minibatch.
    """
    assert isinstance(model, Transformer)
    examples = _of_step(run, task, data, choose)
    last = task.settings.positions
    logits = model(examples.tokens, dropout=run.dropout, key=drop if run.dropout else None, last=last)
    counts = examples.counts.reshape(-1)
    losses = pair_loss(run.loss)(logits.reshape(counts.size, -1), examples.answers.reshape(-1))
    return jnp.sum(jnp.where(counts, losses, 0.0)) / jnp.sum(counts)


def sequence_tables(task: SequenceTask, runs: Sequence[Run], keys: UInt32[np.ndarray, "run word"]) -> SequenceTable:
    """The sequences of several runs, on the host, with a leading run axis."""
    sets = [(task.training_set(run.data_seed), task.test_set(run.data_seed)) for run in runs]
    train = [one for one, _ in sets if one is not None]
    step: Any = np.zeros(len(runs), np.int32)
    whole: Any = keys
    return SequenceTable(
        test=_stacked([test for _, test in sets]),
        train=_stacked(train) if train else None,
        key=whole,
        step=step,
        batch=runs[0].batch_size or 0,
    )


def _of_step(run: Run, task: SequenceTask, data: SequenceData, choose: PRNGKeyArray) -> Examples:
    train = data.table.train
    if train is None:
        assert run.batch_size is not None
        return task.draw(choose, run.batch_size)
    if run.batch_size is None:
        return train
    chosen = minibatch(choose, jnp.ones(len(train)), run.batch_size)
    return jax.tree.map(lambda leaf: leaf[chosen], train)


def _stacked(sets: Sequence[Examples]) -> Examples:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *sets)
