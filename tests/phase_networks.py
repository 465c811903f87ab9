"""One small training, and its networks from every phase: what measures are held against their definitions on."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from groklab.models import TransformerSettings
from groklab.tasks import Split, SplitSettings, Task, parse_task
from groklab.training.backend import backend
from groklab.training.settings import OptimiserSettings, Run
from groklab.training.state import data_of, initial_model, initial_state, take

PHASES = {"initial": 0, "memorised": 250, "in between": 1750, "grokked": 4000}
TRAINED = Run(
    task=parse_task("add:29"),
    split=SplitSettings(fraction=0.5),
    model=TransformerSettings(d_model=32, d_mlp=64),
    optimiser=OptimiserSettings(learning_rate=5e-3, weight_decay=1.5),
    steps=4000,
)


@cache
def networks() -> dict[str, Any]:
    """The weights of one training at the phases' steps."""
    rows = np.arange(1)
    split = Split.of(Task.of(TRAINED.task), TRAINED.split, TRAINED.data_seed)
    state = take(initial_state((TRAINED,), [initial_model(TRAINED)]), rows)
    data = take(data_of((TRAINED,), [split]), rows)
    advance = backend(TRAINED, Task.of(TRAINED.task)).advance
    kept = {}
    for name, step in PHASES.items():
        state = advance(state, data, step - int(state.step)) if step else state
        kept[name] = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), state.model)
    return kept
