"""Restricted and excluded losses, cosines and spectra against their definitions, on networks from every phase."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from groklab.circuits import keep_products, keep_terms
from groklab.circuits.key_frequencies import outliers
from groklab.losses import margin_loss
from groklab.measures import Labels, View, built_in
from groklab.measures.excluded import with_changes
from groklab.measures.in_group import leads_by_label, losses_by_label, table
from groklab.measures.waves import alone, products
from groklab.models import TransformerSettings, named_parameters, skeleton, with_parameters
from groklab.models.closed_form import quadratic_network
from groklab.tasks import Split, SplitSettings, Task, parse_task
from phase_networks import PHASES, TRAINED, networks
from quick_compiling import QUICK
from slow_measures import Slow, gini

SMALL = TransformerSettings(d_model=12, heads=2, d_mlp=10)
DRAWN: dict[str, tuple[TransformerSettings, str, dict[str, Any], list[Any]]] = {
    "multiplication, random labels": (SMALL, "multiply:7", {"size": 25, "labels": "random"}, [1, 3]),
    "permutations": (SMALL, "compose:3", {"fraction": 0.6}, ["(2,1)"]),
}
CLOSED = {2: 9.0, 5: 11.0}
TESTED_ELSEWHERE = ("margin", "mirror", "matrix_norm", "sum_of_squares")
"""By the loops of test_measures.py, on these networks too."""


@cache
def program(case: str) -> Any:
    """All measures of a case's kind of network in one compiled function of network, labels and key frequencies."""
    task = Task.of(TRAINED.task if case in PHASES else parse_task(DRAWN[case][1] if case in DRAWN else "add:13"))

    def compute(model: Any, data: Labels, key: Any) -> dict[str, Any]:
        view = View(model, task, data, key)
        chosen = [one for one in built_in() if one.applies(view)]
        return {one.name: one.compute(view) for one in chosen if not any(word in one.name for word in TESTED_ELSEWHERE)}

    return jax.jit(compute, compiler_options=QUICK)


class Case:
    """What the measures say of one network, and what the definitions say."""

    def __init__(self, name: str) -> None:
        activation = {}
        if name in PHASES:
            task, split_settings, key = Task.of(TRAINED.task), TRAINED.split, own_key(networks()["grokked"])
            model, transformer = networks()[name], True
        elif name == "closed form":
            task, split_settings, key = Task.of(parse_task("add:13")), SplitSettings(fraction=0.4), list(CLOSED)
            model, transformer = quadratic_network(13, CLOSED), False
            activation["activation"] = np.square
        else:
            choice, given_task, given_split, key = DRAWN[name]
            task, split_settings = Task.of(parse_task(given_task)), SplitSettings(**given_split)
            outline = skeleton(choice, task.vocabulary, task.length)
            rng = np.random.default_rng(5)
            shapes = {n: leaf.shape for n, leaf in named_parameters(outline).items()}
            drawn = {n: rng.normal(0.1, 0.6, shape).astype(np.float32) for n, shape in shapes.items()}
            model, transformer = with_parameters(outline, drawn), True
        split = Split.of(task, split_settings, 0)
        self.name, self.key, self.transformer = name, key, transformer
        self.slow = Slow(named_parameters(model), task, split, key, attention=transformer, **activation)
        data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
        mask = np.isin([str(k) for k in task.group.group.frequency_labels], [str(k) for k in key])  # type: ignore[union-attr]
        found = program("initial" if name in PHASES else name)(model, data, jnp.asarray(mask, jnp.float32))
        self.found = {one: np.asarray(value, np.float64) for one, value in found.items()}

    def same(self, name: str, wanted: Any, atol: float = 0.0) -> None:
        np.testing.assert_allclose(self.found[name], wanted, rtol=1e-4, atol=atol, err_msg=f"{name}, {self.name}")


def own_key(model: Any) -> list[int]:
    W_L = np.asarray(model.neuron_logit_map, np.float64)[:29]
    power = (np.abs(np.fft.fft(W_L, axis=0)) ** 2).sum(axis=1)[1:15]
    return (np.flatnonzero(outliers(np.sqrt(power))) + 1).tolist()


case_of = cache(Case)


@pytest.fixture(params=[*PHASES, "closed form", *DRAWN])
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(request.param)


def test_the_training_has_its_phases() -> None:
    memorised, grokked = case_of("memorised"), case_of("grokked")
    assert memorised.found["train_accuracy"] == 1 > 0.5 > memorised.found["test_accuracy"]
    assert grokked.found["test_accuracy"] == 1
    assert grokked.key
    assert grokked.found["excluded_loss"] > 2
    assert memorised.found["restricted_loss"] > 0.9 > 1e-2 > grokked.found["restricted_loss"]


