"""Every definition of the circuits is held against a slow loop, or against least squares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circuit_oracles import (
    drawn,
    neurons_of,
    slow_directions,
    slow_products,
    slow_projection,
    slow_singles,
    task_of,
    waves,
)
from groklab.circuits import (
    Basis,
    cosine_coefficients,
    keep_products,
    keep_sums,
    keep_terms,
    neuron_spectra,
    without_cosines,
    without_sums,
)
from groklab.circuits.anatomy import Anatomy
from groklab.circuits.attention import Attention
from groklab.circuits.changes import Change
from groklab.circuits.neuron_logit import read_neuron_logit
from groklab.circuits.neurons import read_neurons
from groklab.circuits.periodic import on_all_pairs
from groklab.circuits.products import product
from groklab.circuits.scoring import Scorer
from groklab.circuits.surgery import Surgery
from groklab.errors import Mistake
from groklab.groups import Cyclic
from groklab.losses import margin_loss
from groklab.models import Inputs, MLPSettings, TransformerSettings, named_parameters, with_parameters


@pytest.mark.parametrize("p", [7, 11])
def test_the_readings_are_the_literal_projections(p):
    basis = Basis.of(task_of("add", p))
    rng = np.random.default_rng(p)
    logits = rng.normal(size=(p * p, p))
    table = basis.table(logits)
    keys = [1, 3]
    key = np.isin(np.arange(1, p // 2 + 1), keys).astype(float)
    mean = np.broadcast_to(logits.mean(axis=0), logits.shape)
    sums = slow_projection(logits, [v for k in keys for v in slow_directions(p, k)])
    products = slow_projection(logits, [v for k in keys for v in slow_products(p, k)])
    singles = slow_projection(logits, [v for k in keys for v in slow_singles(p, k)])
    a, b, c = np.indices((p, p, p))
    cosines = np.zeros((p, p, p))
    for k in keys:
        wave = np.cos(2 * np.pi * k * (a + b - c) / p)
        cosines += wave * np.sum(wave * table) / np.sum(wave**2)
    wanted = {
        keep_sums: mean + sums,
        keep_products: mean + products,
        keep_terms: mean + products + singles,
        without_sums: logits - sums,
        without_cosines: logits - cosines.reshape(p * p, p),
    }
    for reading, slow in wanted.items():
        np.testing.assert_allclose(reading(table, basis, key).reshape(p * p, p), slow, atol=1e-12)
    for k, alpha in enumerate(cosine_coefficients(table, basis), start=1):
        wave = np.cos(2 * np.pi * k * (a + b - c) / p)
        assert alpha == pytest.approx(np.sum(wave * table) / np.sum(wave**2), abs=1e-12)


def test_the_readings_run_on_the_device_for_many_networks_at_once():
    basis = Basis.of(task_of("add", 7))
    tables = np.random.default_rng(0).normal(size=(3, 7, 7, 7)).astype(np.float32)
    keys = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 1]], np.float32)
    for reading in (keep_sums, keep_products, keep_terms, without_sums, without_cosines):
        many = jax.jit(jax.vmap(lambda table, key, reading=reading: reading(table, basis, key)))
        found = many(jnp.asarray(tables), jnp.asarray(keys))
        for one, table, key in zip(found, tables, keys, strict=True):
            np.testing.assert_allclose(one, reading(table.astype(float), basis, key.astype(float)), atol=1e-5)


@pytest.mark.parametrize("name", ["add:11", "multiply:11", "compose:3"])
def test_surgery_is_the_readings_and_the_neurons_done_one_by_one(name):
    operation, modulus = name.split(":")
    task = task_of(operation, int(modulus))
    basis = Basis.of(task)
    model = drawn(TransformerSettings(d_model=12, heads=2, d_mlp=9), task)
    anatomy = Anatomy(model, task, basis.pairs, basis.classes)
    table = anatomy.logits.reshape((basis.order,) * 3)
    surgery = Surgery(basis, table, anatomy.through_neurons.reshape(table.shape), anatomy.W_L)
    key = np.zeros(len(basis.labels), bool)
    key[[0, -1]] = True
    wide = table.astype(float)
    for reading in (keep_sums, keep_products, keep_terms, without_sums, without_cosines):
        expected = reading(wide, basis, key.astype(float))
        np.testing.assert_allclose(getattr(surgery, reading.__name__)(key).table(), expected, atol=2e-4)
    # The neurons themselves, changed one by one, then mapped to logits.
    neurons = neurons_of(anatomy).reshape(basis.order, basis.order, -1)
    kept = keep_terms(neurons, basis, key.astype(float))
    mean = neurons.mean(axis=(0, 1))
    W_L = anatomy.W_L.astype(float)
    np.testing.assert_allclose(surgery.neurons_keep_terms(key).table(), wide + (kept - neurons) @ W_L.T, atol=2e-4)
    np.testing.assert_allclose(surgery.neurons_without_terms(key).table(), wide - (kept - mean) @ W_L.T, atol=2e-4)
    directions = basis.group.basis[basis.group.membership @ key > 0] @ W_L
    onto = np.linalg.pinv(directions) @ directions
    along = neurons @ onto
    np.testing.assert_allclose(surgery.neurons_on_directions(key).table(), wide + (along - neurons) @ W_L.T, atol=5e-4)
    np.testing.assert_allclose(surgery.neurons_off_directions(key).table(), wide - along @ W_L.T, atol=5e-4)


def test_neurons_and_directions_are_what_least_squares_say():
    p, task = 11, task_of("add", 11)
    basis = Basis.of(task)
    model = drawn(TransformerSettings(d_model=12, heads=2, d_mlp=9), task, seed=4)
    anatomy = Anatomy(model, task, basis.pairs, basis.classes)
    found, change = read_neurons(anatomy.neurons(), anatomy.W_L, basis)
    a, b = np.indices((p, p)).reshape(2, -1)
    expected_change = np.zeros((p * p, p))
    for m, neuron in enumerate(neurons_of(anatomy).T):
        shares, fits = [], []
        for k in range(1, 6):
            (ca, sa), (cb, sb) = waves(p, k, a), waves(p, k, b)
            design = np.stack([ca**0, ca, sa, cb, sb, ca * cb, ca * sb, sa * cb, sa * sb], axis=1)
            fit = design @ np.linalg.lstsq(design, neuron, rcond=None)[0]
            fits.append(fit)
            shares.append(1 - np.var(neuron - fit) / np.var(neuron))
        best = int(np.argmax(shares))
        assert found.frequency[m] == best
        assert found.share[m] == pytest.approx(shares[best], abs=1e-4)
        if shares[best] >= 0.85:
            expected_change += np.outer(fits[best] - neuron, anatomy.W_L[:, m])
    np.testing.assert_allclose(on_all_pairs(change, basis).reshape(p * p, p), expected_change, atol=1e-3)
    key = np.array([False, True, False, True, False])
    through = anatomy.through_neurons.reshape(p, p, p)
    direction = read_neuron_logit(anatomy.W_L, through, basis, key)
    assert direction.names == ("cos 2", "sin 2", "cos 4", "sin 4")
    for index, (k, wave) in enumerate([(2, 0), (2, 1), (4, 0), (4, 1)]):
        u = np.sqrt(2 / p) * waves(p, k, np.arange(p))[wave] @ anatomy.W_L.astype(float)
        np.testing.assert_allclose(direction.directions[index], u, atol=1e-5)
        along = neurons_of(anatomy) @ u
        correlation = np.corrcoef(along, waves(p, k, a + b)[wave])[0, 1]
        assert direction.share[index] == pytest.approx(correlation**2, abs=1e-4)


def test_the_score_is_margin_loss_and_its_accuracy():
    rng = np.random.default_rng(0)
    logits = (rng.normal(size=(50, 7)) * np.logspace(-2, 2, 50)[:, None]).astype(np.float32)
    labels, train = rng.integers(0, 7, 50), rng.random(50) < 0.4
    score = Scorer(labels, 7, train, ~train)(logits)
    losses = np.asarray(margin_loss(jnp.asarray(logits), jnp.asarray(labels)))
    right = logits.argmax(axis=1) == labels
    assert score.train_loss == pytest.approx(losses[train].mean(), rel=1e-5)
    assert score.loss == pytest.approx(losses.mean(), rel=1e-5)
    assert score.test_accuracy == pytest.approx(right[~train].mean())


def test_attention_unchanged_gives_the_network_back_and_lines_are_lines():
    task = task_of("add", 7)
    settings = TransformerSettings(d_model=12, heads=3, d_mlp=9, attention_biases=True, unembedding_bias=True)
    model = drawn(settings, task, seed=1)
    columns = np.arange(task.classes)
    attention = Attention(jax.tree.map(np.asarray, model), task.template, task.a, task.b)
    logits = attention.logits(attention.pattern, columns)
    inputs = Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)
    plain, kept = model.run(inputs, ["blocks.0.mlp.post"])
    np.testing.assert_allclose(logits, plain[:, -1, : task.classes], atol=1e-4)
    for place in (slice(0, 9), slice(2, 5)):
        np.testing.assert_allclose(
            attention.neurons(place), kept["blocks.0.mlp.post"][:, -1, place], atol=1e-4, err_msg=str(place)
        )
    fits, shares = attention.lines()
    first, second = attention.operands
    pattern = attention.pattern.astype(float)
    for head, gap in enumerate(attention.difference.astype(float)):
        share = pattern[first, head] / (pattern[first, head] + pattern[second, head])
        np.testing.assert_allclose(fits[head], np.polyfit(gap, share, 1), atol=1e-4)
        assert shares[head] == pytest.approx(np.corrcoef(gap, share)[0, 1] ** 2, abs=1e-4)
    without = attention.logits(attention.pattern, columns, off=(1,))
    leaves = dict(named_parameters(model))
    leaves["blocks.0.attn.W_O"] = leaves["blocks.0.attn.W_O"].at[1].set(0)
    zeroed = with_parameters(model, leaves).run(inputs)[0]
    np.testing.assert_allclose(without, zeroed[:, -1, : task.classes], atol=1e-4)


def test_every_neuron_has_a_spectrum_and_together_they_are_the_pooled_one():
    task = task_of("add", 11)
    basis = Basis.of(task)
    model = drawn(TransformerSettings(d_model=12, heads=2, d_mlp=9), task)
    anatomy = Anatomy(model, task, basis.pairs, basis.classes)
    spectra = neuron_spectra(model, task)
    with pytest.raises(Mistake, match="no neurons"):
        neuron_spectra(drawn(TransformerSettings(d_model=8, heads=2, d_mlp=0), task), task)
    found, _ = read_neurons(anatomy.neurons(), anatomy.W_L, basis)
    np.testing.assert_allclose(np.sqrt((spectra**2).sum(axis=0)), found.spectrum, rtol=1e-4, atol=1e-4)
    waves = np.abs(np.fft.fft2(neurons_of(anatomy)[:, 4].reshape(11, 11))) / 11
    # A real frequency's power is spread over k and -k in each direction.
    assert spectra[4, 2, 3] == pytest.approx(np.sqrt(2 * (waves[2, 3] ** 2 + waves[2, -3] ** 2)), rel=1e-4)
    assert spectra[4, 0, 0] == pytest.approx(waves[0, 0], rel=1e-4)


def test_every_group_basis_is_found_by_its_structure():
    basis = Basis.of(task_of("divide", 7))
    assert basis.group == Cyclic(6)
    task = task_of("divide", 7)
    for x, y in np.ndindex(6, 6):
        row = basis.rows[x, y]
        assert task.group.a_element[task.a[row]] == x
        assert task.group.b_element[task.b[row]] == y
        assert task.group.answer_element[task.answers[row]] == basis.group.product[x, y]


@pytest.mark.parametrize(
    "settings",
    [
        TransformerSettings(d_model=12, heads=2, d_mlp=70),
        TransformerSettings(d_model=12, heads=2, d_mlp=70, layers=2),
        MLPSettings(d_embed=5, d_mlp=70),
    ],
)
def test_neurons_come_in_parts_and_are_those_of_the_plain_forward(settings):
    task = task_of("add", 7)
    basis = Basis.of(task)
    model = drawn(settings, task)
    anatomy = Anatomy(model, task, basis.pairs, basis.classes)
    name = "mlp.post" if isinstance(settings, MLPSettings) else f"blocks.{settings.layers - 1}.mlp.post"
    plain, kept = model.run(Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template), [name])
    neurons = kept[name] if isinstance(settings, MLPSettings) else kept[name][:, -1]
    plain = plain if isinstance(settings, MLPSettings) else plain[:, -1]
    assert [place for place, _ in anatomy.neurons()] == [slice(0, 64), slice(64, 70)]
    np.testing.assert_allclose(neurons_of(anatomy), neurons[basis.pairs], atol=2e-4)
    np.testing.assert_allclose(anatomy.logits, plain[basis.pairs][:, basis.classes], atol=2e-3)
    through = np.asarray(neurons)[basis.pairs] @ anatomy.W_L.T
    np.testing.assert_allclose(anatomy.through_neurons, through, atol=2e-3)


def test_a_change_is_scored_as_its_table():
    rng = np.random.default_rng(3)
    base = rng.normal(size=(37, 37, 37)).astype(np.float32) * 4
    labels = rng.integers(0, 37, 37 * 37)
    scorer = Scorer(labels, 37, labels < 9, labels > 20)
    for left, right in (((37, 5), (5, 37 * 37)), ((37 * 37, 5), (5, 37))):
        given = [rng.normal(size=shape).astype(np.float32) for shape in (left, right)]
        for keep in (True, False):
            whole = keep * base + (given[0].astype(float) @ given[1]).reshape(base.shape)
            change = Change(base, *given, keep=keep)
            np.testing.assert_allclose(change.table(), whole, atol=1e-4)
            for one, other in zip(vars(scorer(change)).values(), vars(scorer(whole)).values(), strict=True):
                assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1), (70, 9, 3000), (700, 113, 300), (5, 600, 900), (4, 0, 3)])
def test_a_product_in_pieces_is_the_product(shape):
    rows, inner, columns = shape
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(rows, inner)), rng.normal(size=(inner, columns))
    pieces = product(left.astype(np.float32), right.astype(np.float32))
    np.testing.assert_allclose(pieces, left @ right, atol=1e-4 * (1 + inner) ** 0.5)
