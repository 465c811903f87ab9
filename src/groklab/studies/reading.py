"""What the analyses of studies read off a record: when runs memorised and grokked, last values, arms."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.curves import Curve, Estimate, Phases, Survival, find_phases, kaplan_meier, passage
from groklab.curves.intervals import from_draws, resampled
from groklab.curves.slingshots import slingshots
from groklab.findings import Chart, Table
from groklab.findings.words import short
from groklab.training.milestones import grokked, memorised
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

ACCURACY = ("train_accuracy", "test_accuracy")
"""The measures that every reading needs."""

Arms = Mapping[str, Int[np.ndarray, " arm"]]


class Reading:
    """A record's curves as arrays, run by run; what was not measured is NaN.

    A run that diverged is left out: that it never did something says nothing.
    """

    def __init__(self, record: "Record") -> None:
        sound = [run for run, status in enumerate(record.statuses) if not status.bad]
        self.record = record
        self.runs: tuple[Run, ...] = tuple(record.runs[run] for run in sound)
        self.diverged = len(record.runs) - len(sound)
        self.scale = record.scale
        self.metrics = record.metrics().isel(run=sound)
        self.steps: Float[np.ndarray, " step"] = self.metrics["step"].values.astype(float)

    def curve(self, name: str) -> Float[np.ndarray, "run step"]:
        """A measure over training; all NaN where no run has it."""
        if name in self.metrics:
            return self.metrics[name].values.astype(float)
        return np.full((len(self.runs), len(self.steps)), np.nan)

    def last(self, name: str) -> Float[np.ndarray, " run"]:
        """The last value of a measure that was taken of each run."""
        curve = self.curve(name)
        known = ~np.isnan(curve)
        place = curve.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
        return np.where(known.any(axis=1), curve[np.arange(len(curve)), place], np.nan)

    def at(self, name: str, steps: Float[np.ndarray, " run"]) -> Float[np.ndarray, " run"]:
        """The value of a measure of each run at the logged step given for it; NaN where that is NaN."""
        place = np.searchsorted(self.steps, np.nan_to_num(steps))
        found = self.curve(name)[np.arange(len(self.runs)), np.minimum(place, len(self.steps) - 1)]
        return np.where(np.isnan(steps), np.nan, found)

    @cached_property
    def memorised(self) -> Float[np.ndarray, " run"]:
        """The first logged step at which each run answered all its train pairs right; NaN for never."""
        return self._first(memorised(self.curve("train_accuracy")))

    @cached_property
    def grokked(self) -> Float[np.ndarray, " run"]:
        """The first logged step with test accuracy above 0.99; NaN for never."""
        return self._first(grokked(self.curve("test_accuracy")))

    @cached_property
    def lasted(self) -> Float[np.ndarray, " run"]:
        """The last step at which each run was measured: where one that never grokked is censored."""
        known = ~np.isnan(self.curve("train_accuracy"))
        return np.where(known.any(axis=1), self.steps[known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)], 0.0)

    @cached_property
    def has_grokked(self) -> Bool[np.ndarray, " run"]:
        """Whether each run grokked within its budget."""
        return ~np.isnan(self.grokked)

    @cached_property
    def time(self) -> Float[np.ndarray, " run"]:
        """The step at which each run grokked, or at which it was censored."""
        return np.where(self.has_grokked, self.grokked, self.lasted)

    @cached_property
    def slingshots(self) -> Int[np.ndarray, " run"]:
        """How many slingshots each run has after it memorised; none for a run that did not."""
        losses = self.curve("train_loss")
        return np.array(
            [
                0 if math.isnan(begin) else slingshots(self.steps, loss, after=begin)
                for loss, begin in zip(losses, self.memorised, strict=True)
            ],
            dtype=int,
        )

    def falls(self, name: str, run: int, like: str | Float[np.ndarray, "run step"] | None = None) -> float:
        """The step at which a loss has gone a tenth of its way in log from its highest value to its last level.

        With `like`, only the steps at which that measure was taken, or those curves are known, are looked at. NaN where
        it does not fall.
        """
        values = self.curve(name)[run]
        if like is not None:
            known = self.curve(like) if isinstance(like, str) else like
            values = np.where(np.isnan(known[run]), np.nan, values)
        if not np.any(values > 0):
            return math.nan
        curve = Curve.of(self.steps, values, "log")
        top = int(curve.values.argmax())
        start, end = curve.in_units(float(curve.values[top])), curve.in_units(curve.stretch(0.9, 1))
        found = (
            passage(curve, start=start, end=end, fraction=0.1, after=float(curve.steps[top])) if end < start else None
        )
        return math.nan if found is None else found.step

    def phases(self, run: int) -> Phases:
        """The phases of a run."""
        losses = {name: self.curve(name)[run] for name in ("train_loss", "test_loss", "excluded_loss")}
        return find_phases(self.steps, **losses)

    def between(self, name: str, run: int, begin: float, end: float) -> float:
        """By how much a measure rises from one step to another, interpolated between logged ones."""
        values = self.curve(name)[run]
        known = ~np.isnan(values)
        first, last = np.interp([begin, end], self.steps[known], values[known])
        return float(last - first)

    def arms(self, label: Callable[[Run], str]) -> Arms:
        """The numbers of the runs by what they are labelled, in order of appearance; "" leaves a run out."""
        found: dict[str, list[int]] = {}
        for number, run in enumerate(self.runs):
            found.setdefault(label(run), []).append(number)
        return {name: np.array(numbers) for name, numbers in found.items() if name}

    def times(self, runs: Int[np.ndarray, " arm"]) -> Survival:
        """Kaplan-Meier's estimate of the time to grok of some runs."""
        return kaplan_meier(self.time[runs], self.has_grokked[runs])

    def table(self, title: str, arms: Arms, head: str, more: Mapping[str, str] | None = None) -> Table:
        """A row an arm: how many grok and when, with the last values of further measures (name: column)."""
        rows: list[list[str | int | float | None]] = []
        for name, runs in arms.items():
            rows.append(
                [
                    name,
                    len(runs),
                    int(np.sum(~np.isnan(self.memorised[runs]))),
                    median_of(self.memorised[runs]),
                    mean_of(self.at("test_accuracy", self.memorised)[runs]),
                    int(self.has_grokked[runs].sum()),
                    in_steps(self.times(runs).median),
                    mean_of(self.last("test_accuracy")[runs]),
                    *(spread_of(self.last(measure)[runs]) for measure in (more or {})),
                ]
            )
        columns = [
            head, "networks", "memorised", "median step", "test accuracy then", "grokked",
            "step of grokking, median (95%)", "test accuracy at the end", *(more or {}).values(),
        ]  # fmt: skip
        note = (
            "The median step of grokking is Kaplan-Meier's, networks that did not grok within the budget counted as "
            "censored there; its interval is Brookmeyer and Crowley's. Further columns: mean (least to largest)."
        )
        if self.diverged:
            note += f" Networks that diverged and are left out: {self.diverged}."
        return Table(title=title, columns=columns, rows=rows, note=note)

    def slingshots_table(self, arms: Arms, head: str) -> Table:
        """A row an arm: how many networks have slingshots, and how many."""
        rows = [
            [name, len(runs), int(np.sum(jumps > 0)), float(jumps.mean()), int(jumps.max())]
            for name, runs in arms.items()
            for jumps in (self.slingshots[runs],)
        ]
        columns = [head, "networks", "with slingshots", "slingshots a network, mean", "most"]
        return Table(title="Slingshots", columns=columns, rows=rows)

    def survival_chart(self, arms: Arms, words: str) -> Chart:
        """The share of each arm's networks that have not grokked yet; `words` names an arm from `{}`."""
        return Chart(
            title="Share of networks that have not grokked yet",
            x="step",
            y="share of networks",
            log_x=True,
            series={words.format(name): staircase(self.times(runs)) for name, runs in arms.items()},
        )

    def _first(self, reached: Bool[np.ndarray, "run step"]) -> Float[np.ndarray, " run"]:
        return np.where(reached.any(axis=1), self.steps[reached.argmax(axis=1)], np.nan)


