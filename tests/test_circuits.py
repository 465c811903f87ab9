"""Networks whose circuits are known are taken apart, and every definition is held against a slow loop."""

import io
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from groklab.circuits import (
    Basis,
    cosine_coefficients,
    figures,
    keep_products,
    keep_sums,
    keep_terms,
    markdown_table,
    neuron_spectra,
    print_circuit,
    take_apart,
    without_cosines,
    without_sums,
)
from groklab.circuits.anatomy import Anatomy
from groklab.circuits.attention import Attention
from groklab.circuits.key_frequencies import outlier_rule, outliers
from groklab.circuits.neuron_logit import read_neuron_logit
from groklab.circuits.neurons import read_neurons
from groklab.circuits.periodic import on_all_pairs
from groklab.circuits.scoring import Scorer
from groklab.circuits.surgery import Surgery
from groklab.errors import Mistake
from groklab.groups import Cyclic
from groklab.losses import margin_loss
from groklab.models import MLPSettings, TransformerSettings, build, named_parameters, skeleton, with_parameters
from groklab.models.closed_form import (
    hinge_transformer,
    lookup_network,
    quadratic_network,
    trigonometric_transformer,
)
from groklab.tasks import Split, SplitSettings, Task, TaskSettings
from groklab.training import Run

AMPLITUDES = {3: 9.0, 7: 11.0, 10: 8.0}


def task_of(operation="add", modulus=23):
    return Task.of(TaskSettings(operation=operation, modulus=modulus))


def halves(task, labels="true"):
    return Split.of(task, SplitSettings(fraction=0.5, labels=labels), 0)


def drawn(settings, task, seed=0):
    """A network none of whose parameters is trivial."""
    model = skeleton(settings, task.vocabulary, task.length)
    rng = np.random.default_rng(seed)
    return with_parameters(
        model, {name: rng.normal(0, 0.6, leaf.shape) for name, leaf in named_parameters(model).items()}
    )


# The definitions, literally, on Z_P for addition, in float64.


def waves(p, k, x):
    return np.cos(2 * np.pi * k * x / p), np.sin(2 * np.pi * k * x / p)


def slow_directions(p, k):
    """C_k and S_k over the pairs, from products of waves."""
    a, b = np.indices((p, p)).reshape(2, -1)
    (ca, sa), (cb, sb) = waves(p, k, a), waves(p, k, b)
    return [v / np.linalg.norm(v) for v in (ca * cb - sa * sb, sa * cb + ca * sb)]


def slow_products(p, k):
    a, b = np.indices((p, p)).reshape(2, -1)
    vectors = [u * v for u in waves(p, k, a) for v in waves(p, k, b)]
    return [v / np.linalg.norm(v) for v in vectors]


def slow_singles(p, k):
    a, b = np.indices((p, p)).reshape(2, -1)
    return [v / np.linalg.norm(v) for v in (*waves(p, k, a), *waves(p, k, b))]


def slow_projection(logits, directions):
    out = np.zeros_like(logits)
    for v in directions:
        for c in range(logits.shape[1]):
            out[:, c] += v * (v @ logits[:, c])
    return out


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
    neurons = anatomy.neurons.astype(float).reshape(basis.order, basis.order, -1)
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
    found, change = read_neurons(anatomy.neurons, anatomy.W_L, basis)
    a, b = np.indices((p, p)).reshape(2, -1)
    expected_change = np.zeros((p * p, p))
    for m, neuron in enumerate(anatomy.neurons.T.astype(float)):
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
        along = anatomy.neurons.astype(float) @ u
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
    everything, columns = np.arange(task.pairs), np.arange(task.classes)
    attention = Attention(jax.tree.map(np.asarray, model), task.template, task.a, task.b)
    logits = attention.logits(attention.pattern)[:, columns]
    np.testing.assert_allclose(logits, Anatomy(model, task, everything, columns).logits, atol=1e-4)
    fits, shares = attention.lines()
    first, second = attention.operands
    pattern = attention.pattern.astype(float)
    for head, gap in enumerate(attention.difference.astype(float)):
        share = pattern[first, head] / (pattern[first, head] + pattern[second, head])
        np.testing.assert_allclose(fits[head], np.polyfit(gap, share, 1), atol=1e-4)
        assert shares[head] == pytest.approx(np.corrcoef(gap, share)[0, 1] ** 2, abs=1e-4)
    without = attention.logits(attention.pattern, off=(1,))
    leaves = dict(named_parameters(model))
    leaves["blocks.0.attn.W_O"] = leaves["blocks.0.attn.W_O"].at[1].set(0)
    zeroed = Anatomy(with_parameters(model, leaves), task, everything, columns)
    np.testing.assert_allclose(without[:, columns], zeroed.logits, atol=1e-4)


