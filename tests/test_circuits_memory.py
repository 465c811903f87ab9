"""What taking a network apart holds in memory."""

import tracemalloc

import jax
import numpy as np

from circuit_oracles import halves, task_of
from groklab.circuits import ablations, take_apart
from groklab.models import TransformerSettings, build, named_parameters, with_parameters


def test_the_published_setting_is_taken_apart_in_50_megabytes(monkeypatch):
    """P = 113, 4 heads, 512 neurons; W_U reads waves, so that there are key frequencies. The logits take 5.8 MB."""
    monkeypatch.setattr(ablations, "DRAWS", 3)
    task = task_of("add", 113)
    model = build(TransformerSettings(), task.vocabulary, task.length, key=jax.random.key(0))
    leaves = {name: np.array(leaf) for name, leaf in named_parameters(model).items()}
    waves = task.group.group.basis[np.isin(task.group.group.frequencies, [5, 34, 56])]
    leaves["unembed.W_U"][:, :113] = np.random.default_rng(0).normal(size=(128, len(waves))) @ waves
    model, split = with_parameters(model, leaves), halves(task)
    tracemalloc.start()
    try:
        circuit = take_apart(model, task, split)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert circuit.key.used == (5, 34, 56)
    assert peak < 50e6
