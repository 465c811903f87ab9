"""Exported weights in the real TransformerLens: the same logits. Skipped where it is not installed."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from groklab.models import Inputs, TransformerSettings, named_parameters, skeleton, with_parameters
from groklab.models.weight_files import load_weights, save_weights

lens = pytest.importorskip(
    "transformer_lens", reason="transformer_lens is not installed; `make test-interop` installs it"
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "settings",
    [
        TransformerSettings(),
        TransformerSettings(
            layers=2, d_model=16, heads=2, d_mlp=24, layer_norm=True, attention_biases=True, activation="gelu"
        ),
        TransformerSettings(d_model=16, heads=2, d_mlp=0, classes=11),
    ],
)
def test_hooked_transformer_gives_the_same_logits(settings, tmp_path):
    import torch
    from safetensors.torch import load_file

    outline = skeleton(settings, 12, 3)
    rng = np.random.default_rng(0)
    draws = {name: rng.normal(0, 0.09, leaf.shape) for name, leaf in named_parameters(outline).items()}
    model = with_parameters(outline, draws)
    path, config = save_weights(model, tmp_path / "lens.safetensors", layout="transformer-lens")
    hooked = lens.HookedTransformer(lens.HookedTransformerConfig(**json.loads(config.read_text())))
    hooked.load_state_dict(load_file(path))
    a, b = np.indices((11, 11)).reshape(2, -1)
    inputs = Inputs(jnp.asarray(a), jnp.asarray(b), (-1, -1, 11))
    with torch.no_grad():
        theirs = hooked(torch.tensor(np.asarray(inputs.tokens), dtype=torch.long)).numpy()
    np.testing.assert_allclose(np.asarray(model(inputs)), theirs, atol=1e-5)
    back = load_weights(path)
    np.testing.assert_allclose(np.asarray(back(inputs)), theirs, atol=1e-5)
