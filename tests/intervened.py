"""The interventions that are tried, and a small run that they are made in."""

import dataclasses
from typing import Any

import numpy as np

from groklab.models import TransformerSettings
from groklab.tasks import SplitSettings, TaskSettings
from groklab.training import Intervention, OptimiserSettings, Run, Schedule

ORDER, DECAY, MEMORY, KEYS, DOUBLED, KICK = CHANGES = (
    Intervention(change="order"),
    Intervention(change="decay"),
    Intervention(change="memory"),
    Intervention(change="keys"),
    Intervention(change="keys", factor=2.0),
    Intervention(change="keys", control=True),
)
KEY = np.array([0, 1, 1, 0, 0, 0], np.float32)
STEPS = 60


def small(intervention: Intervention | None = None, **more: Any) -> Run:
    run = Run(
        task=TaskSettings(operation="add", modulus=13),
        split=SplitSettings(size=70),
        model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
        optimiser=OptimiserSettings(learning_rate=3e-3, weight_decay=0.5),
        seed=3,
        steps=STEPS,
        logging=Schedule(every=7, growth=1),
        checkpoints=Schedule(every=20, growth=1),
    ).replace(more)
    return dataclasses.replace(run, intervention=intervention)
