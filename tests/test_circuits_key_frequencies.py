"""The outlier rule for key frequencies: what it names, what it does not, and how far its constant matters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_oracles import task_of
from groklab.circuits import take_apart
from groklab.circuits.key_frequencies import NOISE, SHARE, outlier_rule, outliers
from groklab.groups import Cyclic, Symmetric, spectrum
from groklab.models import TransformerSettings, build
from groklab.models.closed_form import lookup_network, quadratic_network


def names(group, norms):
    return [label for label, key in zip(group.frequency_labels, outliers(norms), strict=True) if key]


def test_a_key_frequency_exceeds_a_share_of_the_whole_and_the_noise():
    powers = np.array([50.0, 0.9, 49.0, 0.002, 0.002, 0.002, 0.002, 0.002])
    least = SHARE * powers.sum() + NOISE * 0.002
    assert outliers(np.sqrt(powers)).tolist() == (powers > least).tolist() == [True, False, True] + [False] * 5
    powers[1] = 1.1
    assert outliers(np.sqrt(powers)).sum() == 3
    powers[3:] = 0.01
    assert outliers(np.sqrt(powers)).sum() == 2, "the noise counts as well"


def test_rounding_errors_and_nothing_at_all_are_not_key():
    assert outliers(np.array([1e-9, 3e-8, 1e-9, 1e-9, 1e-9, 5.0])).tolist() == [False] * 5 + [True]
    assert not outliers(np.zeros(4)).any()
    assert not outliers(np.ones(29)).any(), "a flat spectrum"
    assert not outliers(np.array([3.0])).any(), "one frequency has nothing to stand out from"


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    st.sampled_from([Cyclic(5), Cyclic(22), Cyclic(59), Symmetric(3), Symmetric(4), Symmetric(5)]),
    st.integers(30, 200),
    st.integers(0, 2**32 - 1),
)
def test_noise_has_no_key_frequency_in_any_group(group, columns, seed):
    noise = np.random.default_rng(seed).normal(size=(group.order, columns))
    assert names(group, spectrum(group, noise)) == []


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(8, 200), st.floats(1e-6, 1e6), st.integers(0, 2**32 - 1), st.data())
def test_used_frequencies_are_named_however_many_up_to_half_and_in_whatever_unit(count, unit, seed, data):
    rng = np.random.default_rng(seed)
    used = rng.permutation(count)[: data.draw(st.integers(1, min(count // 2, 20)))]
    norms = 1e-3 * rng.random(count)
    norms[used] = 1 + rng.random(len(used))
    assert np.flatnonzero(outliers(unit * norms)).tolist() == sorted(used)


@pytest.mark.parametrize("used", [1, 3, 6, 8])
def test_an_exact_network_names_its_frequencies_even_three_quarters_of_all(used):
    amplitudes = {k: 5.0 + k for k in range(1, used + 1)}
    W_L = np.asarray(quadratic_network(23, amplitudes).neuron_logit_map, np.float32)
    assert names(Cyclic(23), spectrum(Cyclic(23), W_L)) == list(amplitudes)


def test_irreps_of_permutations_are_named():
    group = Symmetric(4)
    rng = np.random.default_rng(0)
    rows = group.basis[group.membership[:, 1] > 0]
    values = rows.T @ rng.normal(size=(len(rows), 40)) + 0.01 * rng.normal(size=(24, 40))
    assert names(group, spectrum(group, values)) == [group.frequency_labels[1]]


@pytest.mark.parametrize("p", [23, 59])
def test_lookup_tables_and_untrained_networks_have_none(p):
    rng = np.random.default_rng(p)
    a, b, labels = rng.integers(0, p, (3, p * p // 3))
    lookup = np.asarray(lookup_network(a, b, labels, p).neuron_logit_map, float)
    untrained = build(TransformerSettings(d_model=32, d_mlp=128), p + 1, 3, key=jax.random.key(p))
    for W_L in (lookup, np.asarray(untrained.neuron_logit_map, float)[:p]):
        assert names(Cyclic(p), spectrum(Cyclic(p), W_L)) == []


def test_the_rule_runs_on_the_device_for_many_networks_at_once():
    norms = np.abs(np.random.default_rng(0).normal(size=(2, 5, 29))) + 0.1
    norms[..., :3] *= 40
    expected = outliers(norms)
    assert expected.any()
    for way in (jax.jit(outliers), jax.jit(jax.vmap(jax.vmap(outliers)))):
        np.testing.assert_array_equal(way(jnp.asarray(norms, jnp.float32)), expected)


@pytest.mark.parametrize(("share", "stable"), [(0.004, True), (0.007, False), (0.015, False), (0.03, True)])
def test_stable_is_the_same_set_at_half_and_at_twice_the_share(share, stable):
    powers = np.array([1 - share, share, 0, 0, 0, 0, 0])
    rule = outlier_rule("W_L", np.sqrt(powers), tuple(range(1, 8)))
    assert rule.stable == stable
    assert rule.frequencies == ((1, 2) if share > SHARE else (1,))


def test_the_threshold_is_said_in_words_and_as_a_norm():
    norms = np.array([10.0, 1, 1, 1, 1, 1, 1])
    rule = outlier_rule("W_L", norms, tuple(range(1, 8)))
    assert rule.threshold == "power over 1% of the whole and 25 lower quartiles together: norm 5.1"
    assert rule.gap == pytest.approx(10)


def test_the_network_taken_apart_follows_the_rule():
    amplitudes = dict.fromkeys(range(1, 7), 6.0)
    circuit = take_apart(quadratic_network(23, amplitudes), task_of())
    assert circuit.key.used == tuple(amplitudes)
    assert circuit.key.rules[0].stable