def test_a_head_that_scores_one_wave_is_read_as_that():
    task = task_of("add", 13)
    model = trigonometric_transformer(13, {2: 9.0, 5: 7.0})
    leaves = {name: np.array(leaf) for name, leaf in named_parameters(model).items()}
    # The `=` gets an embedding of its own, from which the query asks for cos of 5 x.
    leaves["embed.W_E"][13, 4] = 1
    leaves["blocks.0.attn.W_Q"][0, 4, 0] = 1
    leaves["blocks.0.attn.W_K"][0, 2, 0] = 1
    heads = take_apart(with_parameters(model, leaves), task).heads
    assert heads.frequency == (5,)
    assert heads.share[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("operation", ["add", "subtract", "multiply", "divide"])
def test_the_exact_network_gives_back_its_frequencies_in_every_task(operation):
    task = task_of(operation)
    group = task.group
    elements = (group.a_element, group.b_element, group.answer_element)
    model = quadratic_network(group.group.order, AMPLITUDES, elements=elements)
    circuit = take_apart(model, task, halves(task))
    assert circuit.key.used == (3, 7, 10)
    assert [rule.frequencies for rule in circuit.key.rules[:2]] == [(3, 7, 10)] * 2
    assert circuit.key.rules[0].stable
    assert circuit.neuron_logit.residual < 1e-6
    np.testing.assert_allclose(circuit.neuron_logit.share, 1, atol=1e-5)
    found = dict(zip(circuit.spectra.frequencies, circuit.cosines.projected, strict=True))
    for k, alpha in found.items():
        assert alpha == pytest.approx(AMPLITUDES.get(k, 0), abs=1e-5)
    np.testing.assert_allclose(circuit.cosines.least_squares, circuit.cosines.projected, atol=1e-5)
    assert circuit.cosines.share == pytest.approx(1, abs=1e-6)
    # (cos A + cos B)^2 has 1 of its variance in the product of waves, 1/4 in waves of twice the frequency.
    np.testing.assert_allclose(circuit.neurons.share, 0.8, atol=1e-5)
    loss = circuit.score.loss
    for name in ("keep_sums", "keep_products", "keep_terms", "neurons_keep_terms", "neurons_on_directions"):
        kept = circuit.ablation(name)
        assert kept.score.loss == pytest.approx(loss, rel=1e-4), name
        assert kept.null.least.loss > 0.9 * circuit.chance
    for name in ("without_sums", "without_cosines", "neurons_without_terms", "neurons_off_directions"):
        removed = circuit.ablation(name).score
        assert removed.loss == pytest.approx(circuit.chance, rel=1e-4), name
        assert removed.train_loss == pytest.approx(circuit.chance, rel=1e-4)
    assert circuit.ablation("without_sums").null.largest.loss == pytest.approx(loss, rel=1e-4)
    standing = {line.name: line.standing for line in circuit.verdict.lines}
    assert standing == {
        "periodicity": "holds",
        "mechanism": "holds",
        "approximation": "in part",
        "ablation": "holds",
    }
    outside = task.pairs - group.group.order**2
    assert circuit.pairs_left_out == outside
    assert any("outside" in note for note in circuit.notes) == (outside > 0)


def test_the_relu_network_of_known_waves_has_the_shares_that_theory_gives():
    circuit = take_apart(trigonometric_transformer(23, AMPLITUDES), task_of())
    assert {rule.frequencies for rule in circuit.key.rules} == {(3, 7, 10)}
    assert circuit.neurons.clusters == {3: 25, 7: 25, 10: 25}
    assert circuit.neurons.phase_agreement == pytest.approx(1, abs=1e-6)
    used = circuit.cosines.projected[[2, 6, 9]]
    np.testing.assert_allclose(used, list(AMPLITUDES.values()), rtol=1e-3)
    # |cos| has (2 / pi)^2 of its mean square in its mean, over evenly spread angles.
    ratio = np.abs(np.cos(np.pi * np.arange(23) / 23))
    assert circuit.cosines.share == pytest.approx(ratio.mean() ** 2 / (ratio**2).mean(), abs=2e-3)
    kept = circuit.ablation("keep_sums").score.loss
    assert kept == pytest.approx(circuit.cosines.replaced.loss, rel=0.02)
    assert kept < circuit.score.loss
    assert circuit.ablation("around_zero") is None, "nothing goes around these neurons"
    assert circuit.ablation("heads_off").score.loss == pytest.approx(circuit.chance), "nothing is read"
    assert circuit.ablation("heads_alone").score.loss == pytest.approx(circuit.score.loss)


def test_the_right_logits_by_other_means_are_told_apart_at_the_neurons():
    circuit = take_apart(hinge_transformer(23, AMPLITUDES), task_of())
    assert circuit.cosines.share == pytest.approx(1, abs=1e-5)
    assert circuit.neurons.clusters == {}
    standing = {line.name: line.standing for line in circuit.verdict.lines}
    assert standing["mechanism"] == standing["ablation"] == "holds"
    assert standing["approximation"] != "holds"
    assert any("differ" in misfit for misfit in circuit.verdict.misfits)


def test_a_memoriser_and_a_random_network_have_no_circuit():
    task = task_of()
    split = halves(task, labels="random")
    rows = split.train
    memoriser = lookup_network(task.a[rows], task.b[rows], split.labels[rows], 23)
    circuit = take_apart(memoriser, task, split)
    assert circuit.score.train_accuracy == 1
    assert circuit.key.used == ()
    assert "no Fourier circuit" in circuit.verdict.sentence
    assert "by heart" in circuit.verdict.sentence
    assert {line.standing for line in circuit.verdict.lines} == {"does not hold"}
    untrained = build(TransformerSettings(d_model=32, d_mlp=128), 24, 3, key=jax.random.key(0))
    random = take_apart(untrained, task, split)
    assert random.key.used == ()
    assert "no Fourier circuit" in random.verdict.sentence
    assert not [ablation for ablation in random.ablations if ablation.null is not None]


def test_the_outlier_rule():
    assert outliers(np.array([1.0, 11, 1, 1, 9, 1])).tolist() == [False, True, False, False, False, False]
    assert not outliers(np.array([1e-9, 3e-8, 1e-9, 1e-9, 1e-9, 5.0]))[1], "rounding errors are no outliers"
    assert not outliers(np.zeros(4)).any()


def test_the_group_of_permutations_is_taken_apart_too():
    task = task_of("compose", 3)
    circuit = take_apart(drawn(TransformerSettings(d_model=12, heads=2, d_mlp=8), task), task)
    assert circuit.spectra.frequencies == ("(2,1)", "(1,1,1)")
    assert math.isnan(circuit.neurons.phase_agreement)
    json.dumps(circuit.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("operation", "settings", "lacks", "note"),
    [
        ("squares", TransformerSettings(d_model=8, heads=2, d_mlp=6), "key", "no group's product"),
        ("add", TransformerSettings(layers=2, d_model=8, heads=2, d_mlp=6), "heads", "has 2"),
        ("add", TransformerSettings(layer_norm=True, d_model=8, heads=2, d_mlp=6), "neuron_logit", "LayerNorm"),
        ("add", TransformerSettings(d_model=8, heads=2, d_mlp=0), "neurons", "attention only"),
        ("add", MLPSettings(d_embed=4, d_mlp=6), "heads", "no attention"),
    ],
)
def test_what_a_network_lacks_is_left_out_and_said(operation, settings, lacks, note):
    task = task_of(operation, 7)
    circuit = take_apart(drawn(settings, task), task)
    assert getattr(circuit, lacks) is None
    assert any(note in line for line in circuit.notes)
    assert math.isfinite(circuit.score.loss)
    json.dumps(circuit.to_json(), allow_nan=False)
    print_circuit(circuit, Console(file=io.StringIO()))


def test_a_network_of_another_task_is_refused():
    with pytest.raises(Mistake, match="is it the task it was trained on"):
        take_apart(lookup_network([0], [1], [1], 7), task_of("add", 11))
    with pytest.raises(Mistake, match="no group's product"):
        Basis.of(task_of("squares", 7))


def test_tokens_and_answers_must_be_those_of_the_task():
    for modulus in (19, 29):
        with pytest.raises(Mistake, match=f"24 tokens.*add:{modulus} needs {modulus + 1}"):
            take_apart(trigonometric_transformer(23, AMPLITUDES), task_of("add", modulus))
    wrong = drawn(TransformerSettings(d_model=8, heads=2, d_mlp=6, classes=9), task_of("add", 7))
    with pytest.raises(Mistake, match="8 tokens, 9 answers"):
        take_apart(wrong, task_of("add", 7))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(value):
    model = trigonometric_transformer(7, {2: 9.0})
    leaves = {name: np.array(leaf) for name, leaf in named_parameters(model).items()}
    leaves["blocks.0.mlp.W_in"][0, 1] = value
    with pytest.raises(Mistake, match=r"weights are not finite \(blocks\.0\.mlp\.W_in hold.*another --step") as caught:
        take_apart(with_parameters(model, leaves), task_of("add", 7))
    assert "\n" not in str(caught.value)


def test_products_are_asked_for_in_full_precision(monkeypatch):
    from groklab.circuits import anatomy

    seen = []

    def watched(function):
        def run(*given):
            products = str(jax.make_jaxpr(function)(*given)).split("dot_general[")[1:]
            seen.extend("Precision.HIGHEST, Precision.HIGHEST" in product for product in products)
            return function(*given)

        return run

    for name in ("_logits", "_neurons"):
        monkeypatch.setattr(anatomy, name, watched(getattr(anatomy, name)))
    task = task_of("add", 7)
    model = trigonometric_transformer(7, {2: 9.0})
    take_apart(model, task)
    in_taking_apart = len(seen)
    neuron_spectra(model, task)
    assert len(seen) > in_taking_apart > 0
    assert all(seen)


def test_a_page_that_cannot_be_written_is_a_mistake(tmp_path):
    from groklab.circuits.drawing import write_page

    task = task_of("add", 7)
    circuit = take_apart(trigonometric_transformer(7, {2: 9.0}), task)
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "y.html", tmp_path):
        with pytest.raises(Mistake, match=r"cannot write the page .*; give another --out"):
            write_page(circuit, place)


