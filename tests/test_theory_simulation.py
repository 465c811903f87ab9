"""Two circuits in competition: gradients against autodiff, steps against a literal loop, ends against theorem D.4."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.settings import Settings
from groklab.theory import Circuits, Efficiency, Speeds, closed_ratio, entropy, phases, recorded_steps, simulate
from groklab.theory.phases import optimum
from groklab.theory.presets import CONVERGED, FIGURE_2, all_ingredients
from groklab.theory.settings import Normalisation

NORMALISATIONS: tuple[Normalisation, ...] = ("alpha", "alpha/2")


def literal(one: Circuits, steps: int) -> list[list[float]]:
    """Appendix C word for word, for kappa < 2 and positive weights: the factors after every step."""
    e, s = one.efficiency, one.speeds
    factor = e.alpha / (2 if e.normalisation == "alpha/2" else 1)
    g1, g2, m1, m2 = s.gen_first, s.gen_second, s.mem_first, s.mem_second
    path = [[g1, g2, m1, m2]]
    for _ in range(steps):
        g, m = g1 * g2, m1 * m2
        right = math.exp(g + m) / (math.exp(g + m) + one.classes - 1)
        by_g = right - 1 + factor * e.gen_norm**2 * 2 / e.kappa * g ** (2 / e.kappa - 1)
        by_m = right - 1 + factor * e.mem_norm**2 * 2 / e.kappa * m ** (2 / e.kappa - 1)
        g1, g2 = g1 - s.learning_rate * by_g * g2, g2 - s.learning_rate * by_g * g1
        m1, m2 = m1 - s.learning_rate * by_m * m2, m2 - s.learning_rate * by_m * m1
        path.append([g1, g2, m1, m2])
    return path


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_every_step_is_the_papers(normalisation: Normalisation) -> None:
    ones = [
        Circuits().replace({"normalisation": normalisation}),
        Circuits().replace(
            {"normalisation": normalisation, "gen_norm": 3.0, "kappa": 0.7, "classes": 10, "alpha": 0.1}
        ),
    ]
    found = simulate(ones, range(1501))
    for n, one in enumerate(ones):
        np.testing.assert_allclose(found.factors[n], literal(one, 1500), rtol=1e-9, atol=1e-15)
    few = simulate(ones, [3, 700, 1500])
    np.testing.assert_array_equal(few.factors, found.factors[:, [3, 700, 1500]])


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    factors=st.lists(st.floats(0.05, 2.5) | st.floats(-2.5, -0.05), min_size=4, max_size=4),
    kappa=st.floats(0.3, 6) | st.just(2.0),
    gen_norm=st.floats(0.1, 4),
    alpha=st.floats(0, 0.5),
    normalisation=st.sampled_from(NORMALISATIONS),
)
def test_a_step_goes_down_the_gradient_of_loss_and_penalty(
    factors: list[float], kappa: float, gen_norm: float, alpha: float, normalisation: Normalisation
) -> None:
    one = Circuits(
        efficiency=Efficiency(kappa=kappa, gen_norm=gen_norm, alpha=alpha, normalisation=normalisation),
        speeds=Speeds(
            gen_first=factors[0], gen_second=factors[1], mem_first=factors[2], mem_second=factors[3], learning_rate=1e-4
        ),
    )

    def objective(w: jax.Array) -> jax.Array:
        e, gen, mem = one.efficiency, w[0] * w[1], w[2] * w[3]
        s2 = e.rounding**2
        cost = sum(p**2 * ((v * v + s2) ** (1 / kappa)) for p, v in ((e.gen_norm, gen), (e.mem_norm, mem)))
        return jnp.log1p((one.classes - 1) * jnp.exp(-gen - mem)) + e.factor * cost

    with jax.enable_x64(True):
        gradient = np.asarray(jax.grad(objective)(jnp.asarray(factors, jnp.float64)))
    found = simulate([one], [0, 1])
    moved = (found.factors[0, 0] - found.factors[0, 1]) / 1e-4
    np.testing.assert_allclose(moved, gradient, rtol=1e-7, atol=1e-9)


def test_the_penalty_is_what_descent_goes_down() -> None:
    """Train loss + penalty of the result, by finite differences in each factor."""
    starts = np.array([0.7, 1.3, -0.4, 0.9])
    for kappa in (0.8, 1.7, 2.0, 3.5):

        def total(at: np.ndarray, kappa: float = kappa) -> tuple[float, np.ndarray]:
            names = ("gen_first", "gen_second", "mem_first", "mem_second")
            one = Circuits().replace({"kappa": kappa} | {name: float(w) for name, w in zip(names, at, strict=True)})
            found = simulate([one], [0, 1])
            moved = (found.factors[0, 0] - found.factors[0, 1]) / one.speeds.learning_rate
            return float(found.train_loss[0, 0] + found.penalty[0, 0]), moved

        slopes = [(total(starts + h)[0] - total(starts - h)[0]) / 2e-5 for h in 1e-5 * np.eye(4)]
        np.testing.assert_allclose(total(starts)[1], slopes, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("panel", FIGURE_2)
def test_descent_comes_to_rest_at_the_optimum(panel: str, normalisation: Normalisation) -> None:
    one = FIGURE_2[panel][1](normalisation)
    found = simulate([one], [CONVERGED])
    np.testing.assert_allclose([found.gen[0, 0], found.mem[0, 0]], optimum(one), rtol=1e-9)
    wanted = closed_ratio(one.efficiency.gen_norm, one.efficiency.mem_norm, one.efficiency.kappa)
    assert wanted == pytest.approx(1 / 8 if panel == "b" else 8, rel=1e-12)
    assert found.gen[0, 0] / found.mem[0, 0] == pytest.approx(wanted, rel=1e-6)


def test_losses_are_those_of_logits() -> None:
    """A row of logits for train, one for test, and a softmax with 50 digits; also where losses are 1e-30 or 1e3."""
    for gen, mem in ((0.0, 0.0), (2.0, 3.0), (70.0, 3.0), (-4.0, 2.0), (3.0, 900.0), (-800.0, -900.0), (800.0, -2.0)):
        for classes in (3, 113):
            train = [gen + mem, *[0.0] * (classes - 1)]
            test = [gen, mem, *[0.0] * (classes - 2)]
            sizes = (np.array(gen), np.array(mem), np.array(classes))
            ours = (entropy.train_loss(sizes[0] + sizes[1], sizes[2]), entropy.test_loss(*sizes))
            for row, loss in zip((train, test), ours, strict=True):
                with mpmath.workdps(800):
                    exact = mpmath.log(mpmath.fsum(mpmath.exp(v) for v in row)) - row[0]
                assert float(loss) == pytest.approx(float(exact), rel=1e-12)


def test_accuracies_and_flips() -> None:
    found = simulate([all_ingredients()], range(6001))
    assert found.train_accuracy[0, 0] == 0
    assert found.train_flip[0] == 1
    flip = int(found.test_flip[0])
    assert found.gen[0, flip] > found.mem[0, flip]
    assert found.gen[0, flip - 1] <= found.mem[0, flip - 1]
    assert not found.test_accuracy[0, :flip].any()
    assert found.test_accuracy[0, flip:].all()
    assert found.train_accuracy[0, 1:].all()


def test_what_is_singular() -> None:
    """From kappa = 2 on the slope at 0 is 0, bounded beside it, odd, and the penalty is even."""
    for kappa in (2.0, 2.5, 6.0):
        one = all_ingredients().replace({"kappa": kappa, "alpha": 1.0})
        for weight in (0.0, 1e-12, 1e-4, 0.1):
            moved = []
            for sign in (1, -1):
                at = one.replace({"gen_first": 0.0, "gen_second": 0.0, "mem_first": sign * weight, "mem_second": 1.0})
                found = simulate([at], [0, 1])
                missing = 112 * math.exp(-sign * weight) / (112 * math.exp(-sign * weight) + 1)
                moved.append((found.factors[0, 0, 2] - found.factors[0, 1, 2]) / 0.01 + missing)
                assert found.penalty[0, 0] == pytest.approx(
                    4 * ((weight**2 + 1e-6) ** (1 / kappa) - 1e-6 ** (1 / kappa)), abs=1e-12
                )
            assert moved[0] == pytest.approx(-moved[1], rel=1e-6, abs=1e-9)
            assert abs(moved[0]) <= 4 * 2 / kappa * 1e-3 ** (2 / kappa - 1)
    assert np.isfinite(simulate([all_ingredients().replace({"kappa": 6.0})], [50_000]).factors).all()


def test_with_kappa_above_two_memorisation_can_be_a_trap() -> None:
    """The optimum is Gen alone, yet a Gen that is small when Mem has memorised never grows: no weight is a minimum."""
    stuck = all_ingredients().replace({"kappa": 3.0, "gen_second": 0.01, "gen_norm": 1.6})
    assert optimum(stuck)[1] == 0
    assert optimum(stuck)[0] > 5
    # At kappa = 2 there is no such barrier.
    free = stuck.replace({"kappa": 2.0})
    found = phases([stuck, free], 100_000)
    assert found.phase == ("stuck", "groks")


def test_phases_by_hand() -> None:
    base = all_ingredients()
    ones = {
        "groks": base,
        "at once": base.replace({"gen_second": 1.0}),
        "never": base.replace({"gen_norm": 4.0}),
        "too slow": base.replace({"kappa": 1.99, "gen_norm": 1.95}),
        "half way": base.replace({"gen_norm": 2.5, "gen_second": 1.0}),
        "does not learn": base.replace({"alpha": 5.0}),
        "diverges": base.replace({"kappa": 0.02, "alpha": 10.0, "learning_rate": 1.0}),
    }
    found = phases(list(ones.values()), 20_000)
    assert found.phase == tuple(ones)
    assert found.count("groks") == 1
    assert found.delay[0] > 10
    assert found.delay[1] < 2
    assert np.isnan(found.delay[2])


def test_a_diverged_setting_is_left_alone_and_the_others_are_not() -> None:
    wild = all_ingredients().replace({"kappa": 0.02, "alpha": 10.0, "learning_rate": 1.0})
    found = simulate([wild, all_ingredients()], [0, 1, 1000])
    assert found.diverged.tolist() == [True, False]
    assert np.isnan([found.train_loss[0, -1], found.test_accuracy[0, -1], found.penalty[0, -1]]).all()
    np.testing.assert_array_equal(found.factors[1], simulate([all_ingredients()], [0, 1, 1000]).factors[0])


def test_recorded_steps_rise_from_0() -> None:
    steps = recorded_steps(1000, 50)
    assert steps[0] == 0
    assert steps[-1] == 1000
    assert (np.diff(steps) > 0).all()


def test_settings_come_back_from_json() -> None:
    one = all_ingredients("alpha/2").replace({"kappa": 3.0})
    assert Settings.from_json(one.to_json()) == one
    assert one.efficiency.factor == 0.0025


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kappa": 0.0}, "kappa must be positive"),
        ({"gen_norm": -1.0}, "gen_norm must be positive"),
        ({"alpha": -0.1}, "alpha must not be negative"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"classes": 2}, "classes must be at least 3"),
        ({"kappa": 3.0, "smoothing": 0.0}, "needs a smoothing above 0"),
        ({"normalisation": "beta"}, "one of alpha, alpha/2"),
        ({"kapa": 1.0}, "did you mean kappa"),
    ],
)
def test_settings_that_cannot_be(change: dict[str, object], said: str) -> None:
    with pytest.raises(Mistake, match=said):
        Circuits().replace(change)


@pytest.mark.parametrize("steps", [[], [-1, 2], [3, 3], [2, 1], [10**10]])
def test_steps_that_cannot_be(steps: list[int]) -> None:
    with pytest.raises(Mistake, match="recorded steps must rise"):
        simulate([Circuits()], steps)


def test_nothing_to_simulate() -> None:
    with pytest.raises(Mistake, match="no setting"):
        simulate([], [0, 1])
