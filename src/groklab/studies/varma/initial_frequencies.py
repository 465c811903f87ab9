"""Are a network's key frequencies those that happened to be largest at random initialisation?"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from groklab.curves import bootstrap
from groklab.findings import Analysis, Chart, Table
from groklab.findings.claim import Claim
from groklab.studies.reading import Reading, in_words
from groklab.studies.study import Scale, experiment
from groklab.studies.varma._ends import of_number
from groklab.studies.varma._runs import network, pairs
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Varma et al. 2023, appendix B"
CLAIMS = (
    Claim(
        identifier="varma.frequencies-largest",
        source=SOURCE,
        claim="The key frequencies are typically those that were largest at random initialisation.",
        published="typically",
        how="Of the n key frequencies of a network that grokked, the share that is among the n largest of W_E's "
        "spectrum at step 0; mean over networks, bootstrap interval.",
        criterion="The 95% interval lies above one half.",
    ),
    Claim(
        identifier="varma.frequencies-larger",
        source=SOURCE,
        claim="A frequency that is large at initialisation becomes a key frequency more often than a small one does.",
        published=None,
        how="Chance that a key frequency is larger at step 0 in W_E's spectrum than one that is not (area under the "
        "curve, one half if there is nothing in it); mean over networks, bootstrap interval.",
        criterion="The 95% interval lies above one half.",
    ),
    Claim(
        identifier="varma.frequencies-larger-output",
        source=SOURCE,
        claim="The same of the spectrum of the neuron-logit map.",
        published=None,
        how="The same chance for W_L's spectrum at step 0.",
        criterion="The 95% interval lies above one half.",
    ),
)


def analyse(record: "Record") -> Analysis:
    """Where the key frequencies stood among all frequencies at step 0."""
    read = Reading(record)
    labels = read.metrics["frequency"].values
    keys = read.metrics["key_frequency"].values == 1
    runs = [run for run in np.flatnonzero(read.has_grokked).tolist() if 0 < keys[run].sum() < keys.shape[1]]
    embedding, output = (read.metrics[name].values[:, 0] for name in ("embedding_norm", "neuron_logit_norm"))
    among = np.array([among_largest(embedding[run], keys[run]) for run in runs], float)
    larger = np.array([chance_larger(embedding[run], keys[run]) for run in runs], float)
    larger_output = np.array([chance_larger(output[run], keys[run]) for run in runs], float)
    by_chance = float(np.mean([keys[run].mean() for run in runs])) if runs else math.nan
    estimates = [bootstrap(values, statistic=np.mean) for values in (among, larger, larger_output)]
    sentences = (
        f"of the key frequencies a share of {in_words(estimates[0])} is among as many largest ones in W_E at step 0; "
        f"by chance it would be {by_chance:.3g}",
        f"a key frequency is larger in W_E at step 0 than another one with a chance of {in_words(estimates[1])}",
        f"a key frequency is larger in W_L at step 0 than another one with a chance of {in_words(estimates[2])}",
    )
    ranks = np.concatenate([initial_ranks(embedding[run], keys[run]) for run in runs]) if runs else np.zeros(0)
    counts = np.bincount(ranks.astype(int), minlength=keys.shape[1] + 1)[1:]
    return Analysis(
        findings=[
            of_number(
                claim,
                estimate,
                read,
                allowed=(0.5, 1),
                contrary=[(0, 0.5)],
                units="share" if claim is CLAIMS[0] else "chance",
                sentence=sentence,
            )
            for claim, estimate, sentence in zip(CLAIMS, estimates, sentences, strict=True)
        ],
        tables=[
            Table(
                title="Each network that grokked",
                columns=["seed", "key frequencies", "their ranks at step 0 in W_E (1 is largest)", "chance"],
                rows=[
                    [
                        read.runs[run].seed,
                        " ".join(map(str, labels[keys[run]].tolist())),
                        " ".join(str(int(rank)) for rank in initial_ranks(embedding[run], keys[run])),
                        float(value),
                    ]
                    for run, value in zip(runs, larger, strict=True)
                ],
                note="The chance is that a key frequency was larger than one that did not become key.",
            )
        ],
        charts=[
            Chart(
                title="How often a frequency became key, by its rank at step 0",
                x="rank in W_E's spectrum at step 0 (1 is largest)",
                y="networks in which it became key",
                series={"networks": [(float(rank + 1), float(count)) for rank, count in enumerate(counts)]},
            )
        ],
    )


def initial_ranks(norms: Float[np.ndarray, " k"], key: Bool[np.ndarray, " k"]) -> Float[np.ndarray, " chosen"]:
    """The ranks of the key frequencies among all norms, 1 for the largest."""
    from scipy.stats import rankdata

    return rankdata(-norms, method="ordinal")[key].astype(float)


def among_largest(norms: Float[np.ndarray, " k"], key: Bool[np.ndarray, " k"]) -> float:
    """Of n key frequencies the share that is among the n largest norms."""
    return float(np.mean(initial_ranks(norms, key) <= key.sum()))


def chance_larger(norms: Float[np.ndarray, " k"], key: Bool[np.ndarray, " k"]) -> float:
    """Chance that a key frequency's norm is above that of another frequency; ties count one half."""
    above = norms[key][:, None] > norms[~key][None, :]
    tied = norms[key][:, None] == norms[~key][None, :]
    return float(np.mean(above + 0.5 * tied))


@experiment(
    source=SOURCE,
    laptop="40 networks, P = 59, up to 8,000 steps: about 3 minutes on two cores",
    paper="40 networks, P = 113, up to 40,000 steps: four hours on two cores",
    seeds=40,
    claims=CLAIMS,
    choices=(
        "Forty seeds of the main setting; a run ends 1,000 steps after it grokked.",
        "Key frequencies are those of the last weights by the outlier rule on W_L's spectrum; largest is by W_E's "
        "spectrum at step 0, where the paper says no more than highest; W_L's stands beside it.",
    ),
    reads=("train_accuracy", "test_accuracy", "embedding_norm", "neuron_logit_norm", "key_frequency"),
    analysis=analyse,
)
def initial_frequencies(scale: Scale, seeds: int) -> Iterator[Run]:
    """Key frequencies against the spectrum at random initialisation, many seeds of the main setting."""
    share, steps = (0.4, 8000) if scale == "laptop" else (0.3, 40_000)
    for seed in range(seeds):
        changes: dict[str, object] = {"after_grokking": 1000, "checkpoints.every": 1000}
        yield network(scale, seed, size=int(share * pairs(scale)), steps=steps, **changes)