def test_stable_is_a_factor_of_sqrt_2_to_either_side():
    spectrum = np.array([100.0, 1, 1, 1, 1, 1, 1])
    for second, stable in {13.0: False, 15.0: True, 9.0: False, 6.0: True}.items():
        norms = spectrum.copy()
        norms[1] = second
        assert outlier_rule("W_L", norms, tuple(range(1, 8))).stable == stable


def test_every_neuron_has_a_spectrum_and_together_they_are_the_pooled_one():
    task = task_of("add", 11)
    basis = Basis.of(task)
    model = drawn(TransformerSettings(d_model=12, heads=2, d_mlp=9), task)
    anatomy = Anatomy(model, task, basis.pairs, basis.classes)
    spectra = neuron_spectra(model, task)
    with pytest.raises(Mistake, match="no neurons"):
        neuron_spectra(drawn(TransformerSettings(d_model=8, heads=2, d_mlp=0), task), task)
    found, _ = read_neurons(anatomy.neurons, anatomy.W_L, basis)
    np.testing.assert_allclose(np.sqrt((spectra**2).sum(axis=0)), found.spectrum, rtol=1e-4, atol=1e-4)
    waves = np.abs(np.fft.fft2(anatomy.neurons[:, 4].reshape(11, 11).astype(float))) / 11
    # A real frequency's power is spread over k and -k in each direction.
    assert spectra[4, 2, 3] == pytest.approx(np.sqrt(2 * (waves[2, 3] ** 2 + waves[2, -3] ** 2)), rel=1e-4)
    assert spectra[4, 0, 0] == pytest.approx(waves[0, 0], rel=1e-4)


