"""The shortcut against the plain forward: the same logits and the same gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.models import (
    Inputs,
    MLPSettings,
    TransformerSettings,
    answer_logits,
    named_parameters,
    skeleton,
    with_parameters,
)
from quick_compiling import QUICK

VOCABULARY = 9
layouts = st.sampled_from([(-1, -1, 7), (-1, 7, -1, 8), (7, -1, 8, -1, 8), (7, -1, -1)])
transformers = st.builds(
    TransformerSettings,
    layers=st.sampled_from([1, 1, 1, 2]),
    d_model=st.sampled_from([4, 8, 12]),
    heads=st.sampled_from([1, 2, 4]),
    d_head=st.sampled_from([None, 5]),
    d_mlp=st.sampled_from([0, 6, 16]),
    activation=st.sampled_from(["relu", "gelu"]),
    layer_norm=st.booleans(),
    attention_biases=st.booleans(),
    mlp_biases=st.booleans(),
    unembedding_bias=st.booleans(),
    classes=st.sampled_from([None, 7]),
)
mlps = st.builds(
    MLPSettings,
    d_embed=st.sampled_from([3, 8]),
    d_mlp=st.sampled_from([4, 16]),
    activation=st.sampled_from(["relu", "gelu", "quadratic"]),
    biases=st.booleans(),
    shared_embedding=st.booleans(),
    classes=st.sampled_from([None, 7]),
)


quick = functools.partial(jax.jit, compiler_options=QUICK)


def drawn(choice, length, rng, runs=(), vocabulary=VOCABULARY, size=0.5):
    """A network, or one a run, of which no parameter, bias or norm has a trivial value."""
    empty = skeleton(choice, vocabulary, length)
    shapes = {name: (*runs, *leaf.shape) for name, leaf in named_parameters(empty).items()}
    return with_parameters(empty, {name: rng.normal(0, size, s).astype(np.float32) for name, s in shapes.items()})


def plain(model, inputs):
    logits = model(inputs)
    return logits if logits.ndim == 2 else logits[:, -1]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(choice=st.one_of(transformers, transformers, mlps), template=layouts, seed=st.integers(0, 999))
def test_the_shortcut_is_the_plain_forward(choice, template, seed):
    rng = np.random.default_rng(seed)
    model = drawn(choice, len(template), rng)
    inputs = Inputs(*jnp.asarray(rng.integers(0, 7, (2, 15))), template)
    weights = jnp.asarray(rng.normal(size=jax.eval_shape(plain, model, inputs).shape), jnp.float32)

    def value_and_gradient(forward, model):
        # The weights draw on every logit separately, so that no error can hide in a sum.
        def total(m):
            logits = forward(m, inputs)
            return jnp.sum(logits * weights), logits

        (_, logits), gradient = jax.value_and_grad(total, has_aux=True)(model)
        return logits, gradient

    @quick
    def both(model):
        return value_and_gradient(answer_logits, model), value_and_gradient(plain, model)

    (logits, gradient), (expected_logits, expected) = both(model)
    size = float(np.abs(expected_logits).max())
    np.testing.assert_allclose(logits, expected_logits, rtol=0, atol=1e-5 * size)
    size = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(expected))
    got = named_parameters(gradient)
    for name, leaf in named_parameters(expected).items():
        np.testing.assert_allclose(got[name], leaf, rtol=0, atol=1e-5 * size, err_msg=name)


def test_at_the_published_setting_to_float32_accuracy():
    """Weights as large as initial ones."""
    rng, choice = np.random.default_rng(0), TransformerSettings()
    model = drawn(choice, 3, rng, vocabulary=114, size=choice.d_model**-0.5)
    a, b = jnp.asarray(rng.integers(0, 113, (2, 300)))
    inputs = Inputs(a, b, (-1, -1, 113))
    both = quick(lambda model: (answer_logits(model, inputs), plain(model, inputs)))
    np.testing.assert_allclose(*both(model), rtol=0, atol=3e-6)


def test_many_runs_at_once_are_the_runs_one_by_one():
    rng = np.random.default_rng(0)
    models = drawn(TransformerSettings(d_model=8, heads=2, d_mlp=12), 3, rng, runs=(3,))
    a, b = jnp.asarray(rng.integers(0, 7, (2, 3, 10)))
    together = quick(jax.vmap(answer_logits))(models, Inputs(a, b, (-1, -1, 7)))
    one = quick(answer_logits)
    for run in range(3):
        model = jax.tree.map(lambda leaf: leaf[run], models)  # noqa: B023
        alone = one(model, Inputs(a[run], b[run], (-1, -1, 7)))
        np.testing.assert_allclose(together[run], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("choice", [TransformerSettings(d_model=8, d_mlp=12), MLPSettings(d_embed=4, d_mlp=12)])
def test_any_batch_shape_and_a_single_pair(choice):
    model = drawn(choice, 3, np.random.default_rng(0))
    a, b = jnp.meshgrid(jnp.arange(7), jnp.arange(7), indexing="ij")
    forward = quick(answer_logits)
    table = forward(model, Inputs(a, b, (-1, -1, 7)))
    assert table.shape == (7, 7, VOCABULARY)
    one = forward(model, Inputs(jnp.array(2), jnp.array(5), (-1, -1, 7)))
    np.testing.assert_allclose(table[2, 5], one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("choice", [TransformerSettings(d_model=8, d_mlp=12), MLPSettings(d_embed=4, d_mlp=12)])
def test_with_dropout_the_plain_forward_runs(choice):
    model = drawn(choice, 3, np.random.default_rng(0))
    inputs = Inputs(jnp.arange(7), jnp.arange(7), (-1, -1, 7))
    key = jax.random.key(2)
    dropping = lambda: quick(lambda model: answer_logits(model, inputs, dropout=0.5, key=key))(model)  # noqa: E731
    without = quick(lambda model: (answer_logits(model, inputs), answer_logits(model, inputs, dropout=0.0, key=key)))
    whole, none = without(model)
    assert not np.allclose(dropping(), whole, atol=1e-3)
    np.testing.assert_array_equal(dropping(), dropping())
    np.testing.assert_allclose(none, whole, rtol=1e-5, atol=1e-5)


def test_an_operand_in_the_last_place_takes_the_plain_forward():
    model = drawn(TransformerSettings(d_model=8, d_mlp=12), 3, np.random.default_rng(0))
    inputs = Inputs(jnp.arange(7), jnp.arange(7)[::-1], (-1, 7, -1))
    both = quick(lambda model: (answer_logits(model, inputs), plain(model, inputs)))
    np.testing.assert_allclose(*both(model), rtol=1e-5, atol=1e-5)
