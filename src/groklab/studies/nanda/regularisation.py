"""Other regularisers: dropout and an l1 penalty in the place of weight decay."""

from collections.abc import Iterator

from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import setting
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

SOURCE = "Nanda et al. 2023, appendix D"
CLAIMS = (
    Claim(
        identifier="nanda.regularise-none",
        source=SOURCE,
        claim="Without any regulariser networks do not grok.",
        published="none",
        how="Share of the networks without one that never pass 0.99 test accuracy within the budget.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.regularise-dropout",
        source=SOURCE,
        claim="With dropout and no weight decay networks grok.",
        published="at 0.2 and 0.5",
        how="Share of the networks with dropout whose test accuracy passes 0.99 within the budget.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.regularise-dropout-less-trigonometric",
        source=SOURCE,
        claim="Their logits are explained less by the key cosines than those of networks with decay.",
        published="71% to 89% against 91% to 99%",
        how="Share of the logits' variance that is a function of a + b - c, at the last step, networks that grokked: "
        "mean with dropout minus mean with decay, bootstrap interval over networks.",
        criterion="The 95% interval lies below 0.",
    ),
    Claim(
        identifier="nanda.regularise-dropout-dense",
        source=SOURCE,
        claim="Their embeddings are not sparse in Fourier.",
        published=None,
        how="Gini coefficient of W_E's spectrum at the last step: mean with dropout minus mean with decay, bootstrap "
        "interval over networks.",
        criterion="The 95% interval lies below -0.1.",
    ),
    Claim(
        identifier="nanda.regularise-l1",
        source=SOURCE,
        claim="With an l1 penalty and no weight decay networks never grok.",
        published="never",
        how="Share of the networks with an l1 penalty that never pass 0.99 test accuracy within the budget.",
        criterion="At least 80% of the networks.",
    ),
)


@experiment(
    source=SOURCE,
    laptop="30 networks, P = 59, 5,000 steps: about 8 minutes on two cores",
    paper="30 networks, P = 113, 40,000 steps: a day on two cores",
    seeds=5,
    claims=CLAIMS,
    choices=(
        "Dropout is on the embeddings, the heads' output and the neurons; where the paper had it is not stated.",
        "The l1 penalties are 1e-5 and 1e-4 on the sum of absolute weights; the paper's strength is not known.",
    ),
)
def regularisation(scale: Scale, seeds: int) -> Iterator[Run]:
    """No regulariser, weight decay, dropout 0.2 and 0.5, and l1: which of them make networks grok?"""
    off = {"weight_decay": 0.0}
    cases = ({}, off, off | {"dropout": 0.2}, off | {"dropout": 0.5}, off | {"l1": 1e-5}, off | {"l1": 1e-4})
    for changes in cases:
        for seed in range(seeds):
            run = setting(scale, seed)
            yield run.replace(
                changes
                | {
                    "steps": 5000 if scale == "laptop" else run.steps,
                    "checkpoints.every": 1000,
                    "checkpoints.growth": 2.0,
                }
            )
