"""A better proxy for the strengths of Gen and Mem than the paper's, tried on mixtures that are known."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import bootstrap
from groklab.findings import Analysis, Table
from groklab.findings.claim import Claim
from groklab.studies.reading import Reading, in_words
from groklab.studies.study import Scale, experiment
from groklab.studies.varma._ends import LEARNT, RULE, ends, of_number, sizes
from groklab.studies.varma._runs import network, pairs
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Beyond Varma et al. 2023, appendix B"
CLAIMS = (
    Claim(
        identifier="varma.proxy-flaw",
        source="Varma et al. 2023, appendix B",
        claim="The paper's proxy sees a generalising circuit in networks that only memorise.",
        published="in words: it overstates Gen and understates Mem",
        how="Networks that memorise right labels: Gen's proxy as a share of Gen's and Mem's together; mean with a "
        "bootstrap interval over networks.",
        criterion="The 95% interval lies above 0.1.",
    ),
    Claim(
        identifier="varma.proxy-leads",
        source=SOURCE,
        claim="The mean lead of held-out right answers that came up with neither operand sees next to none in them.",
        published=None,
        how="The same share with gen_lead and mem_lead.",
        criterion="The 95% interval lies between -0.05 and 0.05.",
    ),
)
MEMORISES = 0.1
"""Accuracy on pairs whose mirror is not trained on up to which a network counts as one that only memorises."""
MIXTURES = ((1.0, 0.0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0.0, 1.0))
"""Weights of the hand-made Gen and of the trained Mem network."""


def analyse(record: "Record") -> Analysis:
    """What both proxies say of networks that only memorise, and of their mixtures with a hand-made Gen."""
    read = Reading(record)
    values = {name: ends(read, name) for name in ("gen_logit", "mem_logit", "gen_lead", "mem_lead")}
    known = ends(read, "mirror_accuracy_untrained")
    only = (ends(read, "train_accuracy") > LEARNT) & (known <= MEMORISES)
    kept = {name: value[only] for name, value in values.items()}
    paper = bootstrap(kept["gen_logit"] / (kept["gen_logit"] + kept["mem_logit"]), statistic=np.mean)
    ours = bootstrap(kept["gen_lead"] / (kept["gen_lead"] + kept["mem_lead"]), statistic=np.mean)
    said = f"in {int(only.sum())} networks that only memorise the share of Gen is"
    rows = [
        [
            int(sizes(read)[run]),
            read.runs[run].seed,
            float(known[run]),
            *(float(value[run]) for value in values.values()),
        ]
        for run in np.flatnonzero(only).tolist()
    ]
    return Analysis(
        findings=[
            of_number(
                CLAIMS[0],
                paper,
                read,
                allowed=(0.1, np.inf),
                contrary=[(-0.05, 0.05)],
                units="share",
                sentence=f"{said} {in_words(paper)} by the paper's proxy",
            ),
            of_number(
                CLAIMS[1],
                ours,
                read,
                allowed=(-0.05, 0.05),
                contrary=[(0.1, np.inf)],
                units="share",
                sentence=f"{said} {in_words(ours)} by leads",
            ),
        ],
        tables=[
            _mixtures(kept, read.runs[0].table.modulus),
            Table(
                title="Each network that only memorises",
                columns=["pairs", "seed", "accuracy without mirrors", *(name.replace("_", " ") for name in values)],
                rows=rows,
            ),
        ],
        remarks=[f"{int(np.sum(~only))} of {len(only)} networks had not memorised, or knew more than their pairs."],
    )


def mixture(weights: tuple[float, float], gen: Mapping[str, float], mem: Mapping[str, float]) -> dict[str, float]:
    """The four proxies of w_g Gen + w_m Mem from those of the two alone: each is linear in the logits."""
    return {name: weights[0] * gen[name] + weights[1] * mem[name] for name in gen}


def _mixtures(values: Mapping[str, np.ndarray], modulus: int) -> Table:
    """By both proxies, mixtures of a mean Mem network with a Gen of the same strength.

    Gen is written down: cosines of all frequencies, so that its logit is 1 at the right answer and -1 / (P - 1)
    elsewhere, times a factor. Its proxies are then known: the paper's 1, its lead P / (P - 1), of Mem nothing.
    """
    mem = {name: float(np.mean(value)) if len(value) else np.nan for name, value in values.items()}
    lead = mem["gen_lead"] + mem["mem_lead"]
    gen = {"gen_logit": lead * (modulus - 1) / modulus, "mem_logit": 0.0, "gen_lead": lead, "mem_lead": 0.0}
    rows: list[list[str | int | float | None]] = []
    for weights in MIXTURES:
        seen = mixture(weights, gen, mem)
        by_paper = seen["gen_logit"] / (seen["gen_logit"] + seen["mem_logit"])
        by_leads = seen["gen_lead"] / (seen["gen_lead"] + seen["mem_lead"])
        rows.append([*weights, float(by_paper), float(by_leads)])
    return Table(
        title="Mixtures of a hand-made Gen and the mean Mem network of equal lead on train pairs",
        columns=["share of Gen", "share of Mem", "share of Gen by the paper's proxy", "by leads"],
        rows=rows,
        note="All proxies are linear in the logits, so that those of a mixture follow from its two parts.",
    )


@experiment(
    source=SOURCE,
    laptop="20 networks, P = 59, 2,000 steps: under a minute on two cores",
    paper="20 networks, P = 113, 4,000 steps: 10 minutes on two cores",
    seeds=5,
    claims=CLAIMS,
    choices=(
        RULE,
        "Mem networks are trained with right labels, without weight decay and for a short time, since the flaw is that "
        "what is memorised agrees with Gen on the train pairs; with random labels there is none to see. One that knows "
        "more than a tenth of the pairs whose mirror it was not trained on is left out.",
        "Gen is written down, its logits those of all cosines together, and has Mem's mean lead on train pairs.",
    ),
    reads=("train_accuracy", "mirror_accuracy_untrained", "gen_logit", "mem_logit", "gen_lead", "mem_lead"),
    analysis=analyse,
)
def strength_proxy(scale: Scale, seeds: int) -> Iterator[Run]:
    """Networks that memorise right labels and nothing else, for trying proxies of Gen and Mem on."""
    for share in (0.1, 0.2, 0.3, 0.4):
        for seed in range(seeds):
            steps = 2000 if scale == "laptop" else 4000
            yield network(scale, seed, size=int(share * pairs(scale)), steps=steps, weight_decay=0.0)
