"""Other networks on the same task: attention only, an MLP, GELU, LayerNorm."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import bootstrap
from groklab.findings import Analysis, by_interval, by_seeds
from groklab.findings.claim import Claim
from groklab.models.settings import MLPSettings, TransformerSettings
from groklab.studies.nanda.mainline import setting
from groklab.studies.reading import Reading, count_of, in_words
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "A question beside Nanda et al. 2023, appendix D; Gromov 2023 for the MLP"
MAIN = "ReLU transformer"
CLAIMS = (
    Claim(
        identifier="nanda.architecture-groks",
        source=SOURCE,
        claim="Grokking is no peculiarity of the ReLU transformer: other networks memorise first and generalise later.",
        published=None,
        how="Share of the networks of the four other architectures whose test accuracy is below 0.5 when they have "
        "memorised and above 0.99 at some later step.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.architecture-same-algorithm",
        source=SOURCE,
        claim="Those that grok write their logits as cosines of a + b - c, whatever they are made of.",
        published=None,
        how="Of the networks of the four other architectures that grokked, the share whose logits' variance is to 90% "
        "in the cosines of a + b - c at the end.",
        criterion="At least 80% of the networks that grokked.",
        since="Changed on 2026-11-22 in words only: at first it said 'a function of a + b - c', of which the share "
        "that is computed is the part in cosines.",
    ),
    Claim(
        identifier="nanda.architecture-sparse",
        source=SOURCE,
        claim="Those that grok use few frequencies, whatever they are made of.",
        published=None,
        how="Effective number of frequencies (participation ratio of W_E's power), networks of the four other "
        "architectures that grokked: mean with a bootstrap interval.",
        criterion="The 95% interval lies below a quarter of all frequencies.",
    ),
)


def analyse(record: "Record") -> Analysis:
    """Grokking by what the network is made of."""
    read = Reading(record)
    groks, same, sparse = CLAIMS
    arms = read.arms(_architecture)
    other = np.array([run for name, runs in arms.items() if name != MAIN for run in runs.tolist()], dtype=int)
    with np.errstate(invalid="ignore"):
        late = ((read.at("test_accuracy", read.memorised) < 0.5) & read.has_grokked)[other]
    grokked = other[read.has_grokked[other]]
    trigonometric = read.last("trig_share")[grokked] > 0.9
    effective = bootstrap(read.last("effective_frequencies_embedding")[grokked], statistic=np.mean)
    every = read.runs[0].table.modulus // 2 if read.runs else 0
    return Analysis(
        findings=[
            by_seeds(
                groks,
                late,
                scale=read.scale,
                sentence=f"{count_of(late)} networks of other architectures memorise below 0.5 test accuracy and grok "
                "later",
            ),
            by_seeds(
                same,
                trigonometric,
                scale=read.scale,
                sentence=f"{count_of(trigonometric)} of those that grokked have over 90% of it in cosines of a + b - c",
            ),
            by_interval(
                sparse,
                effective.value,
                (effective.low, effective.high),
                allowed=(1, every / 4),
                contrary=[(every / 2, every)],
                units="frequencies",
                seeds=effective.count,
                scale=read.scale,
                sentence=f"effective number of frequencies of W_E, of {every}: {in_words(effective)}",
            ),
        ],
        tables=[
            read.table(
                "Grokking by the network",
                arms,
                "network",
                {
                    "trig_share": "trigonometric share",
                    "effective_frequencies_embedding": "effective frequencies of W_E",
                    "sum_of_squares": "sum of squares",
                },
            )
        ],
    )


def _architecture(run: Run) -> str:
    if isinstance(run.model, MLPSettings):
        return "MLP"
    assert isinstance(run.model, TransformerSettings)
    if run.model.d_mlp == 0:
        return "attention only"
    if run.model.layer_norm:
        return "with LayerNorm"
    return MAIN if run.model.activation == "relu" else "GELU neurons"


@experiment(
    source=SOURCE,
    laptop="25 networks, P = 59, up to 8,000 steps: about 4 minutes on two cores",
    paper="25 networks, P = 113, up to 40,000 steps: a day on two cores, an hour on a GPU",
    seeds=5,
    claims=CLAIMS,
    analysis=analyse,
    reads=("trig_share", "effective_frequencies_embedding", "sum_of_squares"),
    choices=(
        "Seeds from 0 on, among those on which the laptop setting was chosen: its own arm groks more often for it.",
        "All have the main run's learning rate, decay and data; the MLP has one shared embedding of the width of the "
        "residual stream and as many neurons as the transformer.",
        "A run ends 2,000 steps after it grokked.",
        "Attention only has no neurons, so its frequencies are read off W_E.",
    ),
)
def architecture(scale: Scale, seeds: int) -> Iterator[Run]:
    """The main setting with other networks: attention only, an MLP, GELU neurons, LayerNorm."""
    for seed in range(seeds):
        run = setting(scale, seed)
        run = run.replace(
            {
                "steps": 8000 if scale == "laptop" else run.steps,
                "after_grokking": 2000,
                "checkpoints.every": 1000,
                "checkpoints.growth": 2.0,
            }
        )
        assert isinstance(run.model, TransformerSettings)
        mlp = MLPSettings(d_embed=run.model.d_model, d_mlp=run.model.d_mlp)
        yield run
        yield run.replace({"d_mlp": 0})
        yield replace(run, model=mlp)
        yield run.replace({"activation": "gelu"})
        yield run.replace({"layer_norm": True})
