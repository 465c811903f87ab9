"""A network and a sequence task as measures see them: a row for every position of every sequence that is read."""

from functools import cached_property

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt32

from groklab.measures.view import Labels, View
from groklab.models import Learner, Transformer
from groklab.tasks.sequences.examples import Examples, one_after_another
from groklab.tasks.sequences.task import SequenceTask


class SequenceTable(eqx.Module):
    """The sequences of one run, or with a leading run axis those of several.

    With unlimited data `train` is nothing, and the sequences trained on are those drawn for `step`.
    """

    test: Examples
    """The sequences tested on."""
    train: Examples | None
    """The sequences trained on."""
    key: UInt32[Array, "*run word"]
    """Data of the key from which everything is drawn during training."""
    step: Int[Array, "*run"]
    """The step that the network is seen at."""
    batch: int = eqx.field(static=True)
    """Sequences drawn a step, where they are."""

    def at(self, step: Int[Array, "*run"]) -> "SequenceTable":
        """The same, seen at another step."""
        return SequenceTable(test=self.test, train=self.train, key=self.key, step=step, batch=self.batch)


def drawn(task: SequenceTask, key: PRNGKeyArray, count: int) -> Examples:
    """The sequences of a step with unlimited data, from that step's key: `fold_in(key, step)`."""
    return task.draw(jax.random.split(key)[0], count)


class SequenceView(View):
    """A view whose rows are the sequences' last positions: those trained on first, then those tested on.

    `data.train` and `data.test` are true where an answer of such a sequence counts. With unlimited data those trained
    on are the ones that the next step will be taken with, so that what is measured of them is what training sees.
    """

    def __init__(self, model: Learner, task: SequenceTask, table: SequenceTable | None) -> None:
        """Without a table it is an outline, which can only be asked what measures would fit."""
        nothing = jnp.zeros(0, bool)
        super().__init__(model, task, Labels(labels=nothing.astype(jnp.int32), train=nothing, test=nothing))
        self.sequences = task
        self.table = table
        if table is not None:
            self.data = self._labels()

    @property
    def network(self) -> Transformer:
        """The transformer: no other network reads sequences."""
        assert isinstance(self.learner, Transformer)
        return self.learner

    @cached_property
    def trained(self) -> Examples:
        """The sequences trained on."""
        assert self.table is not None
        if self.table.train is not None:
            return self.table.train
        key = jax.random.fold_in(jax.random.wrap_key_data(self.table.key), self.table.step)
        return drawn(self.sequences, key, self.table.batch)

    @cached_property
    def tested(self) -> Examples:
        """The sequences tested on."""
        assert self.table is not None
        return self.table.test

    @cached_property
    def logits(self) -> Float[Array, "row class"]:
        """Logits at every row."""
        tokens = one_after_another(self.trained, self.tested).tokens
        logits = self.network(tokens, last=self.sequences.settings.positions)
        return logits.reshape(-1, logits.shape[-1])

    @cached_property
    def patterns(self) -> list[Float[Array, "example head query source"]]:
        """Every layer's attention on the sequences tested on."""
        names = [f"blocks.{layer}.attn.pattern" for layer in range(len(self.network.blocks))]
        _, kept = self.network.run(self.tested.tokens, names)
        return [kept[name] for name in names]

    def by_position(self, values: Float[Array, "row"]) -> Float[Array, "example answer"]:
        """What was found of every row, for the sequences tested on alone, by their positions."""
        return values.reshape(-1, self.sequences.settings.positions)[len(self.trained) :]

    def _labels(self) -> Labels:
        both = one_after_another(self.trained, self.tested)
        first = jnp.arange(len(both)) < len(self.trained)
        return Labels(
            labels=both.answers.reshape(-1), train=_where(first, both.counts), test=_where(~first, both.counts)
        )


def _where(chosen: Bool[Array, "example"], counts: Bool[Array, "example answer"]) -> Bool[Array, "row"]:
    return (chosen[:, None] & counts).reshape(-1)
