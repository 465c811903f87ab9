"""Measures in the group's frequencies against slow, literal float64 implementations: shares, spectra, Gini."""

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from groklab.measures import gini
from measured_cases import CASES, GROUPLESS, WITHOUT_NEURONS, Case, case_of
from phase_networks import PHASES


@pytest.fixture(params=[*CASES, *PHASES])
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(request.param)


def characters(case: Case) -> tuple[list[Any], np.ndarray, np.ndarray, np.ndarray]:
    """Labels of the frequencies, and for each a function of d = a o b o c^-1 over (pair, class).

    Written from the formulas: cosines of sums of logarithms, or the two real characters of S_3. Also which pairs
    and which classes they are about.
    """
    n, name = case.task.settings.modulus, case.task.settings.operation
    a, b = case.task.a.astype(int), case.task.b.astype(int)
    if name == "compose":
        permutations = list(itertools.permutations(range(3)))
        table = []
        for x, y in zip(a, b, strict=True):
            p, q = permutations[x], permutations[y]
            pq = [p[q[i]] for i in range(3)]
            inverses = [[r.index(i) for i in range(3)] for r in permutations]
            table.append([[pq[inv[i]] for i in range(3)] for inv in inverses])
        fixed = np.array([[sum(d[i] == i for i in range(3)) for d in row] for row in table])
        sign = np.array([[1 if f in (0, 3) else -1 for f in row] for row in fixed])
        return ["(2,1)", "(1,1,1)"], np.stack([fixed - 1, sign]).astype(float), np.arange(len(a)), np.arange(6)
    if name in ("multiply", "divide"):
        order, log = n - 1, {pow(3, k, n): k for k in range(n - 1)}  # 3 is a primitive root of 7.
        rows = np.flatnonzero((a > 0) & (b > 0))
        left = np.array([log[x] for x in a[rows].tolist()])
        right = np.array([log[x] for x in b[rows].tolist()]) * (-1 if name == "divide" else 1)
        classes = np.arange(1, n)
        out = np.array([log[c] for c in classes.tolist()])
    else:
        order, rows, classes = n, np.arange(len(a)), np.arange(n)
        left, right, out = a, -b if name == "subtract" else b, classes
    d = (left + right)[:, None] - out
    labels = list(range(1, order // 2 + 1))
    return labels, np.stack([np.cos(2 * np.pi * k * d / order) for k in labels]), rows, classes


@pytest.mark.parametrize("blend", [0.0, 0.5, 2.0])
def test_trig_share_by_least_squares(case: Case, blend: float) -> None:
    """On the network's own logits, and on these with more or less of the generalising circuit added."""
    if case.name in GROUPLESS or (blend and case.name in PHASES):
        return
    _, directions, rows, classes = characters(case)
    logits = case.logits.copy()
    mixed = np.tensordot(np.random.default_rng(0).normal(size=len(directions)), directions, 1)
    logits[np.ix_(rows, classes)] += blend * logits.std() * mixed
    inside = logits[np.ix_(rows, classes)]
    centred = (inside - inside.mean(axis=1, keepdims=True)).ravel()
    design = directions.reshape(len(directions), -1).T
    fitted = design @ np.linalg.lstsq(design, centred, rcond=None)[0]
    share = (fitted @ fitted) / (centred @ centred)
    assert share > 0.005 or blend == 0
    found = case.found["trig_share"]
    if blend:
        found = case.of_logits("trig_share", logits)
    np.testing.assert_allclose(found, share, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["addition", "division", "permutations"])
def test_trig_share_is_one_for_logits_of_the_generalising_circuit_alone(name: str) -> None:
    case = case_of(name)
    _, directions, rows, classes = characters(case)
    rng = np.random.default_rng(0)
    logits = rng.normal(size=case.logits.shape)
    offsets = rng.normal(size=(len(rows), 1))
    logits[np.ix_(rows, classes)] = np.tensordot(rng.normal(size=len(directions)), directions, 1) + offsets
    assert case.of_logits("trig_share", logits) == pytest.approx(1, abs=1e-5)


def test_spectra_by_inner_products(case: Case) -> None:
    if case.name in GROUPLESS:
        return
    n, name = case.task.settings.modulus, case.task.settings.operation
    labels = characters(case)[0]
    assert sorted(map(str, case.view.coordinates["frequency"].tolist())) == sorted(map(str, labels))
    maps = {"embedding_norm": case.weights["embed.W_E"]}
    if case.name == "no attention":
        maps["neuron_logit_norm"] = case.weights["mlp.W_out"].T
    elif case.name not in WITHOUT_NEURONS:
        last = max(n for n in case.weights if n.endswith("mlp.W_out"))
        maps["neuron_logit_norm"] = (case.weights[last] @ case.weights["unembed.W_U"]).T
    for which, table in maps.items():
        if name == "compose":
            wanted = _spectrum_of_s3(table[:6])
            order = [wanted[str(label)] for label in case.view.coordinates["frequency"]]
        else:
            powers = [pow(3, k, n) for k in range(n - 1)] if name in ("multiply", "divide") else range(n)
            order = _cyclic_spectrum(table[list(powers)])
        np.testing.assert_allclose(case.found[which], order, rtol=1e-4, err_msg=which)
        which_gini = {"embedding_norm": "gini_embedding", "neuron_logit_norm": "gini_neuron_logit"}[which]
        np.testing.assert_allclose(case.found[which_gini], pairwise_gini(np.array(order)), rtol=1e-4, atol=1e-6)


def _cyclic_spectrum(table: np.ndarray) -> list[float]:
    """Norm of the part of each column that is a cosine or a sine of frequency k, by numpy's FFT."""
    order = len(table)
    powers = (np.abs(np.fft.fft(table, axis=0)) ** 2).sum(1) / order
    return [float(np.sqrt(powers[k] + (powers[-k] if 2 * k != order else 0))) for k in range(1, order // 2 + 1)]


def _spectrum_of_s3(table: np.ndarray) -> dict[str, float]:
    """What is left of the columns after the constant and the sign belongs to the two-dimensional irrep."""
    sign = np.array([1, -1, -1, 1, 1, -1])  # Permutations of three things in lexicographic order.
    constant, alternating = (np.outer(f, f @ table) / 6 for f in (np.ones(6), sign))
    return {
        "(1,1,1)": float(np.linalg.norm(alternating)),
        "(2,1)": float(np.linalg.norm(table - constant - alternating)),
    }


def pairwise_gini(values: np.ndarray) -> float:
    """Half the mean absolute difference over the mean: sum over i, j of |x_i - x_j| / (2 n^2 mean)."""
    return float(sum(abs(x - y) for x in values for y in values) / (2 * len(values) ** 2 * values.mean()))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(hnp.arrays(np.float32, 6, elements=st.floats(0.0625, 1000, width=32)))
def test_hurley_and_rickards_gini_is_half_the_relative_mean_difference(values: np.ndarray) -> None:
    assert float(gini(jnp.asarray(values))) == pytest.approx(pairwise_gini(values.astype(float)), abs=2e-6)


def test_gini_at_its_ends() -> None:
    assert float(gini(jnp.full(8, 3.0))) == pytest.approx(0, abs=1e-6)
    assert float(gini(jnp.zeros(8).at[5].set(2.0))) == pytest.approx(7 / 8)
