"""The optimisers against the textbook's, in numpy and float64, over twenty steps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from groklab.training import OptimiserSettings
from groklab.training.optimisers import optimiser, rate

STEPS = 20


def share_of(step: int, warmup: int, cooldown: int) -> float:
    up = (step + 1) / warmup if step + 1 < warmup else 1.0
    down = (STEPS - step) / cooldown if STEPS - step < cooldown else 1.0
    return min(up, down)


def textbook(settings: OptimiserSettings, start: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Weights after each step: Loshchilov and Hutter 2019, algorithm 2; Kingma and Ba 2015; heavy-ball SGD; RMSProp,
    Adagrad (Duchi et al. 2011), Lion (Chen et al. 2023, algorithm 2)."""
    w, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    out = []
    for t, g in enumerate(gradients, start=1):
        lr = settings.learning_rate * share_of(t - 1, settings.warmup, settings.cooldown)
        if settings.name not in ("adamw", "lion"):
            g = g + settings.weight_decay * w
        if settings.name == "sgd":
            m = settings.momentum * m + g
            w = w - lr * m
        elif settings.name == "rmsprop":
            v = settings.beta2 * v + (1 - settings.beta2) * g**2
            w = w - lr * g / (np.sqrt(v) + settings.eps)
        elif settings.name == "adagrad":
            v = v + g**2
            w = w - lr * g / np.sqrt(v + settings.eps)
        elif settings.name == "lion":
            direction = np.sign(settings.beta1 * m + (1 - settings.beta1) * g)
            m = settings.beta2 * m + (1 - settings.beta2) * g
            w = w - lr * (direction + settings.weight_decay * w)
        else:
            m = settings.beta1 * m + (1 - settings.beta1) * g
            v = settings.beta2 * v + (1 - settings.beta2) * g**2
            direction = (m / (1 - settings.beta1**t)) / (np.sqrt(v / (1 - settings.beta2**t)) + settings.eps)
            decay = settings.weight_decay * w if settings.name == "adamw" else 0.0
            w = w - lr * (direction + decay)
        out.append(w)
    return np.array(out)


@pytest.mark.parametrize(("warmup", "cooldown"), [(0, 0), (10, 0), (5, 8), (15, 12)])
@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "rmsprop", "adagrad", "lion"])
def test_twenty_steps_are_the_textbooks(name: str, warmup: int, cooldown: int) -> None:
    settings = OptimiserSettings(
        name=name,  # type: ignore[arg-type]
        learning_rate=0.03,
        weight_decay=0.7,
        beta1=0.8,
        beta2=0.95,
        eps=1e-3,
        momentum=0.6,
        warmup=warmup,
        cooldown=cooldown,
    )
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=4), rng.normal(size=(STEPS, 4)) * [1e-3, 0.1, 1, 10]

    def one(carry, at):
        (w, state), (step, gradient) = carry, at
        share = rate(settings, STEPS, step)
        transform = optimiser(settings, settings.learning_rate * share, jnp.float32(settings.weight_decay))
        updates, state = transform.update(gradient, state, w)
        w = optax.apply_updates(w, updates)
        return (w, state), w

    w = jnp.asarray(start, jnp.float32)
    state = optimiser(settings, jnp.float32(0), jnp.float32(0)).init(w)
    _, found = jax.lax.scan(one, (w, state), (jnp.arange(STEPS), jnp.asarray(gradients, jnp.float32)))
    np.testing.assert_allclose(found, textbook(settings, start, gradients), rtol=2e-5, atol=1e-6)


def test_without_decay_adam_and_adamw_are_the_same_and_with_it_they_are_not() -> None:
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=3), rng.normal(size=(STEPS, 3))
    for decay, same in ((0.0, True), (1.0, False)):
        runs = [
            textbook(OptimiserSettings(name=name, weight_decay=decay, learning_rate=0.1), start, gradients)  # type: ignore[arg-type]
            for name in ("adam", "adamw")
        ]
        assert np.allclose(*runs) == same


@pytest.mark.parametrize(("warmup", "cooldown"), [(0, 0), (1, 1), (10, 0), (0, 7), (15, 12), (100, 0)])
def test_the_rate_rises_stays_and_falls(warmup: int, cooldown: int) -> None:
    settings = OptimiserSettings(warmup=warmup, cooldown=cooldown)
    found = np.array([float(rate(settings, STEPS, jnp.int32(step))) for step in range(STEPS + 1)])
    np.testing.assert_allclose(found[:STEPS], [share_of(step, warmup, cooldown) for step in range(STEPS)], rtol=1e-6)
    if warmup:
        assert found[0] == pytest.approx(1 / warmup)
    if cooldown:
        assert found[STEPS] == 0


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_the_state_does_not_depend_on_the_rates(name: str) -> None:
    settings = OptimiserSettings(name=name)  # type: ignore[arg-type]
    states = [optimiser(settings, jnp.float32(x), jnp.float32(x)).init(jnp.ones(2)) for x in (0.0, 3.0)]
    assert eqx.tree_equal(*states)
