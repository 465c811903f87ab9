"""Where in the space of settings there is grokking: thousands of simulations told apart by one rule.

Times are the first recorded steps at which a loss is below half chance, log(C) / 2. A simulation

- groks: the test loss is at chance or above when the train loss falls below half chance, and falls there later;
- generalises at once: the test loss is below chance when the train loss falls below half chance, and falls there too;
- gets half way: the test loss falls there, but at the last step it is above half chance again, or the wrong answer's
  logit on test is as large as the right one's;
- is stuck: the optimum of theorem D.4 generalises, descent has come to rest elsewhere;
- is too slow: the optimum generalises, descent is still on the way at the last step;
- never generalises: the optimum does not;
- does not learn: the train loss never falls below half chance;
- diverges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.theory.allocation import Problem, allocate, closed_ratio
from groklab.theory.entropy import test_loss
from groklab.theory.settings import Circuits
from groklab.theory.simulation import Trajectories, recorded_steps, simulate

Phase = Literal["groks", "at once", "half way", "stuck", "too slow", "never", "does not learn", "diverges"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Phases:
    """What each simulation did."""

    settings: tuple[Circuits, ...]
    """The settings."""
    phase: tuple[Phase, ...]
    """By the rule above."""
    memorised: Int[np.ndarray, " setting"]
    """When the train loss was first below half chance; -1 never."""
    generalised: Int[np.ndarray, " setting"]
    """The same of the test loss."""

    @property
    def delay(self) -> Float[np.ndarray, " setting"]:
        """Time to generalise over time to memorise; NaN where either never came."""
        both = (self.memorised > 0) & (self.generalised > 0)
        return np.where(both, self.generalised / np.where(both, self.memorised, 1), np.nan)

    def count(self, phase: Phase) -> int:
        """How many simulations are in a phase."""
        return self.phase.count(phase)


def phases(settings: Sequence[Circuits], steps: int) -> Phases:
    """Simulates all settings for so many steps, and tells their phases apart."""
    return classify(simulate(settings, recorded_steps(steps, 150)))


def classify(found: Trajectories) -> Phases:
    """The phases of simulations; times are as fine as their recorded steps."""
    chance = np.log([one.classes for one in found.settings])
    memorised, generalised = (first_below(losses, chance / 2) for losses in (found.train_loss, found.test_loss))
    return Phases(
        settings=found.settings,
        phase=tuple(
            _phase(found, n, int(memorised[n]), int(generalised[n]), float(chance[n]))
            for n in range(len(found.settings))
        ),
        memorised=_times(found, memorised),
        generalised=_times(found, generalised),
    )


def first_below(losses: Float[np.ndarray, "setting step"], level: Float[np.ndarray, " setting"]) -> np.ndarray:
    """The first recorded place at which each curve is below its level, -1 where none is."""
    below: Bool[np.ndarray, "setting step"] = losses < level[:, None]
    return np.where(below.any(axis=1), below.argmax(axis=1), -1)


def optimum(one: Circuits) -> tuple[float, float]:
    """The best weights of Gen and Mem by theorem D.4."""
    price = one.efficiency
    problem = Problem(
        norms=(price.gen_norm, price.mem_norm), kappa=price.kappa, alpha=2 * price.factor, classes=one.classes
    )
    gen, mem = allocate(problem).weights
    return float(gen), float(mem)


def _phase(found: Trajectories, n: int, memorised: int, generalised: int, chance: float) -> Phase:
    if found.diverged[n]:
        return "diverges"
    if memorised < 0:
        return "does not learn"
    if generalised >= 0 and not _generalises(found.gen[n, -1], found.mem[n, -1], found.test_loss[n, -1], chance):
        return "half way"
    if generalised >= 0:
        return "groks" if found.test_loss[n, memorised] >= chance else "at once"
    one = found.settings[n]
    gen, mem = optimum(one)
    best_loss = float(test_loss(np.asarray(gen), np.asarray(mem), np.asarray(one.classes)))
    price = one.efficiency
    # At kappa >= 2 and equal norms either circuit could take all.
    better = closed_ratio(price.gen_norm, price.mem_norm, price.kappa) > 1
    if not (better and _generalises(gen, mem, best_loss, chance)):
        return "never"
    objective = found.train_loss[n] + found.penalty[n]
    at_rest = abs(objective[-1] - objective[-2]) < 1e-9 * abs(objective[-1])
    return "stuck" if at_rest else "too slow"


def _generalises(gen: float, mem: float, loss: float, chance: float) -> bool:
    return loss < chance / 2 and gen > mem * (1 + 1e-9)


def _times(found: Trajectories, places: Int[np.ndarray, " setting"]) -> Int[np.ndarray, " setting"]:
    return np.where(places < 0, -1, found.steps[places])