def test_restricted(case: Case) -> None:
    slow, found = case.slow, case.found
    tables = slow.readings()
    losses = [[slow.loss(logits, part) for part in ("all", "train", "test")] for logits in tables.values()]
    accuracies = [[slow.accuracy(logits, part) for part in ("all", "train", "test")] for logits in tables.values()]
    case.same("restricted_loss_by_reading", losses)
    case.same("restricted_accuracy_by_reading", accuracies, atol=1e-6)
    for name, value in zip(("", "_train", "_test"), losses[0], strict=True):
        case.same(f"restricted_loss{name}", value)
    case.same("restricted_accuracy", accuracies[0][0], atol=1e-6)
    np.testing.assert_allclose(found["restricted_ratio"], losses[0][2] / found["test_loss"], rtol=1e-4)


def test_excluded(case: Case) -> None:
    slow = case.slow
    single = {k: slow.project(slow.sums(k)) for k in slow.functions}
    removed = slow.logits - sum(single[k] for k in case.key)
    case.same("excluded_loss", slow.loss(removed, "train"))
    case.same("excluded_accuracy", slow.accuracy(removed, "train"), atol=ties(case))
    case.same("excluded_loss_narrow", slow.loss(slow.narrow(), "train"))
    case.same("excluded_accuracy_narrow", slow.accuracy(slow.narrow(), "train"), atol=ties(case))
    case.same("excluded_loss_by_frequency", [slow.loss(slow.logits - part, "train") for part in single.values()])
    accuracies = [slow.accuracy(slow.logits - part, "train") for part in single.values()]
    case.same("excluded_accuracy_by_frequency", accuracies, atol=1e-6)


def ties(case: Case) -> float:
    """With all of a closed form's frequencies removed nothing is left, and rounding decides which answer leads."""
    return 1.0 if case.name == "closed form" else 1e-6


def test_cosines_and_the_two_parts_of_a_logit(case: Case) -> None:
    gen, mem = case.slow.gen_and_mem()
    scale = np.abs(case.slow.logits).max()
    case.same("logit_cosine", [case.slow.cosine(k)[0] for k in case.slow.functions], atol=2e-6 * scale)
    case.same("gen_logit", gen, atol=2e-6 * scale)
    case.same("mem_logit", mem, atol=2e-6 * scale)
    profile = case.slow.logits[np.arange(len(case.slow.z)), case.slow.z].mean() - case.slow.logits.mean()
    case.same("gen_logit", profile, atol=2e-6 * scale)


def test_spectra_and_sparsity(case: Case) -> None:
    slow, tokens = case.slow, case.slow.tokens
    W_E, W_L = slow.w["embed.W_E"][tokens], slow.W_L[tokens]
    merged = slow.spectrum(W_L)
    floor = 1e-6 * merged.max()
    case.same("neuron_logit_norm", merged, atol=floor)
    case.same("effective_frequencies", np.sum(merged**2) ** 2 / np.sum(merged**4))
    embedded = slow.spectrum(W_E) ** 2
    case.same("effective_frequencies_embedding", np.sum(embedded) ** 2 / np.sum(embedded**2))
    case.same("key_count", np.sum(outliers(merged)))
    singular = np.linalg.svd(slow.W_L, compute_uv=False)
    case.same("rank_neuron_logit", np.sum(singular**2) ** 2 / np.sum(singular**4))
    case.same("neuron_norm", slow.neuron_norm(), atol=1e-5 * np.linalg.norm(slow.neurons))
    if case.name != "permutations":
        case.same("gini_embedding_unmerged", gini(slow.unmerged(W_E)), atol=1e-6)
        case.same("gini_neuron_logit_unmerged", gini(slow.unmerged(W_L)), atol=1e-6)
    if case.transformer:
        wanted = slow.attention_norm()
        case.same("attention_norm", wanted, atol=1e-5 * wanted.max())
    else:
        assert "attention_norm" not in case.found


def test_a_closed_form_without_its_frequencies_is_chance_and_with_them_alone_is_itself() -> None:
    found = case_of("closed form").found
    assert found["excluded_loss"] == pytest.approx(np.log(13), rel=1e-4)
    assert found["excluded_loss_narrow"] == pytest.approx(np.log(13), rel=1e-4)
    assert found["restricted_loss_train"] == pytest.approx(found["train_loss"], rel=1e-3)
    assert found["restricted_ratio"] == pytest.approx(1, rel=1e-3)
    assert found["key_count"] == 2
    assert found["gen_logit"] == pytest.approx(sum(CLOSED.values()), rel=1e-5)
    assert found["mem_logit"] == pytest.approx(0, abs=1e-4)


