"""Langevin chains where the learning coefficient is known: paraboloids, quartics, crossing valleys, a regression."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from groklab.errors import Mistake
from groklab.measures import Langevin
from groklab.measures.langevin import own_bits, sampled_losses

LONG = Langevin(chains=16, burn_in=400, draws=3000, step_size=4e-4, pull=0.0)


def coefficients(
    loss: Callable[..., Any], weights: int, strength: float, settings: Langevin, start: Any = None, seed: int = 0
) -> np.ndarray:
    """The learning coefficient by each chain, around 0 where no start is given."""
    start = jnp.zeros(weights) if start is None else jnp.asarray(start, jnp.float32)
    program = jax.jit(lambda key: sampled_losses(loss, start, strength, settings, key=key))
    losses = np.asarray(program(jax.random.key(seed)), np.float64)
    assert losses.shape == (settings.chains, settings.draws)
    return strength * losses.mean(axis=1)


def close(found: np.ndarray, wanted: float, bias: float = 0.0) -> bool:
    """Whether a mean over chains is within four standard errors, which are small themselves."""
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert error < 0.05 * wanted
    return bool(abs(found.mean() - wanted) < 4 * error + bias)


@pytest.mark.parametrize("pull", [0.0, 50.0])
def test_a_paraboloid_has_half_its_weights_but_for_what_the_pull_holds(pull: float) -> None:
    curvature, strength = np.array([0.5, 1.0, 2.0, 0.5, 1.0, 2.0]), 100.0
    settings = replace(LONG, pull=pull)
    found = coefficients(lambda w, key: 0.5 * jnp.sum(curvature * w**2), 6, strength, settings)
    held = strength * curvature + pull
    # The variance of a chain with steps of this size: one over `held` for steps of none.
    wanted = np.sum(0.5 * strength * curvature / held / (1 - settings.step_size * held / 4))
    assert close(found, wanted)
    assert wanted == pytest.approx(3, rel=0.02) if not pull else wanted < 2.3


def test_weights_that_do_nothing_do_not_count() -> None:
    found = coefficients(lambda w, key: 0.5 * (w[0] + w[1] + w[2]) ** 2, 5, 100.0, replace(LONG, pull=1.0))
    assert close(found, 0.5, bias=0.02)


def test_a_quartic_has_a_quarter_of_its_weights() -> None:
    found = coefficients(lambda w, key: jnp.sum(w**4), 4, 100.0, replace(LONG, step_size=1e-3))
    assert close(found, 1.0, bias=0.02)


def test_crossing_valleys_have_less_than_half_a_weight() -> None:
    """(w_1 w_2)^2: one half in the limit, reached like one over a logarithm; at this strength it is an integral."""
    strength, pull = 10.0, 1.0

    def over_w_1(power: float, factor: Callable[[float], float]) -> float:
        # The integral over w_2 is one of a Gaussian.
        return quad(lambda w: factor(w) * np.exp(-pull * w**2 / 2) * (1 + 2 * strength * w**2 / pull) ** power, -9, 9)[
            0
        ]

    wanted = strength * over_w_1(-1.5, lambda w: w**2 / pull) / over_w_1(-0.5, lambda w: 1.0)
    settings = Langevin(chains=48, burn_in=2000, draws=5000, step_size=4e-3, pull=pull)
    found = coefficients(lambda w, key: (w[0] * w[1]) ** 2, 2, strength, settings)
    assert 0.2 < wanted < 0.5
    assert close(found, wanted, bias=0.01)


def test_minibatches_of_a_regression() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 4))
    answers = inputs @ rng.normal(size=4) + rng.normal(size=400)
    best, squares, *_ = np.linalg.lstsq(inputs, answers)
    x, y = jnp.asarray(inputs), jnp.asarray(answers)

    def loss(w: Any, key: Any) -> Any:
        rows = jax.random.randint(key, (50,), 0, 400)
        return 0.5 * jnp.mean((y[rows] - x[rows] @ w) ** 2)

    strength = 400 / np.log(400)
    found = coefficients(loss, 4, strength, replace(LONG, step_size=5e-4), best) - strength * squares[0] / 800
    assert close(found, 2.0, bias=0.1)


def test_the_spread_of_the_chains_is_the_error() -> None:
    settings = Langevin(chains=4, burn_in=100, draws=100, step_size=1e-3, pull=0.0)

    def loss(w: Any, key: Any) -> Any:
        return 0.5 * jnp.sum(w**2)

    every = jax.jit(jax.vmap(lambda key: sampled_losses(loss, jnp.zeros(6), 100.0, settings, key=key)))
    found = 100 * np.asarray(every(jax.random.split(jax.random.key(1), 100))).mean(axis=2)
    errors = found.std(axis=1, ddof=1) / 2
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(found.mean(axis=1).std(ddof=1), rel=0.25)


def test_a_chain_that_runs_away_says_so() -> None:
    found = coefficients(lambda w, key: jnp.sum(w**4), 2, 1e6, replace(LONG, chains=2, draws=50, step_size=1.0))
    assert not np.isfinite(found).any()


def test_what_is_drawn_depends_on_every_bit() -> None:
    weights = np.linspace(-1, 1, 9, dtype=np.float32)
    others = [weights.copy() for _ in range(3)]
    others[1][4] = 1e-40
    others[2][8] = np.nextafter(weights[8], np.float32(2))
    same, *different = (int(own_bits(jnp.asarray(one))) for one in others)
    assert same == int(own_bits(jnp.asarray(weights)))
    assert len({same, *different}) == 3
    words = np.sum(weights.view(np.uint32), dtype=np.uint64)
    assert same == int(words % 2**32)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chains": 0}, "at least 1 chain"),
        ({"draws": 0}, "at least 1 chain"),
        ({"burn_in": -1}, "no negative burn-in"),
        ({"step_size": 0.0}, "a step_size above 0"),
        ({"pull": -1.0}, "a pull of 0 or more"),
        ({"pull": float("nan")}, "a pull of 0 or more"),
    ],
)
def test_settings_that_are_none(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(Mistake, match=said):
        Langevin(**wrong)
