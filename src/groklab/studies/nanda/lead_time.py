"""Which measures move before the test loss does, and which cry wolf?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import LeadTime
from groklab.findings import Analysis, Finding, Verdict, untested
from groklab.findings.claim import Claim
from groklab.studies.leading import control, lead_of, lead_table, with_controls
from groklab.studies.nanda.mainline import setting
from groklab.studies.reading import Reading
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


def analyse(record: "Record") -> Analysis:
    """The lead and the false alarms of every scalar measure, at a tenth and at a half of its way."""
    read = Reading(record)
    rows = {fraction: [lead_of(read, name, fraction) for name in sorted(_measures(read))] for fraction in (0.1, 0.5)}
    tenth = {row.measure: row for row in rows[0.1]}
    return Analysis(
        findings=[_finding(read, claim, tenth.get(name)) for claim, name in zip(CLAIMS, NAMES, strict=True)],
        tables=[lead_table(fraction, found) for fraction, found in rows.items()],
    )


def _measures(read: Reading) -> list[str]:
    """Measures of one number a network that were taken of grokked networks, those of answers to test pairs apart."""
    scalar = [str(name) for name, variable in read.metrics.data_vars.items() if variable.dims == ("run", "step")]
    grokked = [run for run in np.flatnonzero(read.has_grokked) if control(read.runs[run]) == ""]
    return [name for name in scalar if name not in GOAL and np.isfinite(read.curve(name)[grokked]).any(axis=1).all()]


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
    yield from with_controls(lambda seed: setting(scale, seed), seeds)
