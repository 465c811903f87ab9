"""Networks whose circuits are known are taken apart."""

import io
import json
import math

import jax
import numpy as np
import pytest
from rich.console import Console

from circuit_oracles import (
    AMPLITUDES,
    drawn,
    halves,
    task_of,
)
from groklab.circuits import (
    neuron_spectra,
    print_circuit,
    take_apart,
)
from groklab.models import MLPSettings, TransformerSettings, build, named_parameters, with_parameters
from groklab.models.closed_form import (
    hinge_transformer,
    lookup_network,
    quadratic_network,
    trigonometric_transformer,
)


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
    # One layer is computed by numpy, which has full precision only.
    model = drawn(TransformerSettings(layers=2, d_model=8, heads=2, d_mlp=6), task)
    take_apart(model, task)
    in_taking_apart = len(seen)
    neuron_spectra(model, task)
    assert len(seen) > in_taking_apart > 0
    assert all(seen)
