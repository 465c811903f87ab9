"""Other seeds of the main run: is it the same algorithm every time, with other frequencies?"""

from collections.abc import Iterator

from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import setting
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

SOURCE = "Nanda et al. 2023, appendix C.2.1"
CLAIMS = (
    Claim(
        identifier="nanda.seeds-grok",
        source=SOURCE,
        claim="Networks of other seeds grok as well.",
        published="4 of 4",
        how="Share of the networks with test accuracy above 0.99 at some step of the budget.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.seeds-same-algorithm",
        source=SOURCE,
        claim="All of them compute the sum by the same trigonometric algorithm.",
        published="4 of 4",
        how="Of the networks that grokked, the share whose logits' variance is to 90% a function of a + b - c at the "
        "end.",
        criterion="At least 80% of the networks that grokked.",
    ),
    Claim(
        identifier="nanda.seeds-few-frequencies",
        source=SOURCE,
        claim="Each uses three to five key frequencies.",
        published="3 to 5",
        how="Of the networks that grokked, the share with 3 to 5 key frequencies (default rule on W_L) at the end.",
        criterion="At least 80% of the networks that grokked.",
    ),
    Claim(
        identifier="nanda.seeds-different-frequencies",
        source=SOURCE,
        claim="Which frequencies they are differs from seed to seed.",
        published=None,
        how="Of the networks that grokked, the share whose set of key frequencies no other network has.",
        criterion="At least 80% of the networks that grokked.",
    ),
)


@experiment(
    source=SOURCE,
    laptop="20 networks, P = 59, 8,000 steps: about 2 minutes on two cores",
    paper="20 networks, P = 113, 40,000 steps: two hours on two cores",
    seeds=20,
    claims=CLAIMS,
    choices=("Twenty seeds at both scales, where the paper has four beside the main run.",),
)
def seeds(scale: Scale, seeds: int) -> Iterator[Run]:
    """The main setting with many seeds: do all networks find the same algorithm, and which frequencies?"""
    for seed in range(seeds):
        run = setting(scale, seed)
        yield run.replace(
            {
                "steps": 8000 if scale == "laptop" else run.steps,
                "checkpoints.every": 1000,
                "checkpoints.growth": 2.0,
            }
        )
