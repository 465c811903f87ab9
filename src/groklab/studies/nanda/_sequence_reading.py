"""What is read off the runs of sequence tasks: phase changes, grokking, the digits' times, the induction heads."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from groklab.curves import Course, Curve, LeadTime, measure_lead, passage
from groklab.studies.reading import Reading
from groklab.tasks.sequences.settings import DigitsSettings, SequenceSettings, SubsequencesSettings, TrigramsSettings
from groklab.training.settings import Run

TASKS: dict[type[SequenceSettings], str] = {
    DigitsSettings: "digits",
    SubsequencesSettings: "subsequences",
    TrigramsSettings: "trigrams",
}
UNLIMITED, LIMITED = "unlimited", "limited"
SMOOTHING = 0.05
"""Share of the logged points that running medians go over: the loss of a batch of 64 jumps."""
LEARNT = 2.0
"""A loss has fallen when its last level is below its first value by this factor."""
WITHIN = 0.1
"""Share of training in which a phase change takes place."""
HIGH = 0.5
"""Score above which a head matches prefixes, and above which it copies."""
FACTOR = 1.2
"""By how much the times of two digits differ when they count as different."""


Arms = dict[tuple[str, str], list[int]]
"""The numbers of the runs of each task, by whether its data are limited."""


def arm_of(run: Run) -> tuple[str, str]:
    """The task of a run, and whether its data are limited."""
    if not isinstance(run.task, SequenceSettings):
        return "", ""
    return TASKS[type(run.task)], UNLIMITED if run.task.examples is None else LIMITED


def curve_of(read: Reading, name: str, run: int) -> Curve:
    """A loss of a run in log, smoothed."""
    return Curve.of(read.steps, read.curve(name)[run], "log").smoothed(SMOOTHING)


@dataclass(frozen=True, kw_only=True)
class PhaseChange:
    """How suddenly a loss of a run falls."""

    falls: bool
    """Whether it falls at all within the budget."""
    sudden: bool
    """Whether it loses half of its whole fall, in log, within a tenth of training."""
    level: bool
    """Whether the loss of the batches trained on is never below half of it up to where the earliest such loss is over;
    true where there is none."""
    nats: float
    """Steps from 90% to 10% of its fall in nats; NaN where it does not fall."""
    tenth: float
    """A tenth of training, in steps."""

    @property
    def holds(self) -> bool:
        """Whether there is a phase change, as the claims have it."""
        return self.falls and self.sudden and self.level

    @property
    def contrary(self) -> bool:
        """Whether it falls otherwise: slowly in log and in nats, or after the batches were learnt by heart.

        What falls within a tenth of training in nats but not in log is neither: its tail may be what is slow.
        """
        return self.falls and not (self.level if self.sudden else self.nats <= self.tenth)


def phase_change(read: Reading, run: int, loss: str = "test_loss") -> PhaseChange:
    """How suddenly a run's test loss falls, or its train loss, from its first value to its last level."""
    test, train = curve_of(read, loss, run), curve_of(read, "train_loss", run)
    if not (len(test) and len(train)):
        return PhaseChange(falls=False, sudden=False, level=True, nats=math.nan, tenth=math.nan)
    span = WITHIN * float(test.steps[-1] - test.steps[0])
    fall = float(test.values[0]) - test.stretch(0.9, 1)
    if fall < math.log(LEARNT):
        return PhaseChange(falls=False, sudden=False, level=True, nats=math.nan, tenth=span)
    level = _level(test, train, fall, span)
    return PhaseChange(
        falls=True, sudden=level is not None, level=level is not False, nats=_in_nats(read, run, loss), tenth=span
    )


def _in_nats(read: Reading, run: int, loss: str) -> float:
    """Steps in which a loss goes from 90% to 10% of its way in nats, from its first value to its last level."""
    curve = Curve.of(read.steps, read.curve(loss)[run], "linear").smoothed(SMOOTHING)
    begin, end = float(curve.values[0]), curve.stretch(0.9, 1)
    first, last = (passage(curve, start=begin, end=end, fraction=part) for part in (0.1, 0.9))
    return math.nan if first is None or last is None else last.step - first.step


def _level(test: Curve, train: Curve, fall: float, span: float) -> bool | None:
    """Whether the train loss keeps up with the earliest loss of half of a fall within a span; nothing without one."""
    for step, value in zip(test.steps.tolist(), test.values.tolist(), strict=True):
        lost = passage(test, start=math.exp(value), end=math.exp(value - fall), fraction=0.5, after=step)
        if lost is not None and lost.step <= step + span:
            before = train.steps <= lost.high
            return bool(np.all(train.values[before] >= test.values[test.steps <= lost.high] - math.log(2)))
    return None


def half_way(curve: Curve) -> float:
    """The step at which a curve has gone half of its way from its first value to its last level.

    Infinite for a loss, which is a curve in log, that does not fall by a factor of `LEARNT`; NaN where nothing was
    measured, or a curve that is no loss does not move.
    """
    if not len(curve):
        return math.nan
    begin, end = float(curve.values[0]), curve.stretch(0.9, 1)
    if curve.scale == "log" and begin - end < math.log(LEARNT):
        return math.inf
    found = passage(curve, start=curve.in_units(begin), end=curve.in_units(end), fraction=0.5)
    return math.nan if found is None else found.step