def test_a_circuit_is_shown_as_tables_figures_json_and_beside_the_published_numbers(tmp_path):
    from groklab.circuits.drawing import write_page

    task = task_of("add", 23)
    circuit = take_apart(trigonometric_transformer(23, AMPLITUDES), task, halves(task))
    console = Console(record=True, width=160, file=io.StringIO())
    print_circuit(circuit, console)
    text = console.export_text()
    assert "3, 7, 10" in text
    assert "200 draws" in text
    assert len(figures(circuit)) == 9
    page = write_page(circuit, tmp_path / "deep" / "page.html").read_text()
    assert "Neuron-logit map" in page
    plain = circuit.to_json()
    json.dumps(plain, allow_nan=False)
    assert plain["key"]["used"] == [3, 7, 10]
    table = markdown_table({"exact": [circuit, circuit], "single": [circuit]})
    assert "| what | published | exact, 2 networks | single, 1 network | note |" in table
    assert "| 433 of 512 (84.6%) | 100.0% (100.0% to 100.0%) | 100.0% | 5 |" in table
    assert "| path around the MLP removed: zero | 9.12e-7 | not measured | not measured |  |" in table
    assert "\n5. *neurons over 85%" in table


def test_every_group_basis_is_found_by_its_structure():
    basis = Basis.of(task_of("divide", 7))
    assert basis.group == Cyclic(6)
    task = task_of("divide", 7)
    for x, y in np.ndindex(6, 6):
        row = basis.rows[x, y]
        assert task.group.a_element[task.a[row]] == x
        assert task.group.b_element[task.b[row]] == y
        assert task.group.answer_element[task.answers[row]] == basis.group.product[x, y]


def test_the_study_page_is_made_from_stores(monkeypatch):
    from groklab.circuits import page

    task = task_of("add", 23)
    run = Run(task=task.settings, steps=50)
    networks = [trigonometric_transformer(23, AMPLITUDES), lookup_network([0], [1], [1], 23)]

    class Store:
        """A record of one network that has the circuit and one that has not."""

        study, scale, runs = "nanda/mainline", "laptop", (run, run)

        def __init__(self, path):
            assert path == "somewhere"

        def task(self, run):
            return task

        def split(self, run):
            return halves(task)

        def model(self, run):
            return networks[run]

    monkeypatch.setattr(page, "Record", Store)
    text = page.page(["somewhere"])
    assert "50 steps at laptop scale" in text
    assert "| laptop scale, add:23, 1 network |" in text
    assert "1 of 2 networks of laptop scale, add:23 have no key frequencies" in text
    assert "| key frequencies (number) | 5 | 3 | 1 |" in text
    assert "**Run 1**: no Fourier circuit" in text
