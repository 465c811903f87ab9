"""Other networks on the same task: attention only, an MLP, GELU, LayerNorm."""

from collections.abc import Iterator
from dataclasses import replace

from groklab.findings.claim import Claim
from groklab.models.settings import MLPSettings, TransformerSettings
from groklab.studies.nanda.mainline import setting
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

SOURCE = "A question beside Nanda et al. 2023, appendix D; Gromov 2023 for the MLP"
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
        claim="Those that grok compute a function of a + b - c, whatever they are made of.",
        published=None,
        how="Of the networks of the four other architectures that grokked, the share whose logits' variance is to 90% "
        "a function of a + b - c at the end.",
        criterion="At least 80% of the networks that grokked.",
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


@experiment(
    source=SOURCE,
    laptop="25 networks, P = 59, 8,000 steps: about 5 minutes on two cores",
    paper="25 networks, P = 113, 40,000 steps: a day on two cores, an hour on a GPU",
    seeds=5,
    claims=CLAIMS,
    choices=(
        "All have the main run's learning rate, decay and data; the MLP has one shared embedding of the width of the "
        "residual stream and as many neurons as the transformer.",
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
