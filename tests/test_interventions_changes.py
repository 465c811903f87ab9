"""What an intervention changes of a network, and what it leaves: key frequencies, memory, the order of neurons."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.groups import spectrum
from groklab.models import (
    Inputs,
    Learner,
    MLPSettings,
    Transformer,
    TransformerSettings,
    answer_logits,
    named_parameters,
    skeleton,
    with_parameters,
)
from groklab.models.closed_form import trigonometric_transformer
from groklab.tasks import Split, SplitSettings, Task, TaskSettings
from groklab.training import Fork, Intervention
from groklab.training.changing import as_large, change
from groklab.training.state import from_arrays, initial_model, initial_state, take, to_arrays
from intervened import DOUBLED, KEY, KEYS, MEMORY, ORDER, small
from quick_compiling import QUICK


def changed(model: Learner, intervention: Intervention, key: np.ndarray, **more: Any) -> dict[str, np.ndarray]:
    """The parameters by name after the change."""
    run = small(intervention, **more)
    arrays = {path: np.array(values) for path, values in to_arrays(initial_state((run,), [model])).items()}
    change(arrays, 0, run, Fork(step=0, key=key))
    state = from_arrays(initial_state((run,), [model]), arrays)
    return {name: np.asarray(values)[0] for name, values in named_parameters(state.model).items()}


LARGE = 29
TRIGONOMETRIC = trigonometric_transformer(LARGE, {2: 3.0, 3: 3.0}, phases=9)


def both_circuits(task: Task, train: np.ndarray) -> Transformer:
    """Two circuits side by side in one network for addition mod 29: waves of frequencies 2 and 3, and a lookup table.

    The table has a neuron for each train pair, relu(1[a] + 1[b] - 1.35), that writes the answer.
    """
    waves = {name: np.asarray(leaf) for name, leaf in named_parameters(TRIGONOMETRIC).items()}
    width, neurons, count = waves["embed.W_E"].shape[1], waves["blocks.0.mlp.W_in"].shape[1], len(train)
    d, whole = width + 2 * LARGE, neurons + count
    W_E, W_U = np.zeros((LARGE + 1, d)), np.zeros((d, LARGE))
    W_E[:, :width], W_U[:width] = waves["embed.W_E"], waves["unembed.W_U"]
    W_E[:LARGE, width : width + LARGE] = W_U[width + LARGE :] = np.eye(LARGE)
    W_in, W_out, b_in = np.zeros((d, whole)), np.zeros((whole, d)), np.zeros(whole)
    W_in[:width, :neurons], W_out[:neurons, :width] = waves["blocks.0.mlp.W_in"], waves["blocks.0.mlp.W_out"]
    for neuron, pair in enumerate(train, start=neurons):
        W_in[width + task.a[pair], neuron] = W_in[width + task.b[pair], neuron] = 1
        W_out[neuron, width + LARGE + task.answers[pair]], b_in[neuron] = 40.0, -1.35
    model = TransformerSettings(d_model=d, heads=1, d_mlp=whole, classes=LARGE)
    values = {
        "embed.W_E": W_E, "pos_embed.W_pos": np.zeros((3, d)), "blocks.0.attn.W_Q": np.zeros((1, d, d)),
        "blocks.0.attn.W_K": np.zeros((1, d, d)), "blocks.0.attn.W_V": 3 * np.eye(d)[None],
        "blocks.0.attn.W_O": np.eye(d)[None], "blocks.0.mlp.W_in": W_in, "blocks.0.mlp.b_in": b_in,
        "blocks.0.mlp.W_out": W_out, "blocks.0.mlp.b_out": np.zeros(d), "unembed.W_U": W_U,
    }  # fmt: skip
    return with_parameters(skeleton(model, LARGE + 1, 3), values)  # type: ignore[return-value]


def logits_of(model: Any, modulus: int = 13) -> np.ndarray:
    task = Task.of(TaskSettings(modulus=modulus))
    forward = jax.jit(answer_logits, compiler_options=QUICK)
    return np.asarray(forward(model, Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)))


def test_without_its_memory_a_network_is_its_general_circuit_and_without_its_keys_its_memory() -> None:
    """A table and waves in one network: the one is taken out, the other stays, and the other way round.

    A table of this kind takes (a, a) for every pair with a, so that those pairs are not asked.
    """
    task = Task.of(TaskSettings(modulus=LARGE))
    split = Split.of(task, SplitSettings(size=200), 0)
    apart = task.a != task.b
    known = split.train[apart[split.train]]
    fresh = split.test & ~split.train_mask[task.mirror] & apart
    whole = both_circuits(task, known)
    model = {"d_model": whole.W_E.shape[1], "heads": 1, "d_mlp": 18 + len(known), "classes": LARGE}
    key = np.isin(np.arange(1, 15), (2, 3)).astype(np.float32)
    alone = logits_of(TRIGONOMETRIC, LARGE)
    assert np.abs(logits_of(whole, LARGE) - alone)[known].max(axis=1).min() > 20
    general = changed(whole, MEMORY, key, modulus=LARGE, **model)
    np.testing.assert_allclose(logits_of(with_parameters(whole, general), LARGE), alone, atol=1e-4)
    table = logits_of(with_parameters(whole, changed(whole, KEYS, key, modulus=LARGE, **model)), LARGE)
    assert np.all(table[known].argmax(axis=1) == task.answers[known])
    assert table[known].max(axis=1).min() > 1
    np.testing.assert_allclose(table[fresh], 0, atol=1e-4)


def test_the_part_is_multiplied_and_nothing_else_is_touched() -> None:
    run = small()
    model = initial_model(run)
    group = Task.of(run.task).group
    assert group is not None
    before = {name: np.asarray(leaf) for name, leaf in named_parameters(model).items()}
    for intervention in (KEYS, DOUBLED, MEMORY, Intervention(change="memory", factor=3.0)):
        after = changed(model, intervention, KEY)
        moved = {name for name in before if not np.array_equal(before[name], after[name])}
        memory = intervention.change == "memory"
        assert moved == ({"embed.W_E", "unembed.W_U"} if memory else {"embed.W_E"})
        for name in moved:
            one, other = (side[name] if name == "embed.W_E" else side[name].T for side in (before, after))
            np.testing.assert_array_equal(one[13:], other[13:], err_msg="the token of = is none of the elements")
            np.testing.assert_allclose(one[:13].mean(axis=0), other[:13].mean(axis=0), atol=1e-6)
            old, new = (spectrum(group.group, side[:13]) for side in (one, other))
            inside = np.equal(KEY, 0 if memory else 1)
            np.testing.assert_allclose(new[inside], intervention.factor * old[inside], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(new[~inside], old[~inside], rtol=1e-5)


def test_where_operands_have_an_embedding_each_both_are_changed() -> None:
    model = MLPSettings(d_embed=5, d_mlp=9, shared_embedding=False)
    run = dataclasses.replace(small(MEMORY), model=model, task=TaskSettings(operation="divide", modulus=7))
    arrays = {path: np.array(v) for path, v in to_arrays(initial_state((run,), [initial_model(run)])).items()}
    before = {path: values.copy() for path, values in arrays.items()}
    change(arrays, 0, run, Fork(step=0, key=np.array([0, 1, 0], np.float32)))
    moved = [path for path in arrays if not np.array_equal(arrays[path], before[path])]
    assert moved == [".model.embed.W_E", ".model.embed_b.W_E", ".model.mlp.W_out"]
    structure = Task.of(run.task).group
    assert structure is not None
    for path, of in zip(moved[:2], ("a", "b"), strict=True):
        order = structure.in_order(of)  # type: ignore[arg-type]
        norms = spectrum(structure.group, arrays[path][0][order])
        assert norms[1] > 0.1
        np.testing.assert_allclose(norms[[0, 2]], 0, atol=1e-6)
        outside = np.setdiff1d(np.arange(8), order)
        np.testing.assert_array_equal(arrays[path][0][outside], before[path][0][outside])


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(2, 9), st.floats(-2, 2))
def test_a_control_moves_as_far_and_to_as_large_a_norm_elsewhere(seed: int, rows: int, columns: int, to: float) -> None:
    rng = np.random.default_rng(seed)
    values, noise = rng.standard_normal((2, rows, columns))
    moved = to * values + noise
    found = as_large(moved, values, rng)
    np.testing.assert_allclose(np.linalg.norm(found), np.linalg.norm(moved))
    np.testing.assert_allclose(np.linalg.norm(values + found), np.linalg.norm(values + moved))
    assert np.linalg.norm(found - moved) > 1e-3


def test_a_control_of_nothing_is_nothing() -> None:
    zero = np.zeros((3, 2))
    np.testing.assert_array_equal(as_large(zero, np.ones((3, 2)), np.random.default_rng(0)), zero)
    np.testing.assert_array_equal(as_large(zero, zero, np.random.default_rng(0)), zero)


@pytest.mark.parametrize("model", [TransformerSettings(d_model=8, heads=2, d_mlp=16, layers=2), MLPSettings(d_mlp=9)])
def test_another_order_of_the_neurons_is_the_same_network_with_its_moments(model: Any) -> None:
    run = dataclasses.replace(small(ORDER), model=model)
    state = initial_state((run, run), [initial_model(run)] * 2)
    arrays = {path: np.array(values) for path, values in to_arrays(state).items()}
    rng = np.random.default_rng(1)
    for path, values in arrays.items():
        if values.ndim > 1:
            arrays[path] = 0.3 * rng.standard_normal(values.shape).astype(np.float32)
    # Each moment is the weights', so that the permutation shows.
    for path in arrays:
        if ".mu" in path or ".nu" in path:
            arrays[path] = arrays[".model" + path.partition("u")[2]].copy()
    before = {path: values.copy() for path, values in arrays.items()}
    change(arrays, 1, run, Fork(step=0))
    for path, values in arrays.items():
        if values.ndim > 1:
            np.testing.assert_array_equal(values[0], before[path][0], err_msg="the other run")
            np.testing.assert_array_equal(np.sort(values[1], axis=None), np.sort(before[path][1], axis=None))
        if ".mu" in path or ".nu" in path:
            np.testing.assert_array_equal(values, arrays[".model" + path.partition("u")[2]])
    into = [path for path in arrays if path.endswith("W_in")]
    assert len(into) >= 3
    assert not any(np.array_equal(arrays[path][1], before[path][1]) for path in into)
    models = [take(from_arrays(state, one).model, np.array(1)) for one in (before, arrays)]
    one, other = (logits_of(model) for model in models)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    assert not np.array_equal(one, other)
