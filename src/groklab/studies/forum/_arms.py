"""What is done to the forks of `forum/explanations`, by name."""

from dataclasses import replace

from groklab.training.intervention import Intervention

NULL, NO_DECAY, NO_MEMORY, DOUBLED, REMOVED = (
    "order of summation", "decay off", "memory projected out", "key frequencies doubled", "key frequencies removed",
)  # fmt: skip
CONTROL = "{}, at random"
CHANGES = {
    NO_MEMORY: Intervention(change="memory"),
    DOUBLED: Intervention(change="keys", factor=2.0),
    REMOVED: Intervention(change="keys"),
}
"""The changes of weights, each of which has a control."""
ARMS = {
    NULL: Intervention(change="order"),
    NO_DECAY: Intervention(change="decay"),
    **CHANGES,
    **{CONTROL.format(name): replace(one, control=True) for name, one in CHANGES.items()},
}
"""What is done to the forks."""
