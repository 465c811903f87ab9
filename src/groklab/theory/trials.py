"""The theorems on random instances."""

from dataclasses import dataclass

import numpy as np

from groklab.theory.allocation import Problem, allocate
from groklab.theory.minimiser import minimise
from groklab.theory.scaling import scale


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Closed form against numerical minimiser."""

    instances: int
    """Random instances."""
    agree: int
    """Those whose minima differ by less than 1e-6 nats."""
    alike: int
    """Those of them whose best weights are not all 0, and differ by at most a thousandth of their total."""
    beaten: float
    """The most by which the numerical minimum lies below the closed form's, in nats; negative where it never does."""
    zero: int
    """Those whose best weights are all 0 by the closed form."""
    one: int
    """Those with kappa >= q."""


def random_problem(generator: np.random.Generator) -> Problem:
    """1 to 4 circuits, norms over two decades, kappa from 0.3 to 5 (a fifth of them within 0.05 of q), q = 2."""
    near = generator.uniform() < 0.2
    return Problem(
        norms=tuple(float(norm) for norm in 10 ** generator.uniform(-1, 1, generator.integers(1, 5))),
        kappa=float(generator.uniform(1.95, 2.05) if near else np.exp(generator.uniform(np.log(0.3), np.log(5)))),
        alpha=float(10 ** generator.uniform(-4, 1)),
    )


def contest(instances: int, seed: int = 0) -> Contest:
    """The allocation's two minimisers on random problems."""
    generator = np.random.default_rng(seed)
    problems = [random_problem(generator) for _ in range(instances)]
    exact = [allocate(problem) for problem in problems]
    found = [minimise(problem, seed=number) for number, problem in enumerate(problems)]
    both = list(zip(exact, found, strict=True))
    gaps = np.array([ours.objective - theirs.objective for ours, theirs in both])
    near = np.array([np.abs(ours.weights - theirs.weights).max() <= 1e-3 * ours.total for ours, theirs in both])
    agree, some = np.abs(gaps) < 1e-6, np.array([ours.total > 0 for ours in exact])
    return Contest(
        instances=instances,
        agree=int(np.sum(agree)),
        alike=int(np.sum(agree & some & near)),
        beaten=float(gaps.max()),
        zero=sum(ours.total == 0 for ours in exact),
        one=sum(problem.kappa >= problem.q for problem in problems),
    )


@dataclass(frozen=True, kw_only=True)
class Scalings:
    """Theorem D.1 on random classifiers."""

    classifiers: int
    """Random classifiers, right on every example."""
    lower: int
    """Those whose loss c > 1 lowers on every example."""
    visible: int
    """Those of them whose mean losses in float64 already differ."""


def random_scalings(classifiers: int, seed: int = 0) -> Scalings:
    """Up to 20 examples and 2 to 12 classes; margins from 1e-6 to 1e6, c - 1 from 1e-15 to 1."""
    generator = np.random.default_rng(seed)
    lower = visible = 0
    for _ in range(classifiers):
        examples, classes = generator.integers(1, 21), generator.integers(2, 13)
        labels = generator.integers(0, classes, examples)
        logits = -(10 ** generator.uniform(-6, 6, (examples, classes)))
        logits[np.arange(examples), labels] = 0
        found = scale(logits, labels, [1.0, 1 + float(10 ** generator.uniform(-15, 0))])
        lower += bool(found.premise and found.lower[1])
        visible += bool(found.losses[1] < found.losses[0])
    return Scalings(classifiers=classifiers, lower=lower, visible=visible)
