"""How long before the test loss falls a measure moves, and how often it does so in networks that never grok.

For every grokked network, the level of alarm comes from the others: the median of where they stood a fraction of their
way from their value at memorisation to their final one. The alarm is the first step after memorisation from which on
the measure is past that level for a window of steps; nothing after the window is looked at. The lead is the step
at which the test loss falls less that step; who waits for the window to be over has that much less. False alarms are
the same question, asked of networks that never grok.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from groklab.curves.curve import Curve, Scale
from groklab.curves.intervals import Estimate, bootstrap, clopper_pearson
from groklab.curves.transitions import crossing
from groklab.errors import Mistake

MOST_FALSE_ALARMS = 0.1
"""Largest share of networks in any group that may raise an alarm without grokking."""

Verdict = Literal[
    "progress measure",
    "does not lead",
    "false alarms",
    "does not lead, false alarms",
    "leads, false alarms not tested",
    "not tested",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """A measure along one network's training."""

    steps: Sequence[float] | np.ndarray
    """The logged steps."""
    values: Sequence[float] | np.ndarray
    """The measure at them, NaN where it was not logged."""
    memorised: float | None
    """Step at which it had memorised; nothing when it never had."""
    falls: float | None = None
    """Step at which its test loss has gone a tenth of its way; nothing when it never grokked."""


@dataclass(frozen=True, kw_only=True)
class FalseAlarms:
    """Alarms of one group of networks that never grok."""

    share: Estimate
    """Share of those watched that raised the alarm, with its Clopper-Pearson interval; NaN when none was watched."""
    alarms: int
    """Networks that raised it."""
    watched: int
    """Networks that memorised: before that nobody listens."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LeadTime:
    """One measure as an alarm: a row of the table of progress measures."""

    measure: str
    """Its name."""
    scale: Scale
    """The scale that fractions of its way are taken on."""
    fraction: float
    """Fraction of its way at which it stands at its level of alarm."""
    window: float
    """Share of the run's steps that it has to stay past the level."""
    direction: Literal[-1, 0, 1]
    """Whether grokked networks end above (1) or below (-1) where they memorised; 0 when they do not differ."""
    agreeing: float
    """Share of the grokked networks that move in this direction."""
    level: float
    """Level of alarm of all grokked networks, in the measure's units."""
    leads: tuple[float, ...]
    """Lead of every grokked network, in steps; for a silent one the most it can be."""
    lead: Estimate
    """Their median, with its bootstrap interval over seeds."""
    silent: int
    """Grokked networks that never raised the alarm."""
    false_alarms: Mapping[str, FalseAlarms]
    """By group of networks that never grok."""
    verdict: Verdict
    """A progress measure has its lead's interval above 0, and alarms in at most a tenth of every group."""
    sentence: str
    """The verdict's reason."""


def measure_lead(
    measure: str,
    grokked: Sequence[Course],
    never: Mapping[str, Sequence[Course]],
    *,
    scale: Scale = "linear",
    fraction: float = 0.1,
    window: float = 0.05,
    seed: int = 0,
) -> LeadTime:
    """The lead of a measure over grokked networks, and its false alarms in groups of networks that never grok.

    `scale` is logarithmic for losses. `window` is a share of a run's steps; where a run ends before the window does, to
    its end is enough. The direction comes from the other grokked networks. One that never raises the alarm
    counts with the largest lead that it can have, to the end of its run, which is below 0. One that is past the level
    when it has memorised has its alarm there. With fewer than two grokked networks nothing can be left out, and the
    verdict is `not tested`. Raises `Mistake` for a grokked network without the step at which it memorised or its test
    loss fell, or without a logged value, and for a fraction or window outside 0 to 1.
    """
    if not 0 < fraction < 1 or not 0 <= window < 1:
        raise Mistake(f"a lead takes a fraction of the way and a window within 0 to 1, not {fraction} and {window}")
    curves = [Curve.of(course.steps, course.values, scale) for course in grokked]
    if not all(map(len, curves)) or any(course.memorised is None or course.falls is None for course in grokked):
        raise Mistake(
            f"every grokked network needs {measure} and the steps at which it memorised and its test loss fell"
        )
    begins = np.array([curve.at(course.memorised or 0.0) for curve, course in zip(curves, grokked, strict=True)])
    ends = np.array([curve.stretch(0.9, 1) for curve in curves])
    levels = begins + fraction * (ends - begins)
    leads, silent = _leads(grokked, curves, levels, ends - begins, window)
    direction, level = _direction(ends - begins), float(np.median(levels)) if len(levels) else math.nan
    alarms = {name: _false_alarms(courses, scale, level, direction, window) for name, courses in never.items()}
    lead = bootstrap(leads, seed=seed)
    verdict, sentence = _judged(lead, silent, alarms)
    return LeadTime(
        measure=measure,
        scale=scale,
        fraction=fraction,
        window=window,
        direction=direction,
        agreeing=float(np.mean(np.sign(ends - begins) == direction)) if len(ends) else math.nan,
        level=curves[0].in_units(level) if curves else math.nan,
        leads=tuple(leads),
        lead=lead,
        silent=silent,
        false_alarms=alarms,
        verdict=verdict,
        sentence=sentence,
    )


