"""Theorem D.4: the closed form against a numerical minimiser, a brute search and hand-made instances."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.theory import Problem, allocate, closed_ratio, minimise
from groklab.theory.trials import contest

NORM = st.floats(-2, 2).map(lambda x: 10**x)
PROBLEMS = st.builds(
    Problem,
    norms=st.lists(NORM, min_size=1, max_size=4).map(tuple),
    kappa=st.floats(0.3, 6) | st.floats(1.9, 2.1) | st.just(2.0),
    alpha=st.floats(-4, 2).map(lambda x: 10**x),
    q=st.sampled_from([1.0, 2.0, 3.5]),
    classes=st.sampled_from([2, 10, 113]),
)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(problem=PROBLEMS)
def test_nothing_beats_the_closed_form(problem: Problem) -> None:
    best = allocate(problem)
    found = minimise(problem, starts=6)
    assert best.objective <= found.objective + 1e-9
    generator = np.random.default_rng(0)
    for _ in range(200):
        other = best.total * generator.uniform(0, 2) * generator.dirichlet(np.ones(len(problem.norms)))
        assert best.objective <= problem.objective(other) + 1e-12
        near = best.weights * generator.uniform(0.9, 1.1, len(problem.norms)) + generator.uniform(0, 1e-3)
        assert best.objective <= problem.objective(near) + 1e-12


def test_the_numerical_minimiser_gets_there() -> None:
    found = contest(60, seed=1)
    assert found.beaten < 1e-9
    assert found.agree >= 58
    assert found.alike >= 58 - found.zero
    assert found.one > 10


@settings(deadline=None, max_examples=40, derandomize=True)
@given(problem=PROBLEMS)
def test_the_slope_at_the_optimum(problem: Problem) -> None:
    """Where a weight is above 0 and can be represented, more of it neither lowers nor raises the objective."""
    best = allocate(problem)
    for i, w in enumerate(best.weights):
        if w > 1e-6:
            wrong = 1 / (1 + math.exp(best.total) / (problem.classes - 1))
            up = problem.alpha / problem.kappa * problem.norms[i] ** problem.q * w ** (problem.q / problem.kappa - 1)
            assert up == pytest.approx(wrong, rel=1e-6)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(problem=PROBLEMS.filter(lambda p: p.kappa < p.q - 0.05))
def test_shares_follow_the_power_law(problem: Problem) -> None:
    best = allocate(problem)
    exponent = -problem.q * problem.kappa / (problem.q - problem.kappa)
    powers = np.array(problem.norms) ** exponent
    np.testing.assert_allclose(best.weights, best.total * powers / powers.sum(), rtol=1e-9)
    # Near kappa = q the total may lie below what a float holds beside 1.
    assert best.total > 0 or problem.kappa > 0.75 * problem.q
    assert best.tied == ()


def test_a_weight_solved_by_hand() -> None:
    """At kappa = q, 1 / (1 + e^S / (C - 1)) = alpha P^q / q: with a right side of 1/2, e^S = C - 1."""
    best = allocate(Problem(norms=(3.0, 1.0), kappa=2, alpha=1.0, classes=113))
    np.testing.assert_allclose(best.weights, [0, math.log(112)])
    assert best.tied == (1,)
    assert allocate(Problem(norms=(1.0,), kappa=2, alpha=2.0)).total == 0


def test_ties_are_named_and_each_is_a_minimum() -> None:
    for kappa in (2.0, 3.0):
        problem = Problem(norms=(1.0, 2.0, 1.0), kappa=kappa, alpha=0.01)
        best = allocate(problem)
        assert best.tied == (0, 2)
        assert sorted(best.weights) == [0, 0, best.total]
        for winner in best.tied:
            assert problem.objective(best.total * np.eye(3)[winner]) == pytest.approx(best.objective, abs=1e-15)
        mixture = problem.objective(best.total * np.array([0.5, 0, 0.5]))
        if kappa == 2:
            assert mixture == pytest.approx(best.objective, abs=1e-12)
        else:
            assert mixture > best.objective + 1e-3


def test_above_q_no_weight_wins_when_decay_is_strong_and_is_a_local_minimum_before() -> None:
    """The global minimum jumps: against a fine search over the total of one circuit."""
    totals = np.linspace(0, 30, 300_001)
    jumps: list[bool] = []
    for alpha in np.geomspace(0.05, 6, 30):
        problem = Problem(norms=(1.0,), kappa=4.0, alpha=float(alpha))
        searched = np.logaddexp(0, math.log(112) - totals) + alpha / 2 * np.sqrt(totals)
        best = allocate(problem)
        assert best.objective == pytest.approx(searched.min(), abs=1e-8)
        assert best.total == pytest.approx(totals[searched.argmin()], abs=1e-3)
        assert problem.objective([1e-9]) > problem.objective([0.0])
        jumps.append(best.total == 0)
    assert jumps == sorted(jumps)
    assert any(jumps)
    assert not all(jumps)


def test_the_ratio_in_closed_form() -> None:
    assert closed_ratio(1, 2, 1.2) == pytest.approx(8)
    assert closed_ratio(4, 2, 1.2) == pytest.approx(1 / 8)
    assert closed_ratio(1, 2, 2) == math.inf
    assert closed_ratio(2, 1, 3) == 0
    assert math.isnan(closed_ratio(1, 1, 3))
    assert closed_ratio(1, 3, 1, q=4) == pytest.approx(3 ** (4 / 3))


def test_extremes_do_not_break_it() -> None:
    for kappa in (0.01, 1.999999, 2.000001, 50.0):
        for norms in ((1e-8, 1e8), (1e-3, 1.0, 1.0 + 1e-12)):
            best = allocate(Problem(norms=norms, kappa=kappa, alpha=0.01))
            assert np.isfinite(best.weights).all()
            assert best.objective <= math.log(113) + 1e-12


@pytest.mark.parametrize(
    "wrong",
    [{"norms": ()}, {"norms": (0.0,)}, {"kappa": -1.0}, {"alpha": 0.0}, {"q": math.inf}, {"classes": 1}],
)
def test_problems_that_cannot_be(wrong: dict[str, object]) -> None:
    given_ = {"norms": (1.0,), "kappa": 1.0, "alpha": 0.1} | wrong
    with pytest.raises(Mistake, match="above 0"):
        Problem(**given_)  # type: ignore[arg-type]