@dataclass(frozen=True, kw_only=True)
class Grokking:
    """When a run with limited data learns its training set, and when the rest."""

    train: float
    """Step at which the train loss has gone half of its way; infinite for never."""
    test: float
    """The same of the test loss."""
    risen: bool
    """Whether the test loss is at or above its first value when the train loss has gone half of its way."""

    @property
    def groks(self) -> bool:
        """Whether the train loss is there in at most half as many steps, while the test loss has not begun to fall."""
        return math.isfinite(self.test) and self.train <= self.test / 2 and self.risen


def grokking(read: Reading, run: int) -> Grokking:
    """When a run's losses have gone half of their ways."""
    train, test = curve_of(read, "train_loss", run), curve_of(read, "test_loss", run)
    learnt = half_way(train)
    risen = math.isfinite(learnt) and len(test) > 0 and test.at(learnt) >= float(test.values[0])
    return Grokking(train=learnt, test=half_way(test), risen=risen)


def digit_times(read: Reading, run: int) -> Float[np.ndarray, " digit"]:
    """The step at which the test loss of each digit has gone half of its way, infinite for never; none not measured."""
    if "loss_by_digit" not in read.metrics:
        return np.empty(0)
    losses = read.metrics["loss_by_digit"].values[run].astype(float)
    if not np.isfinite(losses).any():
        return np.empty(0)
    return np.array([half_way(Curve.of(read.steps, one, "log").smoothed(SMOOTHING)) for one in losses.T])


def apart(times: Float[np.ndarray, " digit"]) -> tuple[float, float]:
    """The share of pairs of digits whose times differ by more than `FACTOR`, and the most that it can be.

    Of two that do not come within the budget it is not known. NaN for fewer than two digits.
    """
    pairs = list(combinations(times.tolist(), 2))
    if not pairs:
        return math.nan, math.nan
    unknown = sum(not math.isfinite(min(pair)) for pair in pairs)
    differ = sum(math.isfinite(min(pair)) and max(pair) > FACTOR * min(pair) for pair in pairs)
    return differ / len(pairs), (differ + unknown) / len(pairs)


def without_carry(read: Reading, times: Float[np.ndarray, " digit"]) -> Float[np.ndarray, " digit"]:
    """The times of the digits but that of the first, which only carries."""
    powers = read.metrics["digit"].values
    return times[powers < powers.max()]


@dataclass(frozen=True, kw_only=True)
class Induction:
    """The head of the second layer that is most of an induction head at the end, of one run."""

    head: str
    """Its layer and number."""
    prefix: float
    """Its prefix-matching score at the end."""
    copying: float
    """Its copying score at the end."""
    forms: float
    """Step at which its prefix-matching score has gone half of its way."""
    falls: float
    """Step at which the test loss has."""

    @property
    def found(self) -> bool:
        """Whether it is one."""
        return self.prefix > HIGH and self.copying > HIGH

    def together(self, steps: float) -> bool:
        """Whether it forms within a tenth of the steps of training around the fall of the test loss."""
        return self.found and abs(self.forms - self.falls) < WITHIN * steps


def induction(read: Reading, run: int) -> Induction | None:
    """The best head of the second layer: the largest of the smaller of both scores; nothing where none was measured."""
    prefix, copying = scores(read, "prefix_matching", "1.", run), scores(read, "copying", "1.", run)
    if not prefix:
        return None
    ends = {head: (prefix[head].stretch(0.9, 1), copying[head].stretch(0.9, 1)) for head in prefix}
    best = max(ends, key=lambda head: min(ends[head]))
    return Induction(
        head=best,
        prefix=ends[best][0],
        copying=ends[best][1],
        forms=half_way(prefix[best]),
        falls=half_way(curve_of(read, "test_loss", run)),
    )


def scores(read: Reading, measure: str, layer: str, run: int) -> dict[str, Curve]:
    """A score of the heads of a layer, named by the beginning of their names, over training."""
    if measure not in read.metrics:
        return {}
    values = read.metrics[measure]
    found: dict[str, Curve] = {}
    for place, head in enumerate(values["head"].values.tolist()):
        curve = Curve.of(read.steps, values.values[run, :, place].astype(float), "linear")
        if str(head).startswith(layer) and len(curve):
            found[str(head)] = curve
    return found


def induction_leads(read: Reading, runs: list[int], never: list[int]) -> list[LeadTime]:
    """How long before the test loss each progress measure of induction moves, and where no network learns.

    Of a score with a value for every head it is that of the head which has most of it at the end.
    """
    measures = {
        "previous_token": "0.",
        "prefix_matching": "1.",
        "copying": "1.",
        "sum_of_squares": "",
    }
    found: list[LeadTime] = []
    for measure, layer in measures.items():
        courses = [_course(read, measure, layer, run, read.falls("test_loss", run)) for run in runs]
        others = [_course(read, measure, layer, run, None) for run in never]
        known = [one for one in courses if one is not None and one.falls is not None and not math.isnan(one.falls)]
        if known:
            controls = {"limited data, never learnt": [one for one in others if one is not None]} if never else {}
            found.append(measure_lead(measure, known, controls))
    return found


def _course(read: Reading, measure: str, layer: str, run: int, falls: float | None) -> Course | None:
    if layer:
        heads = scores(read, measure, layer, run)
        if not heads:
            return None
        curve = heads[max(heads, key=lambda head: heads[head].stretch(0.9, 1))]
    else:
        curve = Curve.of(read.steps, read.curve(measure)[run], "linear")
    if not len(curve):
        return None
    return Course(steps=curve.steps, values=curve.values, memorised=float(curve.steps[0]), falls=falls)
