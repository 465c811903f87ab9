"""What tests of circuits share: tasks, networks, and the definitions written out as slow loops."""

import numpy as np

from groklab.models import named_parameters, skeleton, with_parameters
from groklab.tasks import Split, SplitSettings, Task, TaskSettings

AMPLITUDES = {3: 9.0, 7: 11.0, 10: 8.0}


def task_of(operation="add", modulus=23):
    return Task.of(TaskSettings(operation=operation, modulus=modulus))


def halves(task, labels="true"):
    return Split.of(task, SplitSettings(fraction=0.5, labels=labels), 0)


def drawn(settings, task, seed=0):
    """A network none of whose parameters is trivial."""
    model = skeleton(settings, task.vocabulary, task.length)
    rng = np.random.default_rng(seed)
    return with_parameters(
        model, {name: rng.normal(0, 0.6, leaf.shape) for name, leaf in named_parameters(model).items()}
    )


def neurons_of(anatomy):
    """All neurons at once, wide."""
    return np.concatenate([part for _, part in anatomy.neurons()], axis=1).astype(float)


def waves(p, k, x):
    return np.cos(2 * np.pi * k * x / p), np.sin(2 * np.pi * k * x / p)


def slow_directions(p, k):
    """C_k and S_k over the pairs, from products of waves."""
    a, b = np.indices((p, p)).reshape(2, -1)
    (ca, sa), (cb, sb) = waves(p, k, a), waves(p, k, b)
    return [v / np.linalg.norm(v) for v in (ca * cb - sa * sb, sa * cb + ca * sb)]


def slow_products(p, k):
    a, b = np.indices((p, p)).reshape(2, -1)
    vectors = [u * v for u in waves(p, k, a) for v in waves(p, k, b)]
    return [v / np.linalg.norm(v) for v in vectors]


def slow_singles(p, k):
    a, b = np.indices((p, p)).reshape(2, -1)
    return [v / np.linalg.norm(v) for v in (*waves(p, k, a), *waves(p, k, b))]


def slow_projection(logits, directions):
    out = np.zeros_like(logits)
    for v in directions:
        for c in range(logits.shape[1]):
            out[:, c] += v * (v @ logits[:, c])
    return out
