"""Both forms of cross-entropy and their gradients against fifty digits of mpmath."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from groklab.losses import log_softmax_loss, margin_loss, pair_loss

CLASSES = 5
SMALLEST = float(np.finfo(np.float32).tiny)


def _with_gradients(loss):
    """Losses (pair,) and their gradients (pair, class), each pair by itself, in one compiled call."""

    def both(logits, labels):
        losses, back = jax.vjp(lambda x: loss(x, labels), logits)
        return losses, back(jnp.ones_like(losses))[0]

    return jax.jit(both)


margin, usual = _with_gradients(margin_loss), _with_gradients(log_softmax_loss)


def exact(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same from the definition: log of the sum of exponentials minus the label's logit; p minus one-hot."""
    losses, gradients = [], []
    with mpmath.workdps(150):  # Losses of 1e-100 are differences of numbers near 1.
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            powers = [mpmath.exp(mpmath.mpf(x) - mpmath.mpf(row[label])) for x in row]
            total = mpmath.fsum(powers)
            losses.append(float(mpmath.log(total)))
            gradients.append([float(p / total - (c == label)) for c, p in enumerate(powers)])
    return np.array(losses), np.array(gradients)


def assert_close(found: np.ndarray, wanted: np.ndarray, rel: float = 1e-5) -> None:
    # A term that float32 cannot represent as a normal number may become 0, one for each other class.
    np.testing.assert_allclose(np.asarray(found, np.float64), wanted, rtol=rel, atol=(CLASSES - 1) * SMALLEST)


def rows_of_gaps(gaps: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A pair a gap: the label's logit stands that far above the largest other one (float32 logits)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=len(gaps))
    logits = rng.uniform(-6, 0, (len(gaps), CLASSES))
    pairs, best = np.arange(len(gaps)), (labels + 1) % CLASSES
    logits[pairs, best] = 0
    logits[pairs, labels] = gaps
    return logits.astype(np.float32), labels.astype(np.int32)


def test_the_margin_form_is_exact_at_every_gap() -> None:
    logits, labels = rows_of_gaps(np.linspace(-200, 200, 1601))
    losses, gradients = margin(logits, labels)
    wanted, slopes = exact(logits, labels)
    assert wanted.min() < 1e-80
    assert np.any((wanted > 0) & (wanted < 1e-35))
    assert_close(losses, wanted)
    # Rounding a gap of 200 to float32 alone moves its exponential by 1e-5.
    assert_close(gradients, slopes, rel=2e-5)
    inside = (wanted > 1e-32) & (wanted < 1e-20)
    assert np.count_nonzero(inside) > 10
    np.testing.assert_allclose(np.asarray(losses)[inside], wanted[inside], rtol=1e-5, atol=0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    hnp.arrays(np.float32, (3, CLASSES), elements=st.floats(-100, 100, width=32)),
    hnp.arrays(np.int32, 3, elements=st.integers(0, CLASSES - 1)),
    st.sampled_from([0.0, -1000.0, 1000.0]),
)
def test_the_margin_form_is_exact_at_any_logits(logits, labels, offset) -> None:
    logits = (logits + np.float32(offset)).astype(np.float32)
    losses, gradients = margin(logits, labels)
    wanted, slopes = exact(logits, labels)
    assert_close(losses, wanted)
    assert_close(gradients, slopes, rel=3e-5)


def test_of_two_classes_every_loss_that_float32_can_hold_is_right() -> None:
    gaps = np.linspace(60, 87, 200)
    logits = np.stack([gaps, 0 * gaps], axis=1).astype(np.float32)
    losses, gradients = margin(logits, np.zeros(200, np.int32))
    wanted, slopes = exact(logits, np.zeros(200, np.int32))
    assert wanted.min() < 2e-38
    np.testing.assert_allclose(losses, wanted, rtol=1e-5, atol=0)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-5, atol=0)


def test_ties_and_equal_logits() -> None:
    logits = np.zeros((2, CLASSES), np.float32)
    logits[1, :2] = 7
    losses, gradients = margin(logits, np.zeros(2, np.int32))
    wanted, slopes = exact(logits, np.zeros(2, np.int32))
    assert losses[0] == pytest.approx(np.log(CLASSES), rel=1e-6)
    assert_close(losses, wanted)
    assert_close(gradients, slopes)


def test_the_usual_form_is_the_same_function_at_small_gaps() -> None:
    logits, labels = rows_of_gaps(np.linspace(-200, 3, 200), seed=1)
    for found, wanted in zip(usual(logits, labels), margin(logits, labels), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-7)


def test_the_usual_form_cancels_at_large_gaps_as_float32_does() -> None:
    logits, labels = rows_of_gaps(np.linspace(20, 80, 100), seed=2)
    losses, gradients = usual(logits, labels)
    own = np.asarray(gradients)[np.arange(100), labels]
    assert np.all(np.asarray(losses) == 0)
    assert np.all(own == 0)
    wanted, slopes = exact(logits, labels)
    assert np.all(wanted > 0)
    # Its other gradients are right, so that those of one pair no longer add up to 0: the slingshots' cause.
    others = np.arange(CLASSES) != labels[:, None]
    np.testing.assert_allclose(np.asarray(gradients)[others], slopes[others], rtol=1e-4)
    assert np.all(np.asarray(gradients).sum(1) > 0)
    in_margin_form = np.asarray(margin(logits, labels)[1], np.float64)
    np.testing.assert_allclose(in_margin_form.sum(1) / in_margin_form.max(1), 0, atol=1e-6)


def test_what_is_not_finite_stays_visible() -> None:
    logits = np.zeros((4, CLASSES), np.float32)
    logits[np.arange(4), np.arange(4) % 2] = [np.nan, np.nan, -np.inf, np.inf]
    assert not np.any(np.isfinite(margin(logits, np.zeros(4, np.int32))[0]))


def test_forms_by_name() -> None:
    assert pair_loss("margin") is margin_loss
    assert pair_loss("log_softmax") is log_softmax_loss
