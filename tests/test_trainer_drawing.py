"""What is drawn during training: minibatches and dropout, and l1 beside them, against what is computed by hand."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.losses import margin_loss
from groklab.models import Inputs, Model, answer_logits, named_parameters
from groklab.tasks import Split, Task
from groklab.training import Run
from groklab.training.state import data_of, initial_model
from groklab.training.step import objective
from small_trainings import NAMES, compile_once, drawing, trained  # noqa: F401


def one_run(run: Run, padding: int = 0) -> tuple[Model, Task, Any]:
    """A run's network, task and data without a run axis, its training set padded by so many examples."""
    task = Task.of(run.task)
    split = Split.of(task, run.split, run.data_seed)
    longer = dataclasses.replace(run.split, size=len(split.train) + padding)
    data = data_of((run, run), [split, Split.of(task, longer, run.data_seed)])
    return initial_model(run), task, jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), data)


def objectives(run: Run, model: Model, task: Task, data: Any, keys: jax.Array) -> np.ndarray:
    """The objective for each key, (key,)."""
    return np.asarray(jax.jit(jax.vmap(lambda key: objective(model, run, task, data, key)))(keys))


KEYS = jax.random.split(jax.random.key(1), 400)


def test_a_minibatch_is_drawn_without_replacement_and_never_from_the_padding() -> None:
    run = drawing(0, size=5, batch_size=2)
    model, task, data = one_run(run, padding=3)
    assert data.weight.tolist() == pytest.approx([0.2] * 5 + [0.0] * 3)
    rows = Inputs(data.a, data.b, task.template)
    singles = np.asarray(margin_loss(jax.jit(answer_logits)(model, rows), data.answer))
    pairs = {(i, j): (singles[i] + singles[j]) / 2 for i, j in itertools.combinations(range(5), 2)}
    assert np.diff(sorted(pairs.values())).min() > 1e-4
    counts = dict.fromkeys(pairs, 0)
    for value in objectives(run, model, task, data, KEYS):
        near = min(pairs, key=lambda pair: abs(pairs[pair] - value))
        assert value == pytest.approx(pairs[near], abs=1e-5)
        counts[near] += 1
    # Chi-squared with 9 degrees of freedom: above 27.9 once in a thousand.
    assert sum((count - 40) ** 2 / 40 for count in counts.values()) < 27.9
    whole = objectives(run.replace({"batch_size": 5}), model, task, data, KEYS[:1])
    assert whole == pytest.approx(singles[:5].mean(), rel=1e-6)


def test_l1_adds_the_absolute_weights_and_their_signs() -> None:
    run = drawing(2)
    model, task, data = one_run(run)

    @jax.jit
    def both(model: Model) -> Any:
        key = jax.random.key(0)
        runs = (run, run.replace({"l1": 0.01}))
        return [jax.value_and_grad(objective)(model, r, task, data, key) for r in runs]

    (without, slope), (penalised, pushed) = both(model)
    weights = {name: np.asarray(leaf) for name, leaf in named_parameters(model).items()}
    absolute = sum(float(np.abs(leaf).sum()) for leaf in weights.values())
    assert float(penalised - without) == pytest.approx(0.01 * absolute, rel=1e-4)
    slopes = named_parameters(slope)
    for name, leaf in named_parameters(pushed).items():
        # 0 for the biases, which are 0.
        push = np.asarray(leaf) - np.asarray(slopes[name])
        np.testing.assert_allclose(push, 0.01 * np.sign(weights[name]), atol=1e-6, err_msg=name)


def test_dropout_drops_a_share_and_scales_the_rest() -> None:
    """Its losses are those of networks with neurons and embeddings cut out by hand."""
    run = drawing(1, size=1, dropout=0.5)
    model = initial_model(run.replace({"d_embed": 1, "d_mlp": 2}))
    _, task, data = one_run(run)
    w = {name: np.asarray(leaf, np.float64) for name, leaf in named_parameters(model).items()}
    possible = set()
    for kept in itertools.product((0, 2), repeat=4):
        pair = np.array([w["embed.W_E"][data.a[0], 0], w["embed.W_E"][data.b[0], 0]]) * kept[:2]
        logits = (np.maximum(pair @ w["mlp.W_in"], 0) * kept[2:]) @ w["mlp.W_out"]
        possible.add(round(float(np.log(np.exp(logits).sum()) - logits[data.answer[0]]), 4))
    found = {round(float(value), 4) for value in objectives(run, model, task, data, KEYS)}
    assert len(possible) > 3
    for value in found:
        assert min(abs(value - other) for other in possible) < 2e-4
    for value in possible:
        assert min(abs(value - other) for other in found) < 2e-4


@pytest.mark.parametrize(
    "more",
    [
        {"batch_size": 8, "dropout": 0.2, "optimiser.l1": 1e-3},
        {"optimiser.name": "sgd", "cooldown": 10, "loss": "log_softmax"},
    ],
)
def test_what_is_drawn_is_the_same_alone_and_in_a_batch(more: dict[str, Any]) -> None:
    runs = (drawing(3, **more), drawing(1, **more))
    together, alone = trained(*runs)[0], trained(runs[0])[0]
    for name in NAMES:
        np.testing.assert_allclose(together.of(name, 10), alone.of(name, 10), rtol=1e-4, atol=1e-9, err_msg=name)
