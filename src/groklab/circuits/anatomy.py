"""The parts of a network's answers over the pairs that are looked at: logits, neurons, what goes around them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from groklab.circuits.attention import Attention
from groklab.circuits.products import product
from groklab.models import MLP, Inputs, Model, answer_logits
from groklab.tasks.task import Task

CHUNK = 512
"""Pairs run at once."""
WIDTH = 64
"""Neurons held at once."""


@dataclass(frozen=True)
class Anatomy:
    """A network on some pairs of a task and some of its answers. All arrays are float32; logits are computed once."""

    model: Model
    """The network."""
    task: Task
    """Its task."""
    pairs: Int[np.ndarray, " pair"]
    """Rows of the task's table."""
    classes: Int[np.ndarray, " c"]
    """Columns of the logits."""

    @property
    def architecture(self) -> str:
        """The network in words."""
        if isinstance(self.model, MLP):
            return f"one hidden layer of {self.model.mlp.W_out.shape[0]} neurons, without attention"
        count = len(self.model.blocks)
        heads = self.model.blocks[0].attn.W_Q.shape[0]
        mlp = self.model.blocks[-1].mlp
        neurons = "no neurons" if mlp is None else f"{mlp.W_in.shape[1]} neurons"
        norm = "" if self.model.ln_final is None else ", LayerNorm"
        return f"transformer, {count} layer{'s' * (count > 1)} of {heads} heads and {neurons}{norm}"

    @property
    def has_neurons(self) -> bool:
        """Whether there are neurons before the logits."""
        return isinstance(self.model, MLP) or self.model.blocks[-1].mlp is not None

    @property
    def linear_readout(self) -> bool:
        """Whether the last neurons' contribution to the logits is W_L times their activation, exactly."""
        return self.has_neurons and (isinstance(self.model, MLP) or self.model.ln_final is None)

    @property
    def readable_heads(self) -> bool:
        """Whether there is attention that the two operands' scores decide: one layer, no LayerNorm."""
        return not isinstance(self.model, MLP) and len(self.model.blocks) == 1 and self.model.ln_final is None

    @cached_property
    def attention(self) -> Attention | None:
        """The attention of a network whose heads can be read. It also gives logits and neurons, in numpy.

        A program compiled for them would take more memory than all of them together.
        """
        if isinstance(self.model, MLP) or not self.readable_heads:
            return None
        task, model = self.task, jax.tree.map(np.asarray, self.model)
        return Attention(model, task.template, task.a[self.pairs], task.b[self.pairs])

    @cached_property
    def logits(self) -> Float[np.ndarray, "pair c"]:
        """The network's logits."""
        if self.attention is not None:
            return self.attention.logits(self.attention.pattern, self.classes)
        out = np.empty((len(self.pairs), len(self.classes)), np.float32)
        for part, inputs in self._chunks():
            out[part] = np.asarray(_logits(self.model, inputs))[: part.stop - part.start, self.classes]
        return out

    @cached_property
    def W_L(self) -> Float[np.ndarray, "c m"]:
        """The neuron-logit map's rows for the answers that are looked at."""
        model = jax.tree.map(np.asarray, self.model)
        return np.ascontiguousarray(np.asarray(model.neuron_logit_map)[self.classes])

    def neurons(self) -> Iterator[tuple[slice, Float[np.ndarray, "pair part"]]]:
        """The last layer's neurons at the answer's position, some at a time, with their places.

        All of them are 26 MB at the published setting, so the network is run anew for every part.
        """
        width = self.W_L.shape[1]
        size = min(WIDTH, width)
        for start in range(0, width, size):
            # Parts of one size need one compilation: the last one reaches back over the one before.
            first = min(start, width - size)
            if self.attention is None:
                out = np.empty((len(self.pairs), size), np.float32)
                for part, inputs in self._chunks():
                    out[part] = np.asarray(_neurons(self.model, inputs, first))[: part.stop - part.start]
            else:
                out = self.attention.neurons(slice(first, first + size))
            yield slice(start, first + size), out[:, start - first :]

    @cached_property
    def through_neurons(self) -> Float[np.ndarray, "pair c"]:
        """The part of the logits that the neurons write, W_L times their activations."""
        out = np.zeros((len(self.pairs), len(self.classes)), np.float32)
        for place, part in self.neurons():
            out += product(part, self.W_L[:, place].T)
        return out

    @property
    def around(self) -> Float[np.ndarray, "pair c"]:
        """The rest of the logits: the path around the neurons, and biases."""
        return self.logits - self.through_neurons

    def _inputs(self, rows: Int[np.ndarray, " n"]) -> Inputs:
        return Inputs(jnp.asarray(self.task.a[rows]), jnp.asarray(self.task.b[rows]), self.task.template)

    def _chunks(self) -> Iterator[tuple[slice, Inputs]]:
        """Equal chunks, so that one compilation serves all; the last one begins anew at the first pair."""
        size = min(CHUNK, len(self.pairs))
        for start in range(0, len(self.pairs), size):
            rows = np.take(self.pairs, np.arange(start, start + size), mode="wrap")
            yield slice(start, min(start + size, len(self.pairs))), self._inputs(rows)


_logits = jax.jit(answer_logits)


@jax.jit
def _neurons(model: Model, inputs: Inputs, first: int) -> Float[Array, "pair part"]:
    """`WIDTH` of the neurons, from the one numbered `first` on."""
    if isinstance(model, MLP):
        neurons = model.run(inputs, ["mlp.post"])[1]["mlp.post"]
    else:
        name = f"blocks.{len(model.blocks) - 1}.mlp.post"
        neurons = model.run(inputs, [name])[1][name][:, -1]
    return jax.lax.dynamic_slice_in_dim(neurons, first, min(WIDTH, neurons.shape[1]), axis=1)
