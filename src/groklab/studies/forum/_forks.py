"""Forks of one network side by side: how long each arm takes from the fork to grokking, and their ratios."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.curves import Estimate, bootstrap
from groklab.findings import Claim, Finding, Verdict, untested
from groklab.studies.reading import Reading
from groklab.training.intervention import Intervention

if TYPE_CHECKING:
    from groklab.record import Record

Range = tuple[float, float]

NEITHER = "in no pair did either grok"


@dataclass(frozen=True, kw_only=True, eq=False)
class Arm:
    """What became of the networks after the fork, in the order of their references."""

    runs: Int[np.ndarray, " network"]
    """Their numbers in the reading."""
    fork: Float[np.ndarray, " network"]
    """The step of the fork."""
    steps: Float[np.ndarray, " network"]
    """Steps from the fork to grokking, or to where the network was last seen; NaN where there is no such fork."""
    grokked: Bool[np.ndarray, " network"]
    """Whether it grokked."""

    @property
    def known(self) -> Bool[np.ndarray, " network"]:
        """Whether there is such a fork."""
        return ~np.isnan(self.steps)


class Forks:
    """The references of a record that were forked, and their arms."""

    def __init__(self, record: "Record", arms: Mapping[str, Intervention]) -> None:
        """`arms` are the interventions by name."""
        self.read = read = Reading(record)
        number = {run: index for index, run in enumerate(read.runs)}
        statuses = [status for status in record.statuses if not status.bad]
        changed = [math.nan if status.changed is None else float(status.changed) for status in statuses]
        references = [index for index, run in enumerate(read.runs) if run.intervention is None]
        table = {
            name: [number.get(replace(read.runs[one], intervention=arm), -1) for one in references]
            for name, arm in arms.items()
        }
        at = [
            next((changed[row[place]] for row in table.values() if row[place] >= 0), math.nan)
            for place in range(len(references))
        ]
        forked = ~np.isnan(at)
        self.references = len(references)
        self.seeds = [read.runs[one].seed for one, is_forked in zip(references, forked, strict=True) if is_forked]
        self._fork = np.array(at, float)[forked]
        self.unchanged = self._arm(np.array(references, int)[forked])
        self.arms = {
            name: self._arm(np.array([one if math.isfinite(changed[one]) else -1 for one in row], int)[forked])
            for name, row in table.items()
        }

    @cached_property
    def every(self) -> Mapping[str, Arm]:
        """The unchanged networks, then every arm."""
        return {"unchanged": self.unchanged} | self.arms

    def _arm(self, runs: Int[np.ndarray, " network"]) -> Arm:
        there = runs >= 0
        # At least one step, so that a network that the change itself makes grok has a ratio too.
        steps = np.where(there, np.maximum(self.read.time[runs] - self._fork, 1), np.nan)
        return Arm(runs=runs, fork=self._fork, steps=steps, grokked=there & self.read.has_grokked[runs])


def ratio(changed: Arm, other: Arm) -> Estimate:
    """Steps from the fork to grokking of one arm over another's, mean over networks, with a bootstrap interval.

    A network that has not grokked counts with the steps that it was watched. Its ratio is then a bound only, so that
    the interval is open to above where it is one of `changed`, to below where it is one of `other`. Pairs of which
    neither has grokked say nothing and are left out.
    """
    both = changed.known & other.known
    telling = both & (changed.grokked | other.grokked)
    found = bootstrap(changed.steps[telling] / other.steps[telling], statistic=np.mean)
    if not telling.any():
        return replace(found, note=NEITHER)
    if math.isnan(found.low):
        return found
    late, never = int(np.sum(~changed.grokked[telling])), int(np.sum(~other.grokked[telling]))
    notes = [
        f"{count} of the {which} networks had not grokked: {bound} bound"
        for count, which, bound in ((late, "changed", "a lower"), (never, "other", "an upper"))
        if count
    ]
    return replace(
        found,
        low=0.0 if never else found.low,
        high=math.inf if late else found.high,
        note="; ".join(notes),
    )


def noise(null: Arm, unchanged: Arm) -> Estimate:
    """The mean size of the logarithm of the null arm's ratio, over networks of which one grokked at least.

    Where only one of both grokked the other counts with the steps that it was watched: the mean is then a lower bound,
    and its interval is open above.
    """
    telling = null.known & (null.grokked | unchanged.grokked)
    if not telling.any():
        return Estimate(value=math.nan, low=math.nan, high=math.nan, count=0, note=NEITHER)
    logs = np.log(null.steps[telling] / unchanged.steps[telling])
    late, never = ~null.grokked[telling], ~unchanged.grokked[telling]
    found = bootstrap(
        np.where(late, np.maximum(logs, 0), np.where(never, np.maximum(-logs, 0), np.abs(logs))), statistic=np.mean
    )
    if one_only := int(np.sum(late | never)):
        words = f"{one_only} grokked with one of both orders only: a lower bound"
        return replace(found, high=math.nan if math.isnan(found.low) else math.inf, note=words)
    return found


def differ_before(forks: Forks) -> tuple[int, int]:
    """How many forks differ from their reference before the change in what was measured of them, and of how many."""
    read, differ, count = forks.read, 0, 0
    curves = [read.curve(str(name)) for name, one in read.metrics.data_vars.items() if one.dims == ("run", "step")]
    for arm in forks.arms.values():
        for run, reference, step in zip(
            arm.runs[arm.known], forks.unchanged.runs[arm.known], arm.fork[arm.known], strict=True
        ):
            before = read.steps < step
            count += 1
            differ += any(
                not np.array_equal(one[run][before], one[reference][before], equal_nan=True) for one in curves
            )
    return differ, count


def by_parts(
    claim: Claim,
    parts: Sequence[tuple[Estimate, Range, Range]],
    *,
    units: str,
    scale: str,
    sentence: str,
) -> Finding:
    """The finding of a claim of several numbers, each with the range that is allowed and that of the contrary.

    Reproduced where all intervals lie in their allowed ranges, partly where one does, contradicted where all lie in
    those of the contrary. The finding's number is the first.
    """
    if any(math.isnan(estimate.low) for estimate, _, _ in parts):
        return untested(claim, scale=scale, sentence=sentence)
    holds = [within(estimate, allowed) for estimate, allowed, _ in parts]
    against = [within(estimate, contrary) for estimate, _, contrary in parts]
    verdict: Verdict = (
        "reproduced" if all(holds) else "partly" if any(holds) else "contradicted" if all(against) else "not reproduced"
    )
    first = parts[0][0]
    return Finding(
        claim=claim,
        verdict=verdict,
        sentence=sentence,
        value=first.value,
        low=first.low,
        high=first.high,
        units=units,
        seeds=min(estimate.count for estimate, _, _ in parts),
        scale=scale,
    )


def within(estimate: Estimate, bounds: Range) -> bool:
    """Whether the whole interval lies in a closed range."""
    return bounds[0] <= estimate.low and estimate.high <= bounds[1]
