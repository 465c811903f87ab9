"""Saturated samples: where float32 cannot tell a label's probability from 1."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.losses import log_softmax_loss
from groklab.measures import Labels, View
from groklab.measures.saturation import saturated_share
from groklab.models import TransformerSettings, skeleton
from groklab.tasks import Task, parse_task

TASK = Task.of(parse_task("add:5"))
MODEL: Any = skeleton(TransformerSettings(d_model=4, heads=1, d_mlp=4), TASK.vocabulary, TASK.length)


def share(logits: np.ndarray, train: np.ndarray) -> float:
    """The measure for logits that are given instead of a network's."""
    data = Labels(labels=jnp.asarray(TASK.answers), train=jnp.asarray(train), test=jnp.asarray(~train))
    view = View(MODEL, TASK, data)
    view.logits = jnp.asarray(logits, jnp.float32)
    return float(saturated_share.compute(view))


def drawn(seed: int, lead: float) -> np.ndarray:
    """Logits of which the labels are ahead by about `lead`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(TASK.pairs, 6)).astype(np.float32)
    logits[np.arange(TASK.pairs), TASK.answers] += rng.normal(lead, 3, TASK.pairs).astype(np.float32)
    return logits


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.floats(12, 22))
def test_it_counts_where_the_others_do_not_change_a_one(seed: int, lead: float) -> None:
    logits, train = drawn(seed, lead), np.random.default_rng(seed).random(TASK.pairs) < 0.5
    train[0] = True
    own = logits[np.arange(TASK.pairs), TASK.answers].astype(np.float64)
    ratios = np.exp(logits.astype(np.float64) - own[:, None])
    ratios[np.arange(TASK.pairs), TASK.answers] = 0
    rest = ratios.sum(axis=1)
    # Within rounding of the edge either answer will do.
    sure = [np.float32(1) + np.float32(rest * factor) == np.float32(1) for factor in (1 - 1e-5, 1 + 1e-5)]
    low, high = sorted(float(np.mean(one[train])) for one in sure)
    assert low - 1e-6 <= share(logits, train) <= high + 1e-6


@pytest.mark.parametrize(("lead", "wanted"), [(10.0, 0.0), (16.0, 0.0), (20.0, 1.0), (100.0, 1.0)])
def test_the_usual_loss_is_0_there_and_nowhere_else(lead: float, wanted: float) -> None:
    logits = np.zeros((TASK.pairs, 6), np.float32)
    logits[np.arange(TASK.pairs), TASK.answers] = lead
    usual = np.asarray(log_softmax_loss(jnp.asarray(logits), jnp.asarray(TASK.answers)))
    assert np.mean(usual == 0) == wanted == share(logits, np.ones(TASK.pairs, bool))


def test_only_train_pairs_count_and_wrong_answers_are_never_certain() -> None:
    logits = np.zeros((TASK.pairs, 6), np.float32)
    logits[np.arange(TASK.pairs), TASK.answers] = 50
    train = np.arange(TASK.pairs) < 10
    logits[:4, 0] += 200
    wrong = np.sum(TASK.answers[:4] != 0)
    assert share(logits, train) == pytest.approx(1 - wrong / 10)
    assert np.isnan(share(logits, np.zeros(TASK.pairs, bool)))
