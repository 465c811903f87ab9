"""The usual cross-entropy in float32 against the margin form."""

from collections.abc import Iterator

from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import setting
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

SOURCE = "Nanda et al. 2023, section 3 and appendix D; Thilak et al. 2022"
CLAIMS = (
    Claim(
        identifier="nanda.slingshots-precision",
        source=SOURCE,
        claim="The usual cross-entropy in float32 causes slingshots in one layer, an exact one does not.",
        published="in words only",
        how="Slingshots: rises of the train loss by a factor of 10 or more above its running minimum after "
        "memorisation, and back; share of networks with at least one under the usual form minus that under the margin "
        "form, bootstrap interval over networks.",
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


@experiment(
    source=SOURCE,
    laptop="20 networks, P = 59, 8,000 steps: about 3 minutes on two cores",
    paper="10 networks, P = 113, 40,000 steps: hours on two cores",
    seeds=10,
    claims=CLAIMS,
    choices=(
        "Both forms have the same seeds, initial weights and training sets.",
        "A slingshot is counted at the logged steps only (every 10 at laptop scale, every 20 at paper scale), so that "
        "short ones between are missed.",
    ),
)
def slingshots(scale: Scale, seeds: int) -> Iterator[Run]:
    """The same networks trained on the usual float32 log-softmax and on the margin form of the loss."""
    for loss in ("margin", "log_softmax"):
        for seed in range(seeds):
            run = setting(scale, seed)
            yield run.replace(
                {
                    "loss": loss,
                    "steps": 8000 if scale == "laptop" else run.steps,
                    "logging.every": 10 if scale == "laptop" else 20,
                    "checkpoints.every": 1000,
                    "checkpoints.growth": 2.0,
                }
            )
