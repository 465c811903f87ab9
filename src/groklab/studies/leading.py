"""Which measures move before the test loss does: leads and false alarms, over networks that grok and that cannot."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from groklab.curves import Course, LeadTime, measure_lead
from groklab.findings import Table
from groklab.studies.reading import Reading, in_steps
from groklab.training.settings import Run

KEY = ("restricted", "excluded")
"""Beginnings of the names of measures that refer to key frequencies: without any they say nothing."""
CONTROLS: tuple[Mapping[str, object], ...] = (
    {"weight_decay": 0.0},
    {"labels": "random"},
    {"fraction": 0.15},
)
"""What makes a network one that cannot grok, or does not within the budget."""


def with_controls(network: Callable[[int], Run], seeds: int, first: int = 0) -> Iterator[Run]:
    """Networks that may grok, twice `seeds` of them, then `seeds` controls of each kind; seeds count from `first`."""
    for seed in range(first, first + 2 * seeds):
        yield network(seed)
    for changes in CONTROLS:
        for seed in range(first, first + seeds):
            yield network(seed).replace(changes)


def control(run: Run) -> str:
    """The kind of control a run is; empty for one that can grok."""
    if run.split.labels == "random":
        return "random labels"
    if run.optimiser.weight_decay == 0:
        return "weight decay 0"
    return "too little data" if run.split.fraction == 0.15 else ""


def lead_of(
    read: Reading,
    name: str,
    fraction: float,
    curves: Float[np.ndarray, "run step"] | None = None,
    *,
    in_log: bool | None = None,
) -> LeadTime:
    """The lead and the false alarms of a measure, or of curves that are given for it.

    `in_log` says whether its way is measured in logarithms; nothing means for losses, where all are above 0.
    """
    values = read.curve(name) if curves is None else curves
    groups: dict[str, list[Course]] = {}
    has_key = read.last("key_count") > 0
    for run, settings in enumerate(read.runs):
        kind, grokked, learnt = control(settings), bool(read.has_grokked[run]), not np.isnan(read.memorised[run])
        if grokked != (kind == "") or (grokked and not learnt):
            continue
        watched = learnt and bool(has_key[run] or not name.startswith(KEY))
        course = Course(
            steps=read.steps,
            values=values[run],
            memorised=float(read.memorised[run]) if watched else None,
            falls=read.falls("test_loss", run, like=values) if grokked else None,
        )
        groups.setdefault(kind, []).append(course)
    positive = all(np.nanmin(course.values, initial=np.inf) > 0 for courses in groups.values() for course in courses)
    log = positive and ("_loss" in name if in_log is None else in_log)
    return measure_lead(name, groups.pop("", []), groups, scale="log" if log else "linear", fraction=fraction)


def lead_table(fraction: float, found: Sequence[LeadTime]) -> Table:
    """A row a measure, those that lead most first."""
    kinds = list(found[0].false_alarms) if found else []
    ordered = sorted(found, key=lambda row: -row.lead.value if np.isfinite(row.lead.value) else np.inf)
    return Table(
        title=f"Lead over the test loss at {'a tenth' if fraction == 0.1 else 'half'} of the way",
        columns=["measure", "lead in steps", "silent", *(f"false alarms: {kind}" for kind in kinds), "verdict"],
        rows=[
            [
                row.measure,
                in_steps(row.lead),
                row.silent,
                *(f"{row.false_alarms[kind].alarms} of {row.false_alarms[kind].watched}" for kind in kinds),
                row.verdict,
            ]
            for row in ordered
        ],
        note="Each measure's level of alarm comes from the other networks that grokked: the median of where they stood "
        "that fraction of their way from memorisation to the end (losses in log). Lead: the step at which the test "
        "loss "
        "has gone a tenth of its way, less the step of the alarm; median over networks. Silent: networks that grokked "
        "and never came to that level and stayed there; they count with the most that their lead can be. False alarms: "
        "of the controls that were watched, those that came to it and stayed. A control is watched from where it "
        "memorised; one that did not is not watched, nor one without key frequencies where the measure refers to them, "
        "so that with 0 of 0 nothing was tested. The rule: docs/phases.md.",
    )
