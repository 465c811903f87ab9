"""Stores of networks that nobody trained: random ones that turn step by step into a network whose circuit is known."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from groklab.models import Model, TransformerSettings, named_parameters, skeleton, with_parameters
from groklab.models.closed_form import trigonometric_transformer
from groklab.store import Folder, Manifest, Variable
from groklab.tasks import Task, TaskSettings
from groklab.training.settings import Run

STEPS = (0, 5, 20, 40, 60)
AMPLITUDES = {2: 9.0, 5: 12.0}
SETTINGS = TransformerSettings(d_model=8, heads=2, d_head=4, d_mlp=18, classes=13)
CURVES = {
    "train_loss": (5.0, 1e-3, 1e-4, 1e-5, 1e-6),
    "test_loss": (5.0, 8.0, 9.0, 1e-2, 1e-4),
    "train_accuracy": (0.1, 1.0, 1.0, 1.0, 1.0),
    "test_accuracy": (0.1, 0.1, 0.2, 0.9, 1.0),
}


def random_network(settings: TransformerSettings, task: Task, seed: int) -> Model:
    """A network none of whose parameters is trivial."""
    outline, rng = skeleton(settings, task.vocabulary, task.length), np.random.default_rng(seed)
    values = {
        name: rng.normal(0, 0.6, leaf.shape).astype(np.float32) for name, leaf in named_parameters(outline).items()
    }
    return with_parameters(outline, values)


def grokking_network(step: int, seed: int) -> Model:
    """For addition mod 13: random at step 0, nearly the trigonometric network of `AMPLITUDES` at step 60."""
    task, share = Task.of(TaskSettings(modulus=13)), step / STEPS[-1]
    found = named_parameters(random_network(SETTINGS, task, seed))
    known = named_parameters(trigonometric_transformer(13, AMPLITUDES, phases=9))
    mixed = {name: np.array(leaf) * (1.02 - share) for name, leaf in found.items()}
    for name in ("embed.W_E", "blocks.0.mlp.W_in", "blocks.0.mlp.W_out", "unembed.W_U"):
        mixed[name] += share * np.array(known[name])
    for side in ("blocks.0.attn.W_V", "blocks.0.attn.W_O"):
        # The known network has one head as wide as the stream; here two heads carry half of it each.
        whole = np.array(known[side])[0]
        halves = np.split(whole, 2, axis=1 if side.endswith("V") else 0)
        mixed[side] += share * np.stack(halves)
    return with_parameters(skeleton(SETTINGS, 14, 3), mixed)


def store_networks(
    path: Path,
    runs: Sequence[Run],
    networks: Sequence[Mapping[int, Model]],
    curves: Mapping[str, Sequence[float]] = CURVES,
) -> Path:
    """Writes a store of finished runs, one a batch, with these networks by step and these curves at the same steps."""
    manifest = Manifest(
        study="nanda/mainline",
        scale="laptop",
        runs=[run.to_json() for run in runs],
        batches={f"batch{number}": [number] for number in range(len(runs))},
        labels={"seed": [run.seed for run in runs]},
    )
    units = {name: "nats" if name.endswith("loss") else "1" for name in curves}
    variables = [Variable(name=name, units=unit, description=f"The {name}.") for name, unit in units.items()]
    with Folder(path, manifest) as folder:
        for number, kept in enumerate(networks):
            steps = np.array(sorted(kept))
            folder.batch(f"batch{number}", variables, {}).commit(
                step=int(steps[-1]),
                logged_steps=steps,
                measures={name: np.array([values[: len(steps)]], np.float32) for name, values in curves.items()},
                checkpoints={
                    int(step): {name: np.asarray(leaf)[None] for name, leaf in named_parameters(kept[step]).items()}
                    for step in steps
                },
                state={},
                meta={"statuses": [{"state": "finished", "step": int(steps[-1]), "sentence": "done"}], "sessions": []},
            )
    return path


def grokking_runs() -> tuple[list[Run], list[dict[int, Model]]]:
    """Two runs on addition mod 13 that grok, and their networks."""
    runs = [Run(task=TaskSettings(modulus=13), model=SETTINGS, seed=seed, steps=STEPS[-1]) for seed in range(2)]
    return runs, [{step: grokking_network(step, run.seed) for step in STEPS} for run in runs]
