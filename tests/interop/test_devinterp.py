"""The local learning coefficient beside devinterp's, by the same formulas and settings. Skipped where it is missing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.measures import Labels, Langevin, View, learning_coefficients
from groklab.measures.langevin import sampled_losses
from groklab.models import TransformerSettings, named_parameters, skeleton, with_parameters
from groklab.models.weight_files import save_weights
from groklab.tasks import Split, SplitSettings, Task, parse_task

devinterp = pytest.importorskip("devinterp", reason="devinterp is not installed; `make test-interop` installs it")
pytestmark = pytest.mark.filterwarnings("ignore")


def theirs(model, data, evaluate, start, strength, settings):
    """Mean and standard error over chains by devinterp, every step on all the data or on batches of it."""
    from devinterp.optim.sgld import SGLD
    from devinterp.slt.sampler import estimate_learning_coeff_with_summary
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(*data), batch_size=settings.batch, shuffle=settings.batch < len(data[0]))
    found = estimate_learning_coeff_with_summary(
        model,
        loader,
        evaluate=evaluate,
        sampling_method=SGLD,
        optimizer_kwargs={"lr": settings.step_size, "nbeta": strength, "localization": settings.pull},
        num_draws=settings.draws,
        num_chains=settings.chains,
        num_burnin_steps=settings.burn_in,
        init_loss=start,
        seed=0,
        verbose=False,
    )
    return found["llc/mean"], found["llc/std"] / np.sqrt(settings.chains)


def agree(one, other):
    (mean, error), (their_mean, their_error) = one, other
    assert abs(mean - their_mean) < 4 * np.hypot(error, their_error), (one, other)
    assert np.hypot(error, their_error) < 0.2 * abs(their_mean)


def test_a_regression_has_the_same():
    import torch

    settings = Langevin(chains=8, burn_in=300, draws=1000, step_size=5e-4, pull=20.0, batch=200)
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 5)).astype(np.float32)
    answers = (inputs @ rng.normal(size=5) + rng.normal(size=200)).astype(np.float32)
    best = np.linalg.lstsq(inputs, answers)[0].astype(np.float32)
    strength = 200 / np.log(200)
    start = float(0.5 * np.mean((answers - inputs @ best) ** 2))

    def loss(w, key):
        return 0.5 * jnp.mean((jnp.asarray(answers) - jnp.asarray(inputs) @ w) ** 2)

    losses = sampled_losses(loss, jnp.asarray(best), strength, settings, key=jax.random.key(0))
    ours = strength * (np.asarray(losses).mean(axis=1) - start)
    model = torch.nn.Linear(5, 1, bias=False)
    model.weight.data = torch.tensor(best[None])

    def evaluate(model, data):
        return 0.5 * torch.mean((data[1] - model(data[0])[:, 0]) ** 2)

    tensors = torch.tensor(inputs), torch.tensor(answers)
    agree((ours.mean(), ours.std(ddof=1) / np.sqrt(8)), theirs(model, tensors, evaluate, start, strength, settings))


def test_a_transformer_has_the_same(tmp_path):
    """All of TransformerLens's biases are weights that move, so that the network has them too."""
    lens = pytest.importorskip("transformer_lens", reason="transformer_lens is not installed; see `make test-interop`")
    import json

    import torch
    from safetensors.torch import load_file

    task, settings = Task.of(parse_task("add:11")), Langevin(chains=8, draws=40, step_size=1e-3, pull=100.0, batch=32)
    choice = TransformerSettings(d_model=16, heads=2, d_mlp=24, attention_biases=True, unembedding_bias=True)
    outline = skeleton(choice, task.vocabulary, task.length)
    rng = np.random.default_rng(0)
    drawn = {name: rng.normal(0, 0.3, leaf.shape) for name, leaf in named_parameters(outline).items()}
    model, split = with_parameters(outline, drawn), Split.of(task, SplitSettings(fraction=0.5), 0)
    view = View(model, task, Labels(*map(jnp.asarray, (split.labels, split.train_mask, split.test))))
    ours = [float(one.compute(view)) for one in learning_coefficients(settings)]
    path, config = save_weights(model, tmp_path / "lens.safetensors", layout="transformer-lens")
    hooked = lens.HookedTransformer(lens.HookedTransformerConfig(**json.loads(config.read_text())))
    hooked.load_state_dict(load_file(path))
    a, b, rows = task.a, task.b, split.train
    tokens = np.stack([a[rows], b[rows], np.full(len(rows), task.vocabulary - 1)], axis=1)
    data = torch.tensor(tokens, dtype=torch.long), torch.tensor(split.labels[rows], dtype=torch.long)

    def evaluate(model, data):
        return torch.nn.functional.cross_entropy(model(data[0])[:, -1], data[1])

    strength = len(rows) / np.log(len(rows))
    with torch.no_grad():
        start = float(evaluate(hooked, data))
    agree(ours, theirs(hooked, data, evaluate, start, strength, settings))
