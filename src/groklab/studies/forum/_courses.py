"""The ways of training of `forum/small_part_first`, over steps and over examples seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from groklab.curves import Curve, Estimate, bootstrap, crossing

FIRST, AGAIN, AT_ONCE, ALONE = "small part first", "small part, begun again", "all at once", "small part alone"
ARMS = (FIRST, AGAIN, AT_ONCE, ALONE)
LEVEL = 1e-3
"""Test loss in nats at which a network counts as having generalised, once it has grokked in any case."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """The test loss of one way of training, over steps and over examples seen."""

    loss: Curve
    """Test loss over the steps of the whole way, logarithmic."""
    turn: float
    """The step from which on it is trained on the second part; 0 where there is but one."""
    sizes: tuple[int, int]
    """Examples that a step sees before and after that."""

    def examples(self, step: float) -> float:
        """Examples seen after a step: full batches, each step sees the whole training set."""
        before, after = self.sizes
        return before * min(step, self.turn) + after * max(0.0, step - self.turn)

    def step(self, examples: float) -> float:
        """The step after which so many examples were seen."""
        before, after = self.sizes
        first = before * self.turn
        return examples / before if examples <= first and before else self.turn + (examples - first) / after

    @property
    def generalised(self) -> float:
        """The step at which the test loss first falls to `LEVEL`; infinite where it does not."""
        found = crossing(self.loss, self.loss.on_scale(LEVEL), -1)
        return math.inf if found is None else found.step

    @property
    def last(self) -> float:
        """Its last logged step."""
        return float(self.loss.steps[-1])


Ways = Mapping[str, Course]


def at_equal(found: Ways, arm: str, count: str) -> float:
    """The logarithm of an arm's test loss where it has made as many steps, or seen as many examples, as the first arm.

    That arm is `FIRST`, at its end; NaN where the other one is not trained that far.
    """
    first, course = found[FIRST], found[arm]
    step = first.last if count == "steps" else course.step(first.examples(first.last))
    return course.loss.at(step) if step <= course.last else math.nan


def times_as_long(found: Ways, count: str) -> float:
    """Steps, or examples, until the network has generalised, small part first over all at once; NaN for never."""
    first, at_once = found[FIRST], found[AT_ONCE]
    if not (math.isfinite(first.generalised) and math.isfinite(at_once.generalised)):
        return math.nan
    if count == "steps":
        return first.generalised / at_once.generalised
    return first.examples(first.generalised) / at_once.examples(at_once.generalised)


def ratio(found: Ways) -> float:
    """Steps until the network has generalised, small part first over small part alone.

    Where only one of them gets there, the last step of the other stands for it, and the ratio is a bound; NaN where
    neither does.
    """
    first, alone = found[FIRST], found[ALONE]
    if math.isinf(first.generalised) and math.isinf(alone.generalised):
        return math.nan
    return min(first.generalised, first.last) / min(alone.generalised, alone.last)


def mean_ratio(seeds: Sequence[Ways]) -> Estimate:
    """The mean of the ratios over seeds, with a bootstrap interval.

    Where small part first does not get there the ratio is a lower bound, so that the interval is open to above, where
    the small part alone does not an upper one, and it is open to below.
    """
    ratios = np.array([ratio(found) for found in seeds])
    found = bootstrap(ratios, statistic=np.mean)
    if math.isnan(found.low):
        return found
    never, alone_never = (
        any(math.isinf(one[arm].generalised) for one, known in zip(seeds, ratios, strict=True) if not math.isnan(known))
        for arm in (FIRST, ALONE)
    )
    return replace(found, low=0.0 if alone_never else found.low, high=math.inf if never else found.high)
