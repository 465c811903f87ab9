"""Memorisation, circuit formation and clean-up, by one rule (Nanda et al. 2023, section 5.2, set them by eye).

The rule, on logarithms of losses smoothed by a running median over `smoothing` of the logged points:

- **Memorisation ends** and circuit formation begins where the excluded loss is least before clean-up begins.
- **Circuit formation ends** and clean-up begins where the test loss has gone `fraction` of its way from its highest
  level before the fall to its final level; the fall is the one that first takes it half that way.
- **Clean-up ends** where the test loss has gone all but `fraction` of that way.

The final level is the median over the last tenth of the steps. `docs/phases.md` gives the reasons, and what makes a
phase absent. Sum of squares, restricted loss and Gini coefficients are not used: that they move most in a certain phase
is claimed, and a rule that used them could not test it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from groklab.curves.curve import Curve
from groklab.curves.transitions import Passage, crossing
from groklab.errors import Mistake

BASIN = 0.1
"""The end of memorisation is uncertain where the log excluded loss is within this share of its rise of the least."""


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """Where one phase gives way to the next."""

    step: float
    """The step."""
    low: float
    """The earliest step by the rule with one constant halved or doubled (factors: root and square), and by logging."""
    high: float
    """The latest such step."""
    stable: bool
    """Whether every halved or doubled constant still gives this boundary."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase."""

    begin: Boundary | None
    """Where it begins; nothing means that there is no such phase."""
    end: Boundary | None
    """Where it ends; nothing, with a begin, means that no end was seen."""
    reason: str = ""
    """Why it is absent or has no end, in words; empty otherwise."""

    @property
    def present(self) -> bool:
        """Whether there is such a phase."""
        return self.begin is not None


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The three phases of a run."""

    memorisation: Phase
    """From the first logged step to the least excluded loss."""
    circuit_formation: Phase
    """From there until the test loss begins to fall."""
    clean_up: Phase
    """While the test loss falls."""


@dataclass(frozen=True, kw_only=True)
class _Rule:
    fraction: float = 0.1
    fall: float = 10.0
    """A test loss has fallen when it ends below its highest level by this factor; a train loss is down before it when
    it has been below it by this factor."""
    dip: float = math.sqrt(10)
    """An excluded loss has fallen when its least is below its first value by this factor, and risen again when its
    final level is above the least by it."""
    settled: float = 0.1
    """A test loss is settled when the last tenth of the steps brought no more than this share of its way."""
    smoothing: float = 0.02

    def variants(self) -> Iterator["_Rule"]:
        """The rule with one constant halved or doubled; factors, whose logarithms count, root and squared."""
        for name in ("fraction", "settled", "smoothing"):
            for factor in (0.5, 2.0):
                yield replace(self, **{name: getattr(self, name) * factor})
        for name in ("fall", "dip"):
            for power in (0.5, 2.0):
                yield replace(self, **{name: getattr(self, name) ** power})


@dataclass(frozen=True, kw_only=True)
class _Marks:
    """The boundaries by one set of constants, with words where there is none."""

    least: Passage | None = None
    begins: Passage | None = None
    ends: Passage | None = None
    no_least: str = ""
    no_begin: str = ""
    no_end: str = ""
    at_once: bool = False


def find_phases(
    steps: Sequence[float] | np.ndarray,
    *,
    train_loss: Sequence[float] | np.ndarray,
    test_loss: Sequence[float] | np.ndarray,
    excluded_loss: Sequence[float] | np.ndarray | None = None,
) -> Phases:
    """The phases of one run, from its losses in nats at the logged steps, NaN where one was not logged.

    Without an excluded loss, clean-up alone can be told. Raises `Mistake` for curves that do not fit the steps.
    """
    train, test = Curve.of(steps, train_loss, "log"), Curve.of(steps, test_loss, "log")
    excluded = Curve.of(steps, [math.nan] * len(steps) if excluded_loss is None else excluded_loss, "log")
    if not len(train):
        raise Mistake("phases need a train loss; it was logged at no step")
    if not len(test):
        nothing = Phase(begin=None, end=None, reason="there is no test loss to tell it by")
        return Phases(memorisation=nothing, circuit_formation=nothing, clean_up=nothing)
    marks = _marks(_Rule(), train, test, excluded)
    others = [_marks(rule, train, test, excluded) for rule in _Rule().variants()]
    least = _boundary(marks.least, [other.least for other in others])
    begins = _boundary(marks.begins, [other.begins for other in others])
    ends = _boundary(marks.ends, [other.ends for other in others])
    if marks.at_once:
        nothing = Phase(begin=None, end=None, reason=marks.no_least)
        return Phases(memorisation=nothing, circuit_formation=nothing, clean_up=nothing)
    first = float(train.steps[0])
    return Phases(
        memorisation=Phase(
            begin=Boundary(step=first, low=first, high=first, stable=True), end=least, reason=marks.no_least
        ),
        circuit_formation=Phase(
            begin=least,
            end=begins if least else None,
            reason=marks.no_begin if least else marks.no_least,
        ),
        clean_up=Phase(begin=begins, end=ends, reason=marks.no_end if begins else marks.no_begin),
    )


def _marks(rule: _Rule, train: Curve, test: Curve, excluded: Curve) -> _Marks:
    train, test, excluded = (curve.smoothed(rule.smoothing) for curve in (train, test, excluded))
    fall = _fall(rule, test)
    if fall is None:
        words = (
            f"the test loss did not end below its highest level by a factor of {rule.fall:.3g} within "
            f"{test.steps[-1]:,.0f} steps: still to come, or never"
        )
        least, no_least = _least(rule, train, excluded, None)
        return _Marks(least=least, no_least=no_least, no_begin=words, no_end=words)
    begins, ends, no_end = fall
    gap = test.at(begins.step) - float(train.between(-math.inf, begins.high).values.min())
    if gap < math.log(rule.fall):
        words = "generalised at once: the train loss was not down before the test loss fell"
        return _Marks(no_least=words, no_begin=words, no_end=words, at_once=True)
    least, no_least = _least(rule, train, excluded, begins.step)
    return _Marks(least=least, begins=begins, ends=ends, no_least=no_least, no_end=no_end)


def _fall(rule: _Rule, test: Curve) -> tuple[Passage, Passage | None, str] | None:
    """Begin and end of the fall of the test loss, and why it has no end; nothing where it has not fallen."""
    final, highest = test.stretch(0.9, 1), np.maximum.accumulate(test.values)
    halfway = (highest - final >= math.log(rule.fall)) & (test.values <= (highest + final) / 2)
    if not halfway.any():
        return None
    half = int(halfway.argmax())
    top, way = float(highest[half]), float(highest[half]) - final
    peak = test.steps[int(test.values[: half + 1].argmax())]
    falling = test.between(peak, test.steps[half])
    begins = crossing(falling, top - rule.fraction * way, -1, lasting=math.inf)
    if begins is None:
        return None
    if test.stretch(0.8, 0.9) - final > rule.settled * way:
        return begins, None, f"the test loss was still falling at step {test.steps[-1]:,.0f}"
    # From halfway on; where one logged step takes it past both marks, the passage lies before.
    return begins, crossing(test, top - (1 - rule.fraction) * way, -1, after=falling.steps[-2]), ""


def _least(rule: _Rule, train: Curve, excluded: Curve, falls: float | None) -> tuple[Passage | None, str]:
    """Where the excluded loss is least before the test loss falls, or why that says nothing."""
    if train.values.min() > train.values[0] - math.log(rule.fall):
        return None, f"the train loss never fell by a factor of {rule.fall:.3g}: nothing was memorised"
    if not len(excluded):
        return None, "the excluded loss was not measured"
    before = excluded.between(-math.inf, math.inf if falls is None else falls)
    if len(before) < 3:
        return None, f"the excluded loss was measured at {len(before)} steps before the test loss fell, too few to tell"
    index, threshold = int(before.values.argmin()), math.log(rule.dip)
    least = float(before.values[index])
    rise = excluded.stretch(0.9, 1) - least
    if before.values[0] - least < threshold:
        return None, f"the excluded loss never fell by a factor of {rule.dip:.3g}: no memorisation apart seen"
    if falls is not None and index == len(before) - 1:
        return None, "the excluded loss was still falling when the test loss fell: no circuit formation seen"
    if rise < threshold:
        return (
            None,
            f"the excluded loss did not end above its least by a factor of {rule.dip:.3g}: no circuit formation seen",
        )
    basin = excluded.values <= least + BASIN * rise
    left = index - int(np.append(~basin[index::-1], True).argmax()) + 1
    right = index + int(np.append(~basin[index:], True).argmax()) - 1
    ends = excluded.steps[max(left - 1, 0)], excluded.steps[min(right + 1, len(excluded) - 1)]
    high = float(ends[1]) if falls is None else min(float(ends[1]), falls)
    return Passage(step=float(before.steps[index]), low=float(ends[0]), high=high), ""


def _boundary(mark: Passage | None, others: Sequence[Passage | None]) -> Boundary | None:
    if mark is None:
        return None
    found = [mark, *(other for other in others if other is not None)]
    return Boundary(
        step=mark.step,
        low=min(one.low for one in found),
        high=max(one.high for one in found),
        stable=None not in others,
    )
