"""Which measures move before the test loss does, and which cry wolf?"""

from collections.abc import Iterator

from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import setting
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

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
    ),
    Claim(
        identifier="nanda.lead-excluded",
        source=SOURCE,
        claim="The excluded loss is a progress measure.",
        published=None,
        how="As for the restricted loss.",
        criterion="As for the restricted loss.",
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


@experiment(
    source=SOURCE,
    laptop="25 networks, P = 59, 6,000 steps: about 3 minutes on two cores",
    paper="25 networks, P = 113, 40,000 steps: hours on two cores",
    seeds=5,
    claims=CLAIMS,
    choices=(
        "Networks that grok: twice as many seeds as of each kind of control.",
        "Controls, each a network that cannot grok or does not within the budget: weight decay 0; random labels; 15% "
        "of the pairs.",
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
