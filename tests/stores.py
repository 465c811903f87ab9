"""A small store, and what is committed to it."""

from pathlib import Path

import numpy as np

from groklab.store import Folder, Manifest, Variable

LOSS = Variable(name="train_loss", units="nat", description="mean cross-entropy on the training set")
NORM = Variable(name="norm", dims=("frequency",), units="1", description="norm by frequency")
FREQUENCY = {"frequency": np.arange(1, 4)}


def manifest(**changes):
    runs = [{"optimiser": {"weight_decay": 1.0}, "seed": seed} for seed in range(3)]
    given = {"study": "a/b", "scale": "laptop", "runs": runs, "batches": {"x": [0, 2], "y": [1]}}
    labels = {"seed": [0, 1, 2], "task": ["add", "add", "multiply"], "weight_decay": [1.0, 1.0, 0.5]}
    return Manifest(**({**given, "labels": labels} | changes))


def segment(first, last, runs, seed=0):
    """Arguments of a commit of the steps first..last for some runs, and random content."""
    rng = np.random.default_rng([seed, first, *runs])
    steps = np.arange(first, last)
    weights = {".w['a/b']": rng.normal(size=(len(runs), 4, 5)).astype("f4"), "b": np.ones(len(runs), "f4")}
    return {
        "step": last - 1,
        "logged_steps": steps,
        "measures": {
            "train_loss": rng.normal(size=(len(runs), len(steps))).astype("f4"),
            "norm": rng.normal(size=(len(runs), len(steps), 3)).astype("f4"),
        },
        "checkpoints": {last - 1: weights},
        "state": {"m/é": rng.normal(size=(len(runs), 7)), "count": np.uint32(last), "none": np.zeros((0, 2))},
        "meta": {"status": ["running"] * len(runs), "seconds": 0.1 + 0.2, "zeta": {"b": None, "a": 1e-300}},
        "runs": list(runs),
    }


def small_store(path: Path) -> Path:
    """A finished store with one batch of two runs, of which one leaves early, and one of one run."""
    with Folder(path, manifest()) as folder:
        x = folder.batch("x", [LOSS, NORM], FREQUENCY)
        x.commit(**segment(0, 3, [0, 2]))
        x.commit(**segment(3, 5, [2]))
        folder.batch("y", [LOSS], {}).commit(
            step=4,
            logged_steps=np.array([0, 4]),
            measures={"train_loss": np.array([[1, 2]])},
            checkpoints={},
            state={},
            meta={},
        )
    return path