def rank_agreement(
    setting: Float[np.ndarray, " run"],
    time: Float[np.ndarray, " run"],
    grokked: Bool[np.ndarray, " run"],
    seeds: Int[np.ndarray, " run"],
) -> Estimate:
    """Kendall's tau-b between a setting and the time to grok, networks that did not grok ranked last.

    Its interval is that of a bootstrap over seeds, each with all its networks.
    """
    from scipy.stats import kendalltau

    if len(setting) < 2:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, count=len(setting), note="too few networks")
    late = np.where(grokked, time, 2 * time.max(initial=0) + 1)

    def tau(runs: Int[np.ndarray, " chosen"]) -> float:
        found: Any = kendalltau(setting[runs], late[runs])
        return float(found.statistic)

    every = np.arange(len(setting))
    drawn = [tau(runs) for runs in resampled(seeds, 1000, 0)]
    return from_draws(tau(every), [one for one in drawn if not math.isnan(one)], len(np.unique(seeds)))


def staircase(survival: Survival) -> list[tuple[float, float]]:
    """The points of a share over time that falls in steps."""
    points = [(0.0, 1.0)]
    for step, share in zip(survival.steps.tolist(), survival.share.tolist(), strict=True):
        points += [(step, points[-1][1]), (step, share)]
    return points


def in_steps(estimate: Estimate) -> str:
    """A number of steps with its interval; what lies past the budget is infinite."""
    low, high = estimate.low, estimate.high
    if math.isnan(estimate.value):
        return "not measured"
    value = f"{estimate.value:,.0f}" if math.isfinite(estimate.value) else "not within the budget"
    if not math.isfinite(low) or math.isnan(high):
        return value
    return f"{value} ({low:,.0f} to {high:,.0f})" if math.isfinite(high) else f"{value} (at least {low:,.0f})"


class WithInterval(Protocol):
    """A number and its interval, however it was found."""

    @property
    def value(self) -> float:
        """The number."""
        ...

    @property
    def low(self) -> float:
        """Lower end."""
        ...

    @property
    def high(self) -> float:
        """Upper end."""
        ...


def in_words(estimate: WithInterval) -> str:
    """A number with its interval, which may be open above."""
    if math.isnan(estimate.value):
        return "not measured"
    if math.isnan(estimate.low):
        return short(estimate.value)
    if math.isinf(estimate.high):
        return f"{short(estimate.value)} (95% interval from {short(estimate.low)} on, no upper bound)"
    return f"{short(estimate.value)} (95% interval {short(estimate.low)} to {short(estimate.high)})"


def mean_of(values: Float[np.ndarray, " value"]) -> float | None:
    """The mean of what was measured."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def median_of(values: Float[np.ndarray, " value"]) -> float | None:
    """The median of what was measured."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None


def spread_of(values: Float[np.ndarray, " value"]) -> str | None:
    """The mean of what was measured, with the least and the largest value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    return f"{short(known.mean())} ({short(known.min())} to {short(known.max())})"


def tally(holds: Bool[np.ndarray, " run"]) -> tuple[int, int]:
    """How many of how many."""
    return int(np.sum(holds)), len(holds)


def count_of(holds: Sequence[bool] | Bool[np.ndarray, " run"]) -> str:
    """How many of how many, in words."""
    return f"{int(np.sum(holds))} of {len(holds)}"
