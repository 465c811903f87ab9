"""The transformer against slow loops in float64, and against the published counts."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.models import (
    Inputs,
    Transformer,
    TransformerSettings,
    named_parameters,
    skeleton,
    with_parameters,
)
from quick_compiling import QUICK


def made(choice, vocabulary=7, length=4, seed=0):
    """A network of which no parameter, bias or norm has a trivial value."""
    rng = np.random.default_rng(seed)
    empty = skeleton(choice, vocabulary, length)
    shapes = {name: leaf.shape for name, leaf in named_parameters(empty).items()}
    return with_parameters(empty, {n: rng.normal(0, 0.6, shape).astype(np.float32) for n, shape in shapes.items()})


def initial(choice, vocabulary, length, keys):
    """The named initial parameters of one run a key."""
    one = jax.jit(
        lambda key: named_parameters(Transformer(choice, vocabulary, length, key=key)), compiler_options=QUICK
    )
    runs = [one(key) for key in keys]
    return {name: np.stack([run[name] for run in runs]) for name in runs[0]}


def textbook(model, choice, tokens):
    """Every activation of one sequence, position by position and head by head, in float64."""
    p = {name: np.asarray(leaf, np.float64) for name, leaf in named_parameters(model).items()}
    out = {}

    def norm(name, x):
        if not choice.layer_norm:
            return x
        return (x - x.mean()) / math.sqrt(x.var() + 1e-5) * p[f"{name}.w"] + p[f"{name}.b"]

    def act(x):
        if choice.activation == "relu":
            return max(x, 0.0)
        return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))

    x = [p["embed.W_E"][token] + p["pos_embed.W_pos"][i] for i, token in enumerate(tokens)]
    count = len(tokens)
    for layer in range(choice.layers):
        at = f"blocks.{layer}"
        out[f"{at}.resid_pre"] = np.array(x)
        normed = [norm(f"{at}.ln1", row) for row in x]
        pattern = np.zeros((choice.heads, count, count))
        scores = np.full((choice.heads, count, count), -np.inf)
        new = [row.copy() for row in x]
        for i in range(count):
            for h in range(choice.heads):
                q, k, v = (
                    [row @ p[f"{at}.attn.W_{n}"][h] + p.get(f"{at}.attn.b_{n}", np.zeros((9, 1)))[h] for row in normed]
                    for n in "QKV"
                )
                scores[h, i, : i + 1] = [q[i] @ k[j] / math.sqrt(choice.head_width) for j in range(i + 1)]
                weights = np.exp(scores[h, i, : i + 1])
                pattern[h, i, : i + 1] = weights / weights.sum()
                z = sum(pattern[h, i, j] * v[j] for j in range(i + 1))
                new[i] += z @ p[f"{at}.attn.W_O"][h]
            new[i] += p.get(f"{at}.attn.b_O", 0)
        out |= {f"{at}.attn.scores": scores, f"{at}.attn.pattern": pattern, f"{at}.resid_mid": np.array(new)}
        x = new
        if choice.d_mlp:
            pre = np.array([norm(f"{at}.ln2", row) @ p[f"{at}.mlp.W_in"] + p.get(f"{at}.mlp.b_in", 0) for row in x])
            post = np.vectorize(act)(pre)
            x = [x[i] + post[i] @ p[f"{at}.mlp.W_out"] + p.get(f"{at}.mlp.b_out", 0) for i in range(count)]
            out |= {f"{at}.mlp.pre": pre, f"{at}.mlp.post": post}
        out[f"{at}.resid_post"] = np.array(x)
    out["logits"] = np.array([norm("ln_final", row) @ p["unembed.W_U"] + p.get("unembed.b_U", 0) for row in x])
    return out


choices = st.builds(
    TransformerSettings,
    layers=st.integers(1, 2),
    d_model=st.sampled_from([4, 6]),
    heads=st.sampled_from([1, 2]),
    d_head=st.sampled_from([None, 3]),
    d_mlp=st.sampled_from([0, 5]),
    activation=st.sampled_from(["relu", "gelu"]),
    layer_norm=st.booleans(),
    attention_biases=st.booleans(),
    mlp_biases=st.booleans(),
    unembedding_bias=st.booleans(),
    classes=st.sampled_from([None, 5]),
)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(choice=choices, tokens=st.lists(st.integers(0, 6), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_every_activation_is_the_textbooks(choice, tokens, seed):
    model = made(choice, seed=seed)
    expected = textbook(model, choice, tokens)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def run(tokens):
        return *model.run(tokens, keep=tuple(expected)), model(tokens, last=True)

    logits, kept, last = run(jnp.array([tokens, tokens]))
    assert kept.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(kept[name][1], value, rtol=2e-4, atol=2e-5, err_msg=name)
    np.testing.assert_array_equal(logits, kept["logits"])
    np.testing.assert_allclose(last[1, 0], expected["logits"][-1], rtol=2e-4, atol=2e-5)


def test_the_published_setting_has_the_published_size_and_initial_norm():
    parameters = initial(TransformerSettings(), 114, 3, jax.random.split(jax.random.key(0), 4))
    assert sum(leaf[0].size for leaf in parameters.values()) == 226_816
    squares = np.array([sum(np.sum(leaf[r] ** 2) for leaf in parameters.values()) for r in range(4)])
    # The expectation; the standard deviation is about 5.8.
    np.testing.assert_allclose(squares, 1781, atol=25)
    expected = {"embed.W_E": 114, "pos_embed.W_pos": 3, "blocks.0.attn.W_Q": 128, "blocks.0.attn.W_O": 128}
    expected |= {"blocks.0.mlp.W_in": 512, "blocks.0.mlp.W_out": 512, "unembed.W_U": 128}
    for name, sum_of_squares in expected.items():
        # A sum of n squares of N(0, s^2) has standard deviation sqrt(2 n) s^2; four runs, six deviations.
        n = parameters[name][0].size
        spread = sum_of_squares * math.sqrt(2 / (4 * n))
        assert abs(np.sum(parameters[name] ** 2) / 4 - sum_of_squares) < 6 * spread, name
    assert not np.any(parameters["blocks.0.mlp.b_in"])
    assert all(leaf.dtype == np.float32 for leaf in parameters.values())


def test_the_initial_scale_multiplies_every_matrix_and_no_norm():
    small, large = (
        initial(TransformerSettings(init_scale=s, layer_norm=True, d_mlp=64), 11, 3, [jax.random.key(0)])
        for s in (1.0, 3.0)
    )
    for name, leaf in small.items():
        factor = 3.0 if leaf[0].ndim > 1 else 1.0
        np.testing.assert_allclose(large[name], factor * leaf, rtol=1e-6, err_msg=name)


def test_only_what_was_asked_for_is_kept():
    model = made(TransformerSettings(layers=2, d_model=4, heads=2, d_mlp=5))
    tokens = jnp.array([[1, 2, 6], [3, 3, 6]])
    logits, kept = model.run(tokens, keep=("blocks.1.attn.pattern",))
    assert list(kept) == ["blocks.1.attn.pattern"]
    assert kept["blocks.1.attn.pattern"].shape == (2, 2, 3, 3)
    assert model.run(tokens)[1] == {}
    np.testing.assert_array_equal(logits, model(tokens))
    _, everything = model.run(tokens, keep=model.activation_names)
    assert tuple(everything) == model.activation_names
    np.testing.assert_allclose(
        everything["blocks.1.attn.z"],
        jnp.einsum("nhqs,nshk->nqhk", everything["blocks.1.attn.pattern"], everything["blocks.1.attn.v"]),
        rtol=1e-5,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        everything["blocks.0.resid_pre"] + everything["blocks.0.attn.out"] + everything["blocks.0.mlp.out"],
        everything["blocks.1.resid_pre"],
        rtol=1e-5,
        atol=1e-5,
    )


def test_an_unknown_activation_is_a_mistake_that_names_the_nearest():
    model = made(TransformerSettings(d_model=4, heads=2, d_mlp=5))
    with pytest.raises(Mistake, match=r"'blocks.0.atn.patern'; did you mean blocks.0.attn.pattern"):
        model.run(jnp.array([1, 2]), keep=("blocks.0.atn.patern",))
    attention_only = made(TransformerSettings(d_model=4, heads=2, d_mlp=0))
    with pytest.raises(Mistake, match=r"mlp\.post"):
        attention_only.run(jnp.array([1, 2]), keep=("blocks.0.mlp.post",))


def test_the_neuron_logit_map_is_the_effect_of_a_neuron_on_the_logits():
    model = made(TransformerSettings(d_model=4, heads=2, d_mlp=5, classes=6))
    tokens = jnp.array([1, 2, 6])
    _, kept = model.run(tokens, keep=("blocks.0.mlp.post", "blocks.0.resid_mid"))
    direct = (kept["blocks.0.resid_mid"] + model.blocks[0].mlp.b_out) @ model.W_U
    assert model.neuron_logit_map.shape == (6, 5)
    through = kept["blocks.0.mlp.post"] @ model.neuron_logit_map.T
    np.testing.assert_allclose(through + direct, model(tokens), rtol=1e-4, atol=1e-5)
    doubled = {name: np.stack([leaf, 2 * leaf]) for name, leaf in named_parameters(model).items()}
    runs = with_parameters(model, doubled)
    np.testing.assert_allclose(runs.neuron_logit_map[1], 4 * model.neuron_logit_map, rtol=1e-5)
    with pytest.raises(Mistake, match="attention only"):
        _ = made(TransformerSettings(d_model=4, d_mlp=0)).neuron_logit_map


def test_dropout_needs_a_key_and_keeps_the_mean():
    model = made(TransformerSettings(d_model=8, heads=2, d_mlp=512))
    tokens = jnp.tile(jnp.array([1, 2, 6]), (200, 1))
    np.testing.assert_array_equal(model(tokens, dropout=0.5), model(tokens))
    key = jax.random.key(3)
    np.testing.assert_allclose(model(tokens, dropout=0.0, key=key), model(tokens), rtol=1e-6)
    names = ("blocks.0.resid_pre", "blocks.0.mlp.pre", "blocks.0.mlp.post")
    _, kept = model.run(tokens, keep=names, dropout=0.25, key=key)
    _, clean = model.run(tokens, keep=names)
    assert np.mean(kept[names[0]] == 0) == pytest.approx(0.25, abs=0.03)
    np.testing.assert_allclose(kept[names[0]].mean(0), clean[names[0]][0], atol=0.35)
    fired = kept[names[1]] > 0
    assert np.mean(kept[names[2]][fired] == 0) == pytest.approx(0.25, abs=0.01)
    alive = fired & (kept[names[2]] != 0)
    np.testing.assert_allclose(kept[names[2]][alive], kept[names[1]][alive] / 0.75, rtol=1e-5)
    other = model(tokens, dropout=0.25, key=jax.random.key(4))
    assert not np.array_equal(other, model(tokens, dropout=0.25, key=key))


def test_inputs_write_out_the_layout():
    a, b = jnp.array([3, 4]), jnp.array([0, 1])
    np.testing.assert_array_equal(Inputs(a, b, (-1, -1, 5)).tokens, [[3, 0, 5], [4, 1, 5]])
    four = Inputs(a, b, (-1, 5, -1, 6))
    np.testing.assert_array_equal(four.tokens, [[3, 5, 0, 6], [4, 5, 1, 6]])
    assert four.operands == (0, 2)
    model = made(TransformerSettings(d_model=4, d_mlp=5))
    np.testing.assert_array_equal(model(four), model(four.tokens))
    for wrong in ((-1, 5), (-1, -1, -1, 5), (-1, -1, -2)):
        with pytest.raises(Mistake, match="twice"):
            Inputs(a, b, wrong)
