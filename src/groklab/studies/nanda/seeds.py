"""Other seeds of the main run: is it the same algorithm every time, with other frequencies?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import bootstrap
from groklab.findings import Analysis, Table, by_seeds
from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import FRESH, setting
from groklab.studies.reading import Reading, count_of, in_words
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

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
        how="Of the networks that grokked, the share whose logits' variance lies to 90% in cosines of a + b - c at the "
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


def analyse(record: "Record") -> Analysis:
    """How many networks grok, how far each is trigonometric at the end, and which frequencies it uses."""
    read = Reading(record)
    grok, same, few, different = CLAIMS
    found = read.has_grokked
    share, keys = read.last("trig_share")[found], _key_frequencies(read)
    of_grokked = [keys[run] for run in np.flatnonzero(found)]
    counts = np.array([len(key) for key in of_grokked])
    alone = np.array([of_grokked.count(key) == 1 for key in of_grokked], dtype=bool)
    explained = bootstrap(share, statistic=np.mean)
    rows = [
        [run, float(read.grokked[run]) if found[run] else None, float(read.last("test_accuracy")[run]),
         float(read.last("trig_share")[run]), " ".join(map(str, keys[run]))]
        for run in range(len(read.runs))
    ]  # fmt: skip
    return Analysis(
        findings=[
            by_seeds(grok, found, scale=read.scale, sentence=f"{count_of(found)} networks grok"),
            by_seeds(
                same,
                share > 0.9,
                scale=read.scale,
                sentence=f"{count_of(share > 0.9)} networks that grokked are over 90% trigonometric; mean share "
                f"{in_words(explained)}",
            ),
            by_seeds(
                few,
                (counts >= 3) & (counts <= 5),
                scale=read.scale,
                sentence="numbers of key frequencies: "
                + ", ".join(f"{n} in {sum(counts == n)}" for n in np.unique(counts)),
            ),
            by_seeds(
                different,
                alone,
                scale=read.scale,
                sentence=f"{count_of(alone)} networks that grokked have a set of key frequencies that no other has",
            ),
        ],
        tables=[
            Table(
                title="Each network",
                columns=[
                    "run",
                    "step of grokking",
                    "test accuracy at the end",
                    "trigonometric share",
                    "key frequencies",
                ],
                rows=rows,
            )
        ],
    )


def _key_frequencies(read: Reading) -> list[tuple[int, ...]]:
    """Of every run the key frequencies of its last weights."""
    labels = read.metrics["frequency"].values
    taken = read.metrics["key_frequency"]
    if "step" in taken.dims:
        taken = taken.isel(step=-1)
    return [tuple(labels[key == 1].tolist()) for key in taken.values]


@experiment(
    source=SOURCE,
    laptop="20 networks, P = 59, 8,000 steps: about 2 minutes on two cores",
    paper="20 networks, P = 113, 40,000 steps: two hours on two cores",
    seeds=20,
    claims=CLAIMS,
    analysis=analyse,
    reads=("trig_share", "key_frequency"),
    choices=(
        "Twenty seeds at both scales, where the paper has four beside the main run; from 8 on, as the laptop setting "
        "was "
        "chosen on seeds 0 to 7.",
    ),
)
def seeds(scale: Scale, seeds: int) -> Iterator[Run]:
    """The main setting with many seeds: do all networks find the same algorithm, and which frequencies?"""
    for seed in range(seeds):
        run = setting(scale, FRESH + seed)
        yield run.replace(
            {
                "steps": 8000 if scale == "laptop" else run.steps,
                "checkpoints.every": 1000,
                "checkpoints.growth": 2.0,
            }
        )
