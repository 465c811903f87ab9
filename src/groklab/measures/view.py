"""One network and its task as measures see them: what several measures need is computed once."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from groklab.circuits.basis import Basis
from groklab.circuits.key_frequencies import outliers
from groklab.groups import Group, spectrum
from groklab.losses import margin_loss
from groklab.models import (
    MLP,
    Inputs,
    Learner,
    Linear,
    Model,
    ModelSettings,
    Transformer,
    answer_logits,
    named_parameters,
    skeleton,
)
from groklab.tasks import DigitsSettings, GroupStructure, Problem, Samples, SubsequencesSettings, Task

T = TypeVar("T")

NEEDS = ("group", "key", "mlp", "attention", "mirrors", "test", "table", "classes", "digits", "repeats", "linear")
"""What a measure may need of a network and its task."""


class Labels(eqx.Module):
    """What one run is trained on, as arrays over the operation's table."""

    labels: Int[Array, "pair"]
    """The label of each pair: on train pairs the one trained on, elsewhere the right answer."""
    train: Bool[Array, "pair"]
    """Pairs trained on."""
    test: Bool[Array, "pair"]
    """Pairs tested on."""


class View:
    """A network, its task and its training set. Made anew inside each traced function; all of it is lazy.

    What is learned here is an operation's table. `view_of` makes the views of other problems, which have rows where
    there are pairs here: answers at positions of sequences, or samples. Where the task is a group's product, `table`
    and what is made of it are about the pairs and answers inside the group, in the order of its elements; axes as in
    `groklab.circuits.basis`.
    """

    def __init__(
        self, model: Learner, task: Problem, data: Labels, key: Float[Array, "frequency"] | None = None
    ) -> None:
        """`key` is 1 for a key frequency and 0 for another; without one they are the network's own."""
        self.learner = model
        self.problem = task
        self.data = data
        self._key = key
        self._made: dict[Callable[[View], Any], Any] = {}

    @property
    def model(self) -> Model:
        """The network."""
        if isinstance(self.learner, Linear):
            raise ValueError("the linear model is no network")
        return self.learner

    @property
    def task(self) -> Task:
        """The operation's table."""
        if not isinstance(self.problem, Task):
            raise ValueError(f"{self.problem.name} is no operation's table")
        return self.problem

    @staticmethod
    def outline(settings: ModelSettings, task: Task) -> "View":
        """A view of a network without numbers, for asking what measures would fit."""
        pairs = jnp.zeros(task.pairs, bool)
        model = skeleton(settings, task.vocabulary, task.length)
        return View(model, task, Labels(labels=jnp.asarray(task.answers), train=pairs, test=pairs))

    def has(self, need: str) -> bool:
        """Whether there is what a measure needs.

        `group`: the task is a group's product. `key`: a group, and with it key frequencies. `mlp`: neurons before
        the logits. `attention`. `mirrors`: pairs (b, a) of pairs (a, b). `test`: labels of pairs that were not
        trained on, which every table has; a word for the reader. `table`: an operation's. `classes`: answers are
        classes, with logits.
        `digits` and `repeats`: the task adds digit by digit, or repeats subsequences. `linear`: the linear model.
        """
        match need:
            case "group" | "key":
                return self.problem.group is not None
            case "mlp":
                return isinstance(self.learner, MLP) or (
                    isinstance(self.learner, Transformer) and self.learner.blocks[-1].mlp is not None
                )
            case "attention":
                return isinstance(self.learner, Transformer)
            case "mirrors":
                return isinstance(self.problem, Task) and bool(np.any(self.problem.mirror >= 0))
            case "test" | "table":
                return isinstance(self.problem, Task)
            case "classes":
                return not isinstance(self.problem, Samples)
            case "digits":
                return isinstance(self.problem.settings, DigitsSettings)
            case "repeats":
                return isinstance(self.problem.settings, SubsequencesSettings)
            case "linear":
                return isinstance(self.learner, Linear)
            case _:
                raise ValueError(f"a measure can need {', '.join(NEEDS)}, not {need!r}")

    def once(self, part: Callable[["View"], T]) -> T:
        """What a function makes of this view, computed once for all measures that ask for it."""
        if part not in self._made:
            self._made[part] = part(self)
        return self._made[part]

    @property
    def coordinates(self) -> dict[str, np.ndarray]:
        """The labels along every dimension a measure may have."""
        labels = {
            "matrix": np.array(list(self.weights)),
            "reading": np.array(["sums", "products", "terms"]),
            "part": np.array(["all", "train", "test"]),
        }
        if self.problem.group is not None:
            labels["frequency"] = np.array(self.problem.group.group.frequency_labels)
        if isinstance(self.problem.settings, DigitsSettings):
            labels["digit"] = np.arange(self.problem.settings.positions)[::-1]
        if isinstance(self.learner, Transformer):
            heads = [range(len(block.attn.W_Q)) for block in self.learner.blocks]
            labels["head"] = np.array([f"{layer}.{head}" for layer, of_one in enumerate(heads) for head in of_one])
        return labels

    @property
    def structure(self) -> GroupStructure:
        """The task's group and how operands and answers stand for its elements."""
        structure = self.task.group
        if structure is None:
            raise ValueError(f"{self.task.name} has no group")
        return structure

    @property
    def group(self) -> Group:
        """The task's group."""
        return self.structure.group

    @cached_property
    def basis(self) -> Basis:
        """The task in the basis of its group."""
        return Basis.of(self.task)

    @property
    def key(self) -> Float[Array, "frequency"]:
        """1 for a key frequency and 0 for another: those given, or the network's own."""
        return self.own_key if self._key is None else self._key

    @cached_property
    def own_key(self) -> Float[Array, "frequency"]:
        """The network's own key frequencies by the default rule, on W_L, or on W_E where there are no neurons."""
        values = self.neuron_logit_map if self.has("mlp") else self.embedding
        return outliers(spectrum(self.group, values)).astype(jnp.float32)

    @cached_property
    def weights(self) -> dict[str, Array]:
        """Every parameter by name."""
        return named_parameters(self.learner)

    @cached_property
    def logits(self) -> Float[Array, "pair class"]:
        """Logits at the answer's position for the whole table; any extra classes of the model are included."""
        a, b = jnp.asarray(self.task.a), jnp.asarray(self.task.b)
        return answer_logits(self.model, Inputs(a, b, self.task.template))

    @property
    def losses(self) -> Float[Array, "pair"]:
        """The loss of every pair with its label."""
        return margin_loss(self.logits, self.data.labels)

    @cached_property
    def margins(self) -> Float[Array, "pair"]:
        """The label's logit minus the largest other one."""
        right = self.data.labels[:, None] == jnp.arange(self.logits.shape[1])
        own = jnp.sum(jnp.where(right, self.logits, 0.0), axis=1)
        return own - jnp.max(jnp.where(right, -jnp.inf, self.logits), axis=1)

    @cached_property
    def correct(self) -> Bool[Array, "pair"]:
        """Whether the label has the largest logit."""
        return self.margins > 0

    @cached_property
    def embedding(self) -> Float[Array, "element d_model"]:
        """Rows of W_E in the order of the group's elements (those of the first operand)."""
        return self.weights["embed.W_E"][self.structure.in_order("a")]

    @cached_property
    def neuron_logit_map(self) -> Float[Array, "element neuron"]:
        """W_L, its rows in the order of the group's elements as answers."""
        return self.model.neuron_logit_map[self.structure.in_order("answer")]


def masked_mean(values: Float[Array, "pair"], mask: Bool[Array, "pair"]) -> Float[Array, ""]:
    """The mean over the pairs of a mask; NaN when there are none."""
    return jnp.sum(jnp.where(mask, values, 0.0)) / jnp.sum(mask)
