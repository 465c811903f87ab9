"""Which frequencies are key: those of a run's last network, each network's own, or those that are given."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from groklab.errors import Mistake
from groklab.tasks import Problem

FINAL, OWN = "final", "own"
"""The last network's, and each network's own, by the default rule of `groklab.circuits.key_frequencies`."""
SHOWN = 8
"""Frequencies listed at most."""


def given_key(choice: str, task: Problem) -> Float[np.ndarray, " frequency"] | None:
    """1 at the frequencies that `choice` gives by their labels, else 0; nothing where networks decide: `final`, `own`.

    Raises `Mistake` for labels that the task's group does not have, or where there is no group.
    """
    if choice.strip() in (FINAL, OWN):
        return None
    if task.group is None:
        raise Mistake(f"key_frequencies {choice!r}: {task.name} has no group, hence no frequencies; give final")
    known = [str(label) for label in task.group.group.frequency_labels]
    labels = choice.split()
    if unknown := [label for label in labels if label not in known]:
        raise Mistake(
            f"key_frequencies {choice!r}: {task.name} has no frequency {', '.join(unknown)}; "
            f"give final, own, or some of {_shown(known)} with spaces between"
        )
    return np.isin(known, labels).astype(np.float32)


def _shown(labels: Sequence[str]) -> str:
    if len(labels) <= SHOWN:
        return ", ".join(labels)
    return f"{', '.join(labels[: SHOWN - 2])}, ..., {labels[-1]}"
