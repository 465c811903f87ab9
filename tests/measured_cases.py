"""Networks, random ones and those of every phase, with what the measures say of them and what oracles need."""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from groklab.measures import Labels, View, built_in
from groklab.models import Inputs, MLPSettings, TransformerSettings, named_parameters, skeleton, with_parameters
from groklab.tasks import Split, SplitSettings, Task, parse_task
from phase_networks import PHASES, TRAINED, networks
from quick_compiling import QUICK
from slow_measures import Slow

SMALL = TransformerSettings(d_model=8, heads=2, d_mlp=12)
CASES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "addition": (SMALL, "add:7", {"fraction": 0.4}),
    "subtraction": (SMALL, "subtract:8", {"size": 30, "noise": 0.3}),
    "multiplication": (SMALL, "multiply:7", {"size": 25, "labels": "random"}),
    "division": (SMALL, "divide:7", {"fraction": 0.5}),
    "permutations": (SMALL, "compose:3", {"fraction": 0.5}),
    "no group": (SMALL, "quadratic:5", {"fraction": 0.5}),
    "attention only": (TransformerSettings(d_model=8, heads=2, d_mlp=0), "add:7", {"held_out": 0.3, "size": 20}),
    "two layers, as many logits as answers": (
        TransformerSettings(layers=2, d_model=6, heads=1, d_mlp=5, classes=7, layer_norm=True),
        "add:7:op",
        {"fraction": 0.5},
    ),
    "no attention": (MLPSettings(d_embed=6, d_mlp=9, shared_embedding=False), "add:7", {"fraction": 0.5}),
    "everything trained": (SMALL, "add:5", {"fraction": 1.0}),
}
GROUPLESS = {"no group"}
WITHOUT_NEURONS = {"attention only"}
WITHOUT_ATTENTION = {"no attention"}
OF_LOGITS = ("trig_share", "saturated_share")
"""Measures that are tried on other logits than the network's too."""


@dataclass
class Case:
    """One network on one task, what the measures say, and what an oracle needs, in float64."""

    name: str

    def __post_init__(self) -> None:
        trained = self.name in PHASES
        if trained:
            self.choice, self.task, split, seed = TRAINED.model, Task.of(TRAINED.task), TRAINED.split, 0
            self.model: Any = networks()[self.name]
        else:
            self.choice, task, given = CASES[self.name]
            self.task, split, seed = Task.of(parse_task(task)), SplitSettings(**given), 3
            outline = skeleton(self.choice, self.task.vocabulary, self.task.length)
            # As large as makes the logits spread and some answers right.
            rng = np.random.default_rng(5)
            shapes = {name: leaf.shape for name, leaf in named_parameters(outline).items()}
            drawn = {name: rng.normal(0.1, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}
            self.model = with_parameters(outline, drawn)
        self.weights = {name: np.asarray(leaf, np.float64) for name, leaf in named_parameters(self.model).items()}
        self.split = Split.of(self.task, split, seed)
        data = Labels(
            labels=jnp.asarray(self.split.labels),
            train=jnp.asarray(self.split.train_mask),
            test=jnp.asarray(self.split.test),
        )
        self.view = View(self.model, self.task, data)
        # Those that are computed afterwards have a file of their own.
        self.measures = {m.name: m for m in built_in() if m.applies(self.view) and not m.afterwards}
        self.program = program("initial" if trained else self.name, tuple(self.measures))
        none = jnp.zeros((self.task.pairs, logit_count(self.choice, self.task)))
        found, logits, _ = self.program(self.model, data, none)
        self.found = {name: np.asarray(value, np.float64) for name, value in found.items()}
        self.logits = np.asarray(logits, np.float64)
        if trained:
            slow = Slow(self.weights, self.task, self.split, key=[])
            rows = [self.task.row(a, b) for a, b in slow.operands]
            np.testing.assert_allclose(self.logits[rows], slow.full, atol=1e-5 * np.abs(slow.full).max())
            self.logits[rows] = slow.full

    @cached_property
    def train(self) -> list[int]:
        return sorted(self.split.train.tolist())

    @cached_property
    def test(self) -> list[int]:
        return [row for row in range(self.task.pairs) if self.split.test[row]]

    def label(self, row: int) -> int:
        return int(self.split.labels[row]) if row in self.train else int(self.task.answers[row])

    def loss(self, row: int) -> float:
        logits = self.logits[row]
        return float(np.log(np.sum(np.exp(logits - logits.max()))) + logits.max() - logits[self.label(row)])

    def margin(self, row: int) -> float:
        others = [x for c, x in enumerate(self.logits[row]) if c != self.label(row)]
        return float(self.logits[row, self.label(row)] - max(others))

    def right(self, row: int) -> float:
        return float(np.argmax(self.logits[row]) == self.label(row))

    def of_logits(self, name: str, logits: np.ndarray) -> float:
        """A measure for logits that are given instead of the network's."""
        return float(self.program(self.model, self.view.data, jnp.asarray(logits, jnp.float32))[2][name])


def logit_count(choice: Any, task: Task) -> int:
    return task.vocabulary if choice.classes is None else choice.classes


@cache
def program(name: str, measures: tuple[str, ...]) -> Any:
    """One compiled function of network, labels and other logits, for a case's kind of network.

    It gives these measures of the network, its logits, and what some measures are for the other logits.
    """
    choice = TRAINED.model if name in PHASES else CASES[name][0]
    task = Task.of(TRAINED.task if name in PHASES else parse_task(CASES[name][1]))
    inputs = Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)
    chosen = [one for one in built_in() if one.name in measures]

    def compute(model: Any, data: Labels, others: jax.Array) -> tuple[dict[str, Any], jax.Array, dict[str, Any]]:
        view, other = View(model, task, data), View(model, task, data)
        other.logits = others
        # The plain forward, whose every part has a test of its own.
        logits = model(inputs) if isinstance(choice, MLPSettings) else model(inputs)[:, -1]
        of_others = {one.name: one.compute(other) for one in chosen if one.name in OF_LOGITS}
        return {one.name: one.compute(view) for one in chosen}, logits, of_others

    return jax.jit(compute, compiler_options=QUICK)


case_of = cache(Case)
"""The case of a name, measured once for all tests."""
