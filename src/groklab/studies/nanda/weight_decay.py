"""How much weight decay: none never groks; does more make it sooner, or later?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.findings import Analysis, by_interval, by_seeds
from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import FRESH, setting
from groklab.studies.reading import Reading, count_of, in_words, rank_agreement
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Nanda et al. 2023, appendix D"
CLAIMS = (
    Claim(
        identifier="nanda.decay-none-never",
        source=SOURCE,
        claim="Without weight decay networks do not grok.",
        published="none",
        how="Share of the networks with decay 0 that never pass 0.99 test accuracy within the budget.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.decay-sooner",
        source=SOURCE,
        claim="The stronger the weight decay, the sooner a network groks (the paper's words).",
        published="in words only",
        how="Kendall's tau between decay and time to grok over the networks with decay 0.3, 1 and 3, with those that "
        "did not grok ranked last; bootstrap interval over seeds.",
        criterion="The 95% interval lies below 0.",
    ),
    Claim(
        identifier="nanda.decay-later",
        source=SOURCE,
        claim="The stronger the weight decay, the later a network groks (the paper's numbers).",
        published="3,000, 5,000 to 10,000 and 20,000 steps at decay 0.3, 1 and 3",
        how="The same tau as for the paper's words.",
        criterion="The 95% interval lies above 0.",
    ),
)


def analyse(record: "Record") -> Analysis:
    """Time to grok by the strength of the decay, censored."""
    read = Reading(record)
    none_never, sooner, later = CLAIMS
    decay = np.array([run.optimiser.weight_decay for run in read.runs], dtype=float)
    never = ~read.has_grokked[decay == 0]
    named = np.isin(decay, (0.3, 1.0, 3.0))
    seeds = read.metrics["seed"].values
    tau = rank_agreement(decay[named], read.time[named], read.has_grokked[named], seeds[named])
    arms = read.arms(lambda run: f"{run.optimiser.weight_decay:g}")
    by_tau = [
        by_interval(
            claim,
            tau.value,
            (tau.low, tau.high),
            allowed=allowed,
            contrary=[contrary],
            units="Kendall's tau",
            seeds=tau.count,
            scale=read.scale,
            sentence=f"tau between decay (0.3, 1, 3) and time to grok: {in_words(tau)}",
        )
        for claim, allowed, contrary in ((sooner, (-1, 0), (0, 1)), (later, (0, 1), (-1, 0)))
    ]
    return Analysis(
        findings=[
            by_seeds(
                none_never,
                never,
                contrary=~never,
                scale=read.scale,
                sentence=f"{count_of(never)} networks without weight decay do not grok within the budget",
            ),
            *by_tau,
        ],
        tables=[
            read.table(
                "Grokking by the strength of weight decay",
                arms,
                "weight decay",
                {"trig_share": "trigonometric share", "sum_of_squares": "sum of squares"},
            )
        ],
        charts=[read.survival_chart(arms, "decay {}")],
    )


@experiment(
    source=SOURCE,
    laptop="35 networks, P = 59, up to 20,000 steps: about 6 minutes on two cores",
    paper="30 networks, P = 113, up to 40,000 steps: hours on two cores",
    seeds=5,
    claims=CLAIMS,
    analysis=analyse,
    reads=("trig_share", "sum_of_squares"),
    choices=(
        "Seeds from 8 on: the laptop setting was chosen on seeds 0 to 7.",
        "The paper's six decays at both scales, and at laptop scale its main setting's 1.5 as well.",
        "The paper's words and its numbers contradict each other; both stand here as claims, so that at most one can "
        "hold.",
        "A run ends 2,000 steps after it grokked.",
    ),
)
def weight_decay(scale: Scale, seeds: int) -> Iterator[Run]:
    """Time to grok against the strength of the weight decay."""
    decays = (0.0, 0.1, 0.3, 1.0, 1.5, 3.0, 5.0) if scale == "laptop" else (0.0, 0.1, 0.3, 1.0, 3.0, 5.0)
    for decay in decays:
        for seed in range(seeds):
            run = setting(scale, FRESH + seed)
            yield run.replace(
                {
                    "weight_decay": decay,
                    "steps": 20_000 if scale == "laptop" else run.steps,
                    "after_grokking": 2000,
                    "checkpoints.every": 1000,
                    "checkpoints.growth": 2.0,
                }
            )
