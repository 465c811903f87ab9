"""Every measure against a slow, literal float64 implementation, on random networks and on those of every phase."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.measures import Measure, View, built_in, masked_mean, measure
from measured_cases import CASES, GROUPLESS, WITHOUT_ATTENTION, WITHOUT_NEURONS, Case, case_of
from phase_networks import PHASES
from slow_measures import leads, saturated

LARGER = 1.2


@pytest.fixture(params=[*CASES, *PHASES])
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(request.param)


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else np.nan


def test_every_measure_applies_where_it_should(case: Case) -> None:
    everywhere = {
        "train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "matrix_norm",
        "train_margin", "test_margin", "train_margin_spread", "test_margin_spread",
        "mirror_accuracy_trained", "mirror_accuracy_untrained", "gen_lead", "mem_lead", "saturated_share",
    }  # fmt: skip
    with_group = {
        "trig_share", "embedding_norm", "gini_embedding", "gini_embedding_unmerged", "key_count", "logit_cosine",
        "gen_logit", "mem_logit", "effective_frequencies_embedding",
    }  # fmt: skip
    with_both = {
        "neuron_logit_norm", "gini_neuron_logit", "gini_neuron_logit_unmerged", "effective_frequencies"
    }  # fmt: skip
    expected = everywhere | (set() if case.name in GROUPLESS else with_group)
    if case.name not in GROUPLESS | WITHOUT_NEURONS:
        expected |= with_both
    if case.name not in WITHOUT_NEURONS:
        expected |= {"rank_neuron_logit"}
    if case.name not in GROUPLESS | WITHOUT_ATTENTION:
        expected |= {"attention_norm"}
    assert set(case.measures) == expected
    assert all(np.shape(case.found[name]) == _shape(case, m) for name, m in case.measures.items())


def _shape(case: Case, m: Measure) -> tuple[int, ...]:
    return tuple(len(case.view.coordinates[dim]) for dim in m.dims)


def test_an_outline_knows_the_same_as_the_network(case: Case) -> None:
    outline = View.outline(case.choice, case.task)
    assert {m.name for m in built_in() if m.applies(outline) and not m.afterwards} == set(case.measures)
    for dim, labels in case.view.coordinates.items():
        np.testing.assert_array_equal(outline.coordinates[dim], labels)


def test_losses_accuracies_and_margins(case: Case) -> None:
    for part, rows in (("train", case.train), ("test", case.test)):
        margins = [case.margin(row) for row in rows]
        wanted = {
            f"{part}_loss": mean([case.loss(row) for row in rows]),
            f"{part}_accuracy": mean([case.right(row) for row in rows]),
            f"{part}_margin": mean(margins),
            f"{part}_margin_spread": mean([(m - mean(margins)) ** 2 for m in margins]) ** 0.5,
        }
        for name, value in wanted.items():
            floor = 1e-6 * np.abs(case.logits).max() if "margin" in name else 0.0
            np.testing.assert_allclose(case.found[name], value, rtol=1e-4, atol=floor, err_msg=name)


def test_strengths_and_saturation_by_loops(case: Case) -> None:
    gen, mem = leads(case.task, case.split, case.logits)
    floor = 1e-6 * np.abs(case.logits).max()
    np.testing.assert_allclose(case.found["gen_lead"], gen, rtol=1e-4, atol=floor)
    np.testing.assert_allclose(case.found["mem_lead"], mem, rtol=1e-4, atol=floor)
    # On the network's own logits, and on larger ones, as further training would make them.
    own, of_larger = case.found["saturated_share"], case.of_logits("saturated_share", LARGER * case.logits)
    for larger, found in ((1.0, own), (LARGER, of_larger)):
        # Within rounding of the edge either answer will do.
        low, high = (saturated(case.split, larger * case.logits, factor) for factor in (1 + 1e-4, 1 - 1e-4))
        assert low - 1e-6 <= found <= high + 1e-6
    assert case.name != "grokked" or high > 0


def test_mirrors_by_a_loop(case: Case) -> None:
    trained, untrained = [], []
    pairs = {pair: row for row, pair in enumerate(zip(case.task.a.tolist(), case.task.b.tolist(), strict=True))}
    for (a, b), row in pairs.items():
        if row in case.test:
            mirrored = a != b and pairs.get((b, a)) in case.train
            (trained if mirrored else untrained).append(case.right(row))
    np.testing.assert_allclose(case.found["mirror_accuracy_trained"], mean(trained), rtol=1e-6)
    np.testing.assert_allclose(case.found["mirror_accuracy_untrained"], mean(untrained), rtol=1e-6)
    assert case.name == "everything trained" or (trained and untrained)


def test_norms(case: Case) -> None:
    squares = {name: sum(x * x for x in weight.ravel().tolist()) for name, weight in case.weights.items()}
    np.testing.assert_allclose(case.found["sum_of_squares"], sum(squares.values()), rtol=1e-5)
    assert case.view.coordinates["matrix"].tolist() == list(squares)
    np.testing.assert_allclose(case.found["matrix_norm"], np.sqrt(list(squares.values())), rtol=1e-5)


def test_without_test_pairs_the_test_measures_are_nan_in_silence() -> None:
    found = case_of("everything trained").found
    empty = {name for name, value in found.items() if np.isnan(value).any()}
    assert empty == {
        "test_loss", "test_accuracy", "test_margin", "test_margin_spread",
        "mirror_accuracy_trained", "mirror_accuracy_untrained", "gen_lead", "mem_lead",
    }  # fmt: skip


def test_a_masked_mean_of_nothing_is_nan() -> None:
    assert np.isnan(masked_mean(jnp.ones(3), jnp.zeros(3, bool)))
    assert masked_mean(jnp.array([1.0, jnp.nan, 3.0]), jnp.array([True, False, True])) == 2


def test_a_measure_is_described_by_its_function() -> None:
    @measure(units="nats", dims=("matrix",), needs=("mlp",))
    def some_number(view: View) -> jax.Array:
        """What it is.

        And more.
        """
        return jnp.zeros(3)

    assert (some_number.name, some_number.description) == ("some_number", "What it is.")
    assert (some_number.units, some_number.dims, some_number.needs) == ("nats", ("matrix",), ("mlp",))


def test_the_built_in_measures_are_documented_and_in_order() -> None:
    names = [m.name for m in built_in()]
    assert names == sorted(set(names))
    assert all(m.description.endswith(".") and m.units in ("1", "nats") for m in built_in())


def test_needs_and_groups_that_are_not_there() -> None:
    with pytest.raises(ValueError, match=r"a measure can need group, key, mlp, .*linear, not 'luck'"):
        case_of("no group").view.has("luck")
    with pytest.raises(ValueError, match="quadratic:5 has no group"):
        _ = case_of("no group").view.group
