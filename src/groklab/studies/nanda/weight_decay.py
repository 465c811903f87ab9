"""How much weight decay: none never groks; does more make it sooner, or later?"""

from collections.abc import Iterator

from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import setting
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

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
        "did not grok ranked last; bootstrap interval over networks.",
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


@experiment(
    source=SOURCE,
    laptop="35 networks, P = 59, up to 20,000 steps: about 5 minutes on two cores",
    paper="30 networks, P = 113, up to 40,000 steps: hours on two cores",
    seeds=5,
    claims=CLAIMS,
    choices=(
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
            run = setting(scale, seed)
            yield run.replace(
                {
                    "weight_decay": decay,
                    "steps": 20_000 if scale == "laptop" else run.steps,
                    "after_grokking": 2000,
                    "checkpoints.every": 1000,
                    "checkpoints.growth": 2.0,
                }
            )
