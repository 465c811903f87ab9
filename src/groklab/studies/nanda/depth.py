"""Two layers instead of one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import difference_of_shares
from groklab.findings import Analysis, by_interval, by_seeds
from groklab.findings.claim import Claim
from groklab.models.settings import TransformerSettings
from groklab.studies.nanda.mainline import setting
from groklab.studies.reading import Reading, count_of, in_words, tally
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Nanda et al. 2023, appendix D"
CLAIMS = (
    Claim(
        identifier="nanda.depth-groks",
        source=SOURCE,
        claim="Networks of two layers grok to some degree.",
        published="in words only",
        how="Share of the networks of two layers whose test accuracy is below 0.5 when they have memorised and above "
        "0.9 at some later step.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.depth-slingshots",
        source=SOURCE,
        claim="Networks of two layers show slingshots, those of one layer, with an exact loss, do not.",
        published="in words only",
        how="Slingshots: rises of the train loss by a factor of 10 or more above its running minimum after "
        "memorisation, and back; share of networks with at least one among two layers minus that among one, Newcombe "
        "interval.",
        criterion="The 95% interval lies above 0.",
        since="Changed on 2026-11-22: at first a rise of the loss that does not come back counted as a slingshot, and "
        "the interval was a bootstrap.",
    ),
)


def analyse(record: "Record") -> Analysis:
    """Grokking and slingshots by depth."""
    read = Reading(record)
    groks, sling = CLAIMS
    layers = np.array([getattr(run.model, "layers", 0) for run in read.runs], dtype=int)
    jumps = read.slingshots
    with np.errstate(invalid="ignore"):
        late = (read.at("test_accuracy", read.memorised) < 0.5) & (np.nanmax(read.curve("test_accuracy"), axis=1) > 0.9)
    late = late[layers == 2]
    difference = difference_of_shares(tally(jumps[layers == 2] > 0), tally(jumps[layers == 1] > 0))
    arms = read.arms(lambda run: str(run.model.layers) if isinstance(run.model, TransformerSettings) else "")
    return Analysis(
        findings=[
            by_seeds(
                groks,
                late,
                scale=read.scale,
                sentence=f"{count_of(late)} networks of two layers memorise below 0.5 test accuracy and pass 0.9 later",
            ),
            by_interval(
                sling,
                difference.value,
                (difference.low, difference.high),
                allowed=(np.nextafter(0, 1), 1),
                contrary=[(-1, np.nextafter(0, -1))],
                units="difference of shares",
                seeds=difference.count,
                scale=read.scale,
                sentence=f"share of networks with slingshots, two layers less one: {in_words(difference)}",
            ),
        ],
        tables=[
            read.table("Grokking by depth", arms, "layers", {"trig_share": "trigonometric share"}),
            read.slingshots_table(arms, "layers"),
        ],
    )


@experiment(
    source=SOURCE,
    laptop="10 networks, P = 59, 5,000 steps: about 7 minutes on two cores",
    paper="10 networks, P = 113, 40,000 steps: a day on two cores, an hour on a GPU",
    seeds=5,
    claims=CLAIMS,
    analysis=analyse,
    reads=("trig_share",),
    choices=(
        "Seeds from 0 on, among those on which the laptop setting was chosen: its own arm groks more often for it.",
        "Both depths at every other setting of the main run.",
        "The first version counted a rise of the train loss that did not come back as a slingshot, and bootstrapped "
        "shares of five networks.",
        "Weight decay and learning rate are the main run's; a deeper network might want others.",
    ),
)
def depth(scale: Scale, seeds: int) -> Iterator[Run]:
    """One layer and two layers at the main setting."""
    for layers in (1, 2):
        for seed in range(seeds):
            run = setting(scale, seed)
            yield run.replace(
                {
                    "layers": layers,
                    "steps": 5000 if scale == "laptop" else run.steps,
                    "checkpoints.every": 1000,
                    "checkpoints.growth": 2.0,
                }
            )
