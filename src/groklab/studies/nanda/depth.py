"""Two layers instead of one."""

from collections.abc import Iterator

from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import setting
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

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
        "memorisation, and back; share of networks with at least one among two layers minus that among one, bootstrap "
        "interval over networks.",
        criterion="The 95% interval lies above 0.",
    ),
)


@experiment(
    source=SOURCE,
    laptop="10 networks, P = 59, 5,000 steps: about 8 minutes on two cores",
    paper="10 networks, P = 113, 40,000 steps: a day on two cores, an hour on a GPU",
    seeds=5,
    claims=CLAIMS,
    choices=(
        "Both depths at every other setting of the main run.",
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
