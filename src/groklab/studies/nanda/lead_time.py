"""Which measures move before the test loss does, and which cry wolf?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import Course, LeadTime, measure_lead
from groklab.findings import Analysis, Finding, Table, Verdict, untested
from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import setting
from groklab.studies.reading import Reading, in_steps
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Nanda et al. 2023, abstract and section 5"
CLAIMS = (
    Claim(
        identifier="nanda.lead-restricted",
        source=SOURCE,
        claim="The restricted loss is a progress measure: it moves before the test loss, and only where a network will "
        "grok.",
        published=None,
        how="Lead over the test loss at a tenth of each curve's way, median over the networks that grokked with a "
        "bootstrap interval; false alarms among networks that cannot grok (docs/phases.md).",
        criterion="The interval of the lead lies above 0, and at most a tenth of the controls of each kind raise an "
        "alarm.",
        since="Changed on 2026-11-22: at first controls that end without key frequencies counted as watched, though "
        "they cannot raise an alarm by this measure; a lead where no control of some kind is left to watch was not "
        "judged, and is partly now.",
    ),
    Claim(
        identifier="nanda.lead-excluded",
        source=SOURCE,
        claim="The excluded loss is a progress measure.",
        published=None,
        how="As for the restricted loss.",
        criterion="As for the restricted loss.",
        since="Changed on 2026-11-22: at first controls that end without key frequencies counted as watched, though "
        "they cannot raise an alarm by this measure; a lead where no control of some kind is left to watch was not "
        "judged, and is partly now.",
    ),
    Claim(
        identifier="nanda.lead-gini",
        source=SOURCE,
        claim="The Gini coefficient of W_L's spectrum is a progress measure.",
        published=None,
        how="As for the restricted loss.",
        criterion="As for the restricted loss.",
    ),
    Claim(
        identifier="nanda.lead-squares",
        source=SOURCE,
        claim="The sum of squared weights is a progress measure.",
        published=None,
        how="As for the restricted loss.",
        criterion="As for the restricted loss.",
    ),
)

NAMES = ("restricted_loss", "excluded_loss", "gini_neuron_logit", "sum_of_squares")
"""The measures that the claims speak of, in their order."""
GOAL = (
    "test_loss", "test_accuracy", "test_margin", "test_margin_spread", "mirror_accuracy_trained",
    "mirror_accuracy_untrained", "gen_lead", "mem_lead",
)  # fmt: skip
"""What is led: measures of answers to test pairs."""
KEY = ("restricted", "excluded")
"""Beginnings of the names of measures that refer to key frequencies: without any they say nothing."""


def analyse(record: "Record") -> Analysis:
    """The lead and the false alarms of every scalar measure, at a tenth and at a half of its way."""
    read = Reading(record)
    rows = {fraction: [_lead(read, name, fraction) for name in sorted(_measures(read))] for fraction in (0.1, 0.5)}
    tenth = {row.measure: row for row in rows[0.1]}
    return Analysis(
        findings=[_finding(read, claim, tenth.get(name)) for claim, name in zip(CLAIMS, NAMES, strict=True)],
        tables=[_table(fraction, found) for fraction, found in rows.items()],
    )


def _measures(read: Reading) -> list[str]:
    """Measures of one number a network that were taken of grokked networks, those of answers to test pairs apart."""
    scalar = [str(name) for name, variable in read.metrics.data_vars.items() if variable.dims == ("run", "step")]
    grokked = [run for run in np.flatnonzero(read.has_grokked) if _arm(read.runs[run]) == ""]
    return [name for name in scalar if name not in GOAL and np.isfinite(read.curve(name)[grokked]).any(axis=1).all()]


def _lead(read: Reading, name: str, fraction: float) -> LeadTime:
    groups: dict[str, list[Course]] = {}
    has_key = read.last("key_count") > 0
    for run, settings in enumerate(read.runs):
        arm, grokked, learnt = _arm(settings), bool(read.has_grokked[run]), not np.isnan(read.memorised[run])
        if grokked != (arm == "") or (grokked and not learnt):
            continue
        watched = learnt and bool(has_key[run] or not name.startswith(KEY))
        course = Course(
            steps=read.steps,
            values=read.curve(name)[run],
            memorised=float(read.memorised[run]) if watched else None,
            falls=read.falls("test_loss", run, like=name) if grokked else None,
        )
        groups.setdefault(arm, []).append(course)
    positive = all(np.nanmin(course.values, initial=np.inf) > 0 for courses in groups.values() for course in courses)
    scale = "log" if positive and "_loss" in name else "linear"
    return measure_lead(name, groups.pop("", []), groups, scale=scale, fraction=fraction)


def _arm(run: Run) -> str:
    """The kind of control a run is; empty for one that can grok."""
    if run.split.labels == "random":
        return "random labels"
    if run.optimiser.weight_decay == 0:
        return "weight decay 0"
    return "too little data" if run.split.fraction == 0.15 else ""


def _finding(read: Reading, claim: Claim, row: LeadTime | None) -> Finding:
    if row is None or row.verdict == "not tested":
        return untested(claim, scale=read.scale, sentence="too few networks grokked, or there are no controls")
    verdicts: dict[str, Verdict] = {
        "progress measure": "reproduced",
        "false alarms": "partly",
        "leads, false alarms not tested": "partly",
    }
    against: Verdict = "contradicted" if row.lead.high < 0 else "not reproduced"
    return Finding(
        claim=claim,
        verdict=verdicts.get(row.verdict, against),
        sentence=row.sentence,
        value=row.lead.value,
        low=row.lead.low,
        high=row.lead.high,
        units="steps",
        seeds=row.lead.count,
        scale=read.scale,
    )


def _table(fraction: float, found: list[LeadTime]) -> Table:
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
        "has gone a tenth of its way, less the step of the alarm; median over networks. The rule: docs/phases.md.",
    )


@experiment(
    source=SOURCE,
    laptop="25 networks, P = 59, 6,000 steps: about 2 minutes on two cores",
    paper="25 networks, P = 113, 40,000 steps: hours on two cores",
    seeds=5,
    claims=CLAIMS,
    analysis=analyse,
    choices=(
        "Seeds from 0 on, 0 to 7 of them among those on which the laptop setting was chosen.",
        "Networks that grok: twice as many seeds as of each kind of control.",
        "Controls, each a network that cannot grok or does not within the budget: weight decay 0; random labels; 15% "
        "of the pairs.",
        "Restricted and excluded losses refer to the key frequencies of the final network. A control that ends without "
        "any cannot raise an alarm by them, and is not counted as watched; the first version counted it.",
        "Measures that are computed from kept weights are compared at those steps, every 100 at laptop scale; the test "
        "loss is taken at the same steps then.",
    ),
)
def lead_time(scale: Scale, seeds: int) -> Iterator[Run]:
    """For every measure: how long before the test loss it moves, and how often it moves in networks that never grok."""
    controls = (
        {"weight_decay": 0.0},
        {"labels": "random"},
        {"fraction": 0.15},
    )
    for seed in range(2 * seeds):
        yield setting(scale, seed)
    for changes in controls:
        for seed in range(seeds):
            yield setting(scale, seed).replace(changes)
