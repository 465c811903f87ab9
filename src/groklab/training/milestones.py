"""When a network has memorised and when it has grokked."""

import numpy as np
from jaxtyping import Bool, Float, Int

MEMORISED = 0.9999
"""Train accuracy from which on a network counts as having memorised: all but rounding."""

GROKKED = 0.99
"""Test accuracy above which a network counts as having grokked."""


def memorised(train_accuracy: Float[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    """Whether all train pairs are answered right."""
    return train_accuracy >= MEMORISED


def grokked(test_accuracy: Float[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    """Whether over 99% of the test pairs are answered right."""
    return test_accuracy > GROKKED


def first_step(reached: Bool[np.ndarray, "run step"], steps: Int[np.ndarray, "step"]) -> list[int | None]:
    """The first logged step at which each run has reached something; nothing where it never has."""
    return [int(steps[row.argmax()]) if row.any() else None for row in reached]