def _leads(
    grokked: Sequence[Course],
    curves: Sequence[Curve],
    levels: Float[np.ndarray, " seed"],
    ways: Float[np.ndarray, " seed"],
    window: float,
) -> tuple[list[float], int]:
    """The lead of every network by the level and direction of the others, and how many were silent."""
    if len(curves) < 2:
        return [], 0
    leads: list[float] = []
    silent = 0
    for index, (course, curve) in enumerate(zip(grokked, curves, strict=True)):
        others = np.arange(len(curves)) != index
        alarm = _alarm(curve, course.memorised, float(np.median(levels[others])), _direction(ways[others]), window)
        silent += alarm is None
        leads.append((course.falls or 0.0) - (float(curve.steps[-1]) if alarm is None else alarm))
    return leads, silent


def _alarm(
    curve: Curve, memorised: float | None, level: float, direction: Literal[-1, 0, 1], window: float
) -> float | None:
    if memorised is None or direction == 0:
        return None
    lasting = window * float(curve.steps[-1] - curve.steps[0])
    found = crossing(curve, level, direction, lasting=lasting, after=memorised)
    return None if found is None else found.step


def _direction(ways: Float[np.ndarray, " seed"]) -> Literal[-1, 0, 1]:
    middle = float(np.median(ways)) if len(ways) else 0.0
    return 1 if middle > 0 else -1 if middle < 0 else 0


def _false_alarms(
    courses: Sequence[Course],
    scale: Scale,
    level: float,
    direction: Literal[-1, 0, 1],
    window: float,
) -> FalseAlarms:
    curves = [(Curve.of(one.steps, one.values, scale), one.memorised) for one in courses]
    watched = [(curve, memorised) for curve, memorised in curves if len(curve) and memorised is not None]
    alarms = sum(_alarm(curve, memorised, level, direction, window) is not None for curve, memorised in watched)
    return FalseAlarms(share=clopper_pearson(alarms, len(watched)), alarms=alarms, watched=len(watched))


def _judged(lead: Estimate, silent: int, alarms: Mapping[str, FalseAlarms]) -> tuple[Verdict, str]:
    """The verdict and its reason, from the lead and the false alarms."""
    if lead.count < 2:
        return "not tested", "fewer than two networks grokked: there are no others to take a level of alarm from"
    said = (
        f"moves {lead.value:,.0f} steps (95% interval {lead.low:,.0f} to {lead.high:,.0f}) before the test loss falls"
    )
    said += f", silent in {silent} of {lead.count} grokked networks" * (silent > 0)
    tested = {name: group for name, group in alarms.items() if group.watched}
    loud = [name for name, group in tested.items() if group.share.value > MOST_FALSE_ALARMS]
    counted = [
        f"{group.alarms} of {group.watched} with {name} (at most {group.share.high:.0%})"
        for name, group in tested.items()
    ]
    heard = f"; false alarms in {', '.join(counted)}" if counted else "; no network that never groks was watched"
    if unwatched := [name for name in alarms if name not in tested]:
        heard += f"; none to watch with {', '.join(unwatched)}" * bool(counted)
    if lead.low > 0:
        all_tested = bool(tested) and len(tested) == len(alarms)
        verdict: Verdict = (
            "false alarms" if loud else "progress measure" if all_tested else "leads, false alarms not tested"
        )
    else:
        verdict = "does not lead, false alarms" if loud else "does not lead"
    return verdict, said + heard