def test_no_key_frequencies_keep_the_mean_and_remove_nothing() -> None:
    case = case_of("grokked")
    split = Split.of(Task.of(TRAINED.task), TRAINED.split, 0)
    data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
    found = program("initial")(networks()["grokked"], data, jnp.zeros(14))
    assert float(found["excluded_loss"]) == pytest.approx(float(case.found["train_loss"]), rel=1e-3)
    mean = np.broadcast_to(case.slow.logits.mean(axis=0), case.slow.logits.shape)
    assert float(found["restricted_loss"]) == pytest.approx(case.slow.loss(mean, "all"), rel=1e-4)


def test_key_frequencies_are_the_networks_own_unless_given() -> None:
    task = Task.of(TRAINED.task)
    data = View.outline(TRAINED.model, task).data
    key_of = jax.jit(lambda model: View(model, task, data).key, compiler_options=QUICK)
    for name in ("memorised", "grokked"):
        assert (np.flatnonzero(key_of(networks()[name])) + 1).tolist() == own_key(networks()[name])
    given_key = jnp.asarray(np.eye(14, dtype=np.float32)[3])
    np.testing.assert_array_equal(View(networks()["grokked"], task, data, given_key).key, given_key)
    attention_only = TransformerSettings(d_model=8, heads=2, d_mlp=0)
    outline = skeleton(attention_only, task.vocabulary, task.length)
    weights = {name: np.zeros(leaf.shape) for name, leaf in named_parameters(outline).items()}
    weights["embed.W_E"][:29, 0] = np.cos(2 * np.pi * 5 * np.arange(29) / 29)
    assert np.flatnonzero(key_of(with_parameters(outline, weights))).tolist() == [4]


@pytest.mark.parametrize("name", ["add:8", "add:9", "compose:3", "compose:4", "multiply:7"])
def test_sparing_projections_are_those_of_circuits(name: str) -> None:
    task = Task.of(parse_task(name))
    outline = View.outline(SMALL, task)
    basis, rng = outline.basis, np.random.default_rng(1)
    logits = rng.normal(size=(task.pairs, task.vocabulary)).astype(np.float32)
    key = rng.integers(0, 2, len(basis.labels)).astype(np.float32)

    def kept(logits: Any, key: Any) -> list[Any]:
        view = View(outline.model, task, outline.data)
        view.logits = logits
        cube = table(view)
        of_products = cube.mean(axis=(0, 1)) + products(cube, basis, key)
        return [cube, of_products, of_products + alone(cube, basis, key)]

    cube, of_products, of_terms = jax.jit(kept, compiler_options=QUICK)(logits, key)
    wanted = basis.table(logits)
    np.testing.assert_array_equal(cube, wanted)
    np.testing.assert_allclose(of_products, keep_products(wanted, basis, key), atol=1e-5)
    np.testing.assert_allclose(of_terms, keep_terms(wanted, basis, key), atol=1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    hnp.arrays(np.float32, (2, 3, 5), elements=st.floats(-60, 60, width=32, allow_subnormal=False)),
    hnp.arrays(np.float32, (2, 5, 4), elements=st.floats(-60, 60, width=32, allow_subnormal=False)),
    hnp.arrays(np.int32, (2, 3), elements=st.integers(0, 4)),
)
def test_losses_after_changes_hold_for_logits_of_any_size(rest: Any, change: Any, label: Any) -> None:
    loss, lead = map(np.asarray, jax.jit(with_changes)(rest, change, label))
    for z, x, n in np.ndindex(2, 3, 4):
        logits = rest[z, x].astype(float) + change[z, :, n]
        gaps = np.delete(logits - logits[label[z, x]], label[z, x])
        wanted = np.logaddexp(0, np.logaddexp.reduce(gaps)) if gaps.max() > -30 else np.exp(gaps).sum()
        np.testing.assert_allclose(loss[z, x, n], wanted, rtol=2e-4, atol=1e-36)
        np.testing.assert_allclose(lead[z, x, n], -gaps.max(), rtol=1e-5, atol=2e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-80, 80, width=32, allow_subnormal=False)))
def test_the_losses_of_every_label_are_the_margin_form(logits: Any) -> None:
    rows, every = np.repeat(logits, 4, axis=0), np.tile(np.arange(4), 3)
    wanted = jax.jit(margin_loss)(rows, every).reshape(3, 4)
    np.testing.assert_allclose(jax.jit(losses_by_label)(logits), wanted, rtol=1e-5, atol=1e-36)
    leads = [row[label] - np.delete(row, label).max() for row, label in zip(rows, every, strict=True)]
    np.testing.assert_array_equal(jax.jit(leads_by_label)(logits).reshape(-1), np.array(leads, np.float32))
