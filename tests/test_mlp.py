"""The network without attention, and networks by the names of their parameters."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.errors import Mistake
from groklab.models import (
    MLP,
    Inputs,
    MLPSettings,
    Transformer,
    TransformerSettings,
    build,
    named_parameters,
    skeleton,
    with_parameters,
)
from quick_compiling import QUICK

quick = functools.partial(jax.jit, compiler_options=QUICK)
PAIRS = Inputs(jnp.array([0, 1, 4, 4]), jnp.array([2, 2, 0, 4]), (-1, -1, 5))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu", "quadratic"])
def test_the_logits_are_the_formulas(shared, activation):
    choice = MLPSettings(d_embed=3, d_mlp=8, activation=activation, shared_embedding=shared, classes=5)
    outline, rng = skeleton(choice, 6, 3), np.random.default_rng(0)
    shapes = {name: leaf.shape for name, leaf in named_parameters(outline).items()}
    given = {name: rng.normal(0.1, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    model = with_parameters(outline, given)
    p = {name: np.asarray(leaf, np.float64) for name, leaf in given.items()}
    second = p["embed.W_E"] if shared else p["embed_b.W_E"]
    functions = {
        "relu": lambda x: max(x, 0.0),
        "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
        "quadratic": lambda x: x * x,
    }
    order = []

    def run(pairs):
        logits, kept = model.run(pairs, keep=model.activation_names)
        order.append(tuple(kept))
        return logits, kept, model(pairs)

    logits, kept, alone = quick(run)(PAIRS)
    for n, (a, b) in enumerate(zip(PAIRS.a, PAIRS.b, strict=True)):
        pair = np.concatenate([p["embed.W_E"][a], second[b]])
        pre = pair @ p["mlp.W_in"] + p["mlp.b_in"]
        post = np.array([functions[activation](x) for x in pre])
        np.testing.assert_allclose(kept["mlp.post"][n], post, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(logits[n], post @ p["mlp.W_out"] + p["mlp.b_out"], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(alone, logits)
    assert order == [("embed", "mlp.pre", "mlp.post", "logits")]
    post, way, bias = map(np.asarray, (kept["mlp.post"], model.neuron_logit_map, model.mlp.b_out))
    np.testing.assert_allclose(post @ way.T + bias, logits, rtol=1e-4, atol=1e-6)


def test_initial_weights_have_the_variance_of_their_fan_in():
    both = (MLPSettings(init_scale=2.0), MLPSettings(biases=False))
    draw = quick(lambda key: [named_parameters(MLP(choice, 113, key=key)) for choice in both])
    parameters, without = draw(jax.random.key(0))
    for name, fan_in in {"embed.W_E": 64, "mlp.W_in": 128, "mlp.W_out": 256}.items():
        assert float(np.var(parameters[name])) * fan_in == pytest.approx(4.0, rel=0.06), name
    assert not np.any(parameters["mlp.b_in"])
    assert not np.any(parameters["mlp.b_out"])
    assert set(without) == {"embed.W_E", "mlp.W_in", "mlp.W_out"}


def test_dropout_and_unknown_activations():
    model = quick(lambda key: MLP(MLPSettings(d_mlp=2000), 6, key=key))(jax.random.key(0))

    @quick
    def run(key):
        kept = model.run(PAIRS, keep=("mlp.pre", "mlp.post"), dropout=0.3, key=key)[1]
        return model(PAIRS, dropout=0.5), model(PAIRS), kept

    without_key, plain, kept = run(jax.random.key(1))
    np.testing.assert_array_equal(without_key, plain)
    kept = {name: np.asarray(value) for name, value in kept.items()}
    fired = kept["mlp.pre"] > 0
    assert np.mean(kept["mlp.post"][fired] == 0) == pytest.approx(0.3, abs=0.03)
    with pytest.raises(Mistake, match=r"did you mean mlp\.post"):
        model.run(PAIRS, keep=("mlp.pots",))


def test_names_are_those_of_transformer_lens():
    full = TransformerSettings(
        d_model=4, heads=2, d_mlp=5, layer_norm=True, attention_biases=True, unembedding_bias=True, classes=6
    )
    shapes = {name: leaf.shape for name, leaf in named_parameters(skeleton(full, 7, 3)).items()}
    attention = {f"blocks.0.attn.W_{n}": (2, 4, 2) for n in "QKV"} | {f"blocks.0.attn.b_{n}": (2, 2) for n in "QKV"}
    attention |= {"blocks.0.attn.W_O": (2, 2, 4), "blocks.0.attn.b_O": (4,)}
    neurons = {"W_in": (4, 5), "b_in": (5,), "W_out": (5, 4), "b_out": (4,)}
    norms = {f"{n}.{part}": (4,) for n in ("blocks.0.ln1", "blocks.0.ln2", "ln_final") for part in "wb"}
    ends = {"embed.W_E": (7, 4), "pos_embed.W_pos": (3, 4), "unembed.W_U": (4, 6), "unembed.b_U": (6,)}
    assert shapes == attention | {f"blocks.0.mlp.{n}": s for n, s in neurons.items()} | norms | ends
    bare = TransformerSettings(d_model=4, heads=2, d_mlp=0, layer_norm=True)
    names = set(named_parameters(skeleton(bare, 7, 3)))
    assert not any("mlp" in name or "b_" in name or "ln2" in name for name in names)


@pytest.mark.parametrize("choice", [TransformerSettings(d_model=4, d_mlp=5, layers=2), MLPSettings(d_embed=3, d_mlp=4)])
def test_weights_come_back_into_a_skeleton(choice):
    model = quick(lambda key: build(choice, 6, 3, key=key))(jax.random.key(0))
    assert isinstance(model, Transformer if isinstance(choice, TransformerSettings) else MLP)
    empty = skeleton(choice, 6, 3)
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(empty))
    stored = {name: np.asarray(leaf) for name, leaf in named_parameters(model).items()}
    back = with_parameters(empty, stored)
    assert jax.tree.structure(back) == jax.tree.structure(model)
    forward = quick(lambda m: m(PAIRS))
    np.testing.assert_array_equal(forward(back), forward(model))
    runs = with_parameters(empty, {name: np.stack([leaf, 2 * leaf]) for name, leaf in stored.items()})
    np.testing.assert_allclose(quick(jax.vmap(lambda m: m(PAIRS)))(runs)[0], forward(model), rtol=1e-5, atol=1e-6)


def test_weights_that_do_not_fit_are_mistakes():
    empty = skeleton(MLPSettings(d_embed=3, d_mlp=4, biases=False), 6, 3)
    fit = {name: np.zeros(leaf.shape, np.float32) for name, leaf in named_parameters(empty).items()}
    with pytest.raises(Mistake, match=r"lack mlp\.W_in"):
        with_parameters(empty, {name: leaf for name, leaf in fit.items() if name != "mlp.W_in"})
    with pytest.raises(Mistake, match=r"hold embed\.W_F"):
        with_parameters(empty, fit | {"embed.W_F": np.zeros(3)})
    with pytest.raises(Mistake, match=r"mlp.W_out has shape \(4, 7\) in the weights, \(4, 6\)"):
        with_parameters(empty, fit | {"mlp.W_out": np.zeros((4, 7))})
    with pytest.raises(Mistake, match=r"mlp.W_out has leading axes \(2,\)"):
        with_parameters(empty, fit | {"mlp.W_out": np.zeros((2, 4, 6))})
