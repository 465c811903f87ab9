"""The usual cross-entropy in float32 against the margin form."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import difference_of_shares
from groklab.findings import Analysis, by_interval, by_seeds
from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import FRESH, setting
from groklab.studies.reading import Reading, count_of, in_words, tally
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Nanda et al. 2023, section 3 and appendix D; Thilak et al. 2022"
CLAIMS = (
    Claim(
        identifier="nanda.slingshots-precision",
        source=SOURCE,
        claim="The usual cross-entropy in float32 causes slingshots in one layer, an exact one does not.",
        published="in words only",
        how="Slingshots: rises of the train loss by a factor of 10 or more above its running minimum after "
        "memorisation, and back; share of networks with at least one under the usual form minus that under the margin "
        "form, Newcombe interval.",
        criterion="The 95% interval lies above 0.",
    ),
    Claim(
        identifier="nanda.slingshots-not-needed",
        source=SOURCE,
        claim="Slingshots are not needed for grokking.",
        published="in words only",
        how="Share of the networks without any slingshot (either loss) that grok within the budget.",
        criterion="At least 80% of them.",
    ),
)


def analyse(record: "Record") -> Analysis:
    """Slingshots by the form of the loss, and whether grokking needs them."""
    read = Reading(record)
    precision, not_needed = CLAIMS
    usual = np.array([run.loss == "log_softmax" for run in read.runs], dtype=bool)
    jumps = read.slingshots
    difference = difference_of_shares(tally(jumps[usual] > 0), tally(jumps[~usual] > 0))
    smooth = read.has_grokked[jumps == 0]
    arms = read.arms(lambda run: {"margin": "margin form", "log_softmax": "float32 log-softmax"}[run.loss])
    return Analysis(
        findings=[
            by_interval(
                precision,
                difference.value,
                (difference.low, difference.high),
                allowed=(np.nextafter(0, 1), 1),
                contrary=[(-1, np.nextafter(0, -1))],
                units="difference of shares",
                seeds=difference.count,
                scale=read.scale,
                sentence=f"share of networks with slingshots, log-softmax less margin form: {in_words(difference)}",
            ),
            by_seeds(
                not_needed,
                smooth,
                contrary=~smooth,
                scale=read.scale,
                sentence=f"{count_of(smooth)} networks without a slingshot grok within the budget",
            ),
        ],
        tables=[
            read.table("Grokking by the form of the loss", arms, "loss", {"trig_share": "trigonometric share"}),
            read.slingshots_table(arms, "loss"),
        ],
    )


@experiment(
    source=SOURCE,
    laptop="20 networks, P = 59, 8,000 steps: about 3 minutes on two cores",
    paper="20 networks, P = 113, 40,000 steps: hours on two cores",
    seeds=10,
    claims=CLAIMS,
    analysis=analyse,
    reads=("trig_share",),
    choices=(
        "Seeds from 8 on: the laptop setting was chosen on seeds 0 to 7.",
        "Both forms have the same seeds, initial weights and training sets.",
        "A slingshot is counted at the logged steps only (every 10 at laptop scale, every 20 at paper scale), so that "
        "short ones between are missed.",
    ),
)
def slingshots(scale: Scale, seeds: int) -> Iterator[Run]:
    """The same networks trained on the usual float32 log-softmax and on the margin form of the loss."""
    for loss in ("margin", "log_softmax"):
        for seed in range(seeds):
            run = setting(scale, FRESH + seed)
            yield run.replace(
                {
                    "loss": loss,
                    "steps": 8000 if scale == "laptop" else run.steps,
                    "logging.every": 10 if scale == "laptop" else 20,
                    "checkpoints.every": 1000,
                    "checkpoints.growth": 2.0,
                }
            )
