"""Two circuits in competition: the simulation of Varma et al. 2023, section 3 and appendix C."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.errors import Mistake
from groklab.theory.entropy import test_loss, train_loss
from groklab.theory.settings import Circuits

Curves = Float[np.ndarray, "setting step"]
LONGEST = 10**9


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectories:
    """What gradient descent did in every setting, at the recorded steps; NaN from where a setting diverged."""

    settings: tuple[Circuits, ...]
    """The settings."""
    steps: Int[np.ndarray, " step"]
    """The recorded steps, 0 being the start."""
    factors: Float[np.ndarray, "setting step 4"]
    """w_g1, w_g2, w_m1, w_m2."""
    train_flip: Int[np.ndarray, " setting"]
    """First of all steps at which the right answer's logit is the largest on train; -1 where there is none."""
    test_flip: Int[np.ndarray, " setting"]
    """The same on test: w_g > max(w_m, 0)."""

    @property
    def gen(self) -> Curves:
        """w_g = w_g1 w_g2."""
        return self.factors[..., 0] * self.factors[..., 1]

    @property
    def mem(self) -> Curves:
        """w_m = w_m1 w_m2."""
        return self.factors[..., 2] * self.factors[..., 3]

    @cached_property
    def train_loss(self) -> Curves:
        """log(e^(w_g + w_m) + C - 1) - (w_g + w_m), in nats."""
        return train_loss(self.gen + self.mem, self._classes)

    @cached_property
    def test_loss(self) -> Curves:
        """log(e^w_g + e^w_m + C - 2) - w_g, in nats."""
        # NumPy warns of the NaN of a diverged setting.
        with np.errstate(invalid="ignore"):
            return test_loss(self.gen, self.mem, self._classes)

    @cached_property
    def penalty(self) -> Curves:
        """What weight decay adds to the train loss, in nats."""
        return penalty(self.settings, self.gen, self.mem)

    @property
    def train_accuracy(self) -> Curves:
        """1 where the right answer's logit is the largest on train; ties are wrong."""
        return _where(self.gen + self.mem > 0, self.gen)

    @property
    def test_accuracy(self) -> Curves:
        """1 where the right answer's logit is the largest on test; ties are wrong."""
        return _where(self.gen > np.maximum(self.mem, 0), self.gen)

    @property
    def diverged(self) -> Bool[np.ndarray, " setting"]:
        """Where the factors left the numbers that can be represented."""
        return np.isnan(self.gen[:, -1])

    @property
    def _classes(self) -> Float[np.ndarray, "setting 1"]:
        return np.array([[float(one.classes)] for one in self.settings])


def simulate(settings: Sequence[Circuits], steps: Sequence[int] | Int[np.ndarray, " step"]) -> Trajectories:
    """Gradient descent on the factors of every setting, recorded at `steps` (rising, from 0 on), in float64.

    A step takes from each factor the learning rate times the derivative of train loss + penalty. Thousands of
    settings at once take about 60 ns a step each. Raises `Mistake` where there is no setting, or steps do not rise.
    """
    from groklab.theory.descent import descend

    recorded = np.asarray(steps, np.int64)
    if not settings:
        raise Mistake("there is no setting to simulate; give one at least")
    if not len(recorded) or recorded[0] < 0 or recorded[-1] > LONGEST or np.any(np.diff(recorded) <= 0):
        raise Mistake(f"recorded steps must rise from 0 or more to {LONGEST:.0e} at most")
    factors = np.full((len(settings), len(recorded), 4), np.nan)
    flips = np.full((len(settings), 2), -1, np.int64)
    descend(
        np.stack([_each(settings, start) for start in _STARTS], axis=1),
        _each(settings, lambda one: one.efficiency.factor * one.efficiency.gen_norm**2),
        _each(settings, lambda one: one.efficiency.factor * one.efficiency.mem_norm**2),
        _each(settings, lambda one: 2 / one.efficiency.kappa),
        _each(settings, lambda one: one.efficiency.rounding),
        np.log(_each(settings, lambda one: one.classes - 1)),
        _each(settings, lambda one: one.speeds.learning_rate),
        recorded,
        factors,
        flips,
    )
    return Trajectories(
        settings=tuple(settings), steps=recorded, factors=factors, train_flip=flips[:, 0], test_flip=flips[:, 1]
    )


def penalty(settings: Sequence[Circuits], gen: Curves, mem: Curves) -> Curves:
    """alpha or alpha/2 times (P_g |w_g|^(1/kappa))^2 + (P_m |w_m|^(1/kappa))^2, in nats.

    Weights below 0 cost what their absolute value does: one layer's sign turned, the norm is the same. With a
    rounding s, |w|^(2/kappa) is (w^2 + s^2)^(1/kappa) - s^(2/kappa), whose slope is 0 at 0 and finite everywhere.
    """

    def column(of: Callable[[Circuits], float]) -> Float[np.ndarray, "setting 1"]:
        return _each(settings, of)[:, None]

    power, rounding = column(lambda one: 1 / one.efficiency.kappa), column(lambda one: one.efficiency.rounding)
    with np.errstate(over="ignore"):
        squares = [(w**2 + rounding**2) ** power - rounding ** (2 * power) for w in (gen, mem)]
    norms = column(lambda one: one.efficiency.gen_norm), column(lambda one: one.efficiency.mem_norm)
    factor = column(lambda one: one.efficiency.factor)
    return factor * (norms[0] ** 2 * squares[0] + norms[1] ** 2 * squares[1])


def recorded_steps(last: int, count: int = 400) -> Int[np.ndarray, " step"]:
    """Steps from 0 to `last`, about `count` of them, closer together at the start (geometric)."""
    return np.unique(np.concatenate([[0], np.geomspace(1, last, count).round()])).astype(np.int64)


_STARTS: tuple[Callable[[Circuits], float], ...] = (
    lambda one: one.speeds.gen_first,
    lambda one: one.speeds.gen_second,
    lambda one: one.speeds.mem_first,
    lambda one: one.speeds.mem_second,
)


def _each(settings: Sequence[Circuits], of: Callable[[Circuits], float]) -> Float[np.ndarray, " setting"]:
    return np.array([of(one) for one in settings], float)


def _where(right: Bool[np.ndarray, "setting step"], known: Curves) -> Curves:
    return np.where(np.isnan(known), np.nan, right.astype(float))
