"""Theorem D.1 on random classifiers, on networks written by hand, and where float64 cannot show it."""

import math

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.models import Inputs, answer_logits
from groklab.models.closed_form import lookup_network, quadratic_network
from groklab.theory import scale
from groklab.theory.trials import random_scalings


def exact(logits: np.ndarray, labels: np.ndarray, c: float) -> mpmath.mpf:
    """Mean cross-entropy of c h with very many digits."""
    with mpmath.workdps(60):
        rows = [
            mpmath.log1p(
                mpmath.fsum(mpmath.exp(-mpmath.mpf(c) * (mpmath.mpf(row[y]) - v)) for j, v in enumerate(row) if j != y)
            )
            for row, y in zip(logits.tolist(), labels.tolist(), strict=True)
        ]
        return mpmath.fsum(rows) / len(rows)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    examples=st.integers(1, 8),
    classes=st.integers(2, 9),
    spread=st.floats(-6, 3),
    more=st.floats(-15, 1),
)
def test_a_right_classifier_always_gains(seed: int, examples: int, classes: int, spread: float, more: float) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, examples)
    logits = generator.normal(size=(examples, classes)) * 10**spread
    rows = np.arange(examples)
    logits[rows, labels] = logits.max(axis=1) + 10**spread * generator.uniform(0.01, 1, examples)
    c = 1 + 10**more
    found = scale(logits, labels, [1.0, c, 2 * c])
    assert found.premise
    assert found.least_margin > 0
    assert found.lower[1:].all()
    assert found.falls[0] == 0
    assert exact(logits, labels, c) < exact(logits, labels, 1.0)
    assert found.losses[1] == pytest.approx(float(exact(logits, labels, c)), rel=1e-9, abs=1e-300)
    # log S falls at least by (c - 1) times the least margin.
    assert found.falls[1] >= (c - 1) * found.least_margin * (1 - 1e-9)


def test_where_float64_has_one_number_for_both_losses() -> None:
    tiny = scale(np.array([[1000.0, 0.0, -5.0]]), np.array([0]), [1.0, 1.5])
    assert tiny.losses.tolist() == [0.0, 0.0]
    assert tiny.lower[1]
    assert tiny.falls[1] == pytest.approx(500 + math.log1p(math.exp(-5)) - math.log1p(math.exp(-7.5)), rel=1e-14)
    near = scale(np.array([[1e-6, 0.0]]), np.array([0]), [1.0, 1 + 2**-50])
    assert near.losses[0] == near.losses[1]
    assert near.lower[1]
    assert near.falls[1] == pytest.approx(1e-6 * 2**-50)


def test_a_wrong_classifier_need_not_gain() -> None:
    found = scale(np.array([[0.0, 1.0], [5.0, 0.0]]), np.array([0, 0]), [1.0, 2.0, 0.5])
    assert not found.premise
    assert not found.lower.any()
    assert found.losses[1] > found.losses[0]
    means = [np.mean([math.log1p(math.exp(c)), math.log1p(math.exp(-5 * c))]) for c in (1, 2, 0.5)]
    np.testing.assert_allclose(found.losses, means, rtol=1e-12)


def test_a_tie_is_outside_the_premise() -> None:
    found = scale(np.zeros((2, 3)), np.array([0, 1]), [2.0])
    assert not found.premise
    assert found.falls.tolist() == [0.0]
    np.testing.assert_allclose(found.losses, math.log(3))


def test_on_networks_that_are_right_everywhere() -> None:
    a, b = (side.ravel() for side in np.meshgrid(np.arange(7), np.arange(7), indexing="ij"))
    labels = (a + b) % 7
    inputs = Inputs(jnp.asarray(a), jnp.asarray(b), (-1, -1, 7))
    logits = np.zeros((49, 7))
    for network in (
        quadratic_network(7, {1: 2.0, 3: 1.0}),
        lookup_network(a, b, labels, 7, logit=5.0),
    ):
        logits = np.asarray(answer_logits(network, inputs), float)[:, :7]
        found = scale(logits, labels, [1.0, 1.001, 2.0, 10.0])
        assert found.premise
        assert found.lower.tolist() == [False, True, True, True]
        assert (np.diff(found.losses) < 0).all()
    # Trained labels that the network does not have: no premise, and a loss that grows in the end.
    wrong = scale(logits, (labels + 1) % 7, [1.0, 10.0])
    assert not wrong.premise
    assert wrong.losses[1] > wrong.losses[0]


def test_random_scalings_count_what_they_say() -> None:
    found = random_scalings(50, seed=3)
    assert found.lower == found.classifiers == 50
    assert found.visible < 50


@pytest.mark.parametrize(
    ("logits", "labels", "factors", "said"),
    [
        ([[1.0, math.inf]], [0], [2.0], "logits must be finite"),
        ([[1.0]], [0], [2.0], "logits must be finite"),
        ([[1.0, 0.0]], [2], [2.0], "labels must be 1 numbers from 0 to 1"),
        ([[1.0, 0.0]], [0, 1], [2.0], "labels must be"),
        ([[1.0, 0.0]], [0], [0.0], "factors must be finite and positive"),
        ([[1.0, 0.0]], [0], [], "factors must be"),
    ],
)
def test_what_cannot_be_scaled(logits: list[list[float]], labels: list[int], factors: list[float], said: str) -> None:
    with pytest.raises(Mistake, match=said):
        scale(np.array(logits), np.array(labels), factors)
