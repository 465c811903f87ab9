"""The networks of these studies: trained on the whole table, continued on a part of it, or begun on that part."""

from collections.abc import Sequence
from dataclasses import replace

from groklab.studies.nanda.mainline import setting
from groklab.studies.study import Scale
from groklab.training.settings import Run

WHOLE_STEPS = {"laptop": 4000, "paper": 15_000}
"""Steps on the whole table, or on all of it but a held-out part."""
PART_STEPS = {"laptop": 12_000, "paper": 40_000}
"""Steps on a part of it: 36 and 40 times 1 / (learning rate * weight decay), the time in which unused weights decay."""
MODULUS = {"laptop": 59, "paper": 113}
UNGROKKING_SIZES: dict[Scale, tuple[int, ...]] = {
    "laptop": (60, 90, 130, 190, 280, 410, 600, 880, 1290),
    "paper": (390, 488, 610, 763, 955, 1194, 1494),
}
"""Training-set sizes in geometric order; the paper's are those of its figure 7."""


def network(scale: Scale, seed: int, *, size: int | None, steps: int, **changes: object) -> Run:
    """The main setting from random weights on `size` pairs, nothing for all of them. Only its last weights are kept."""
    share: dict[str, object] = {"fraction": 1.0} if size is None else {"fraction": None, "size": size}
    kept: dict[str, object] = {
        "steps": steps,
        "logging.every": 100,
        "checkpoints.every": steps,
        "checkpoints.growth": 1.0,
    }
    return setting(scale, seed).replace(share | kept | changes)


def on_all(scale: Scale, seed: int, **changes: object) -> Run:
    """The main setting on the whole table."""
    return network(scale, seed, size=None, steps=WHOLE_STEPS[scale], **changes)


def gone_on(parent: Run, *, size: int, steps: int, **changes: object) -> Run:
    """`parent` trained further on `size` pairs, with a fresh optimiser."""
    on_part: dict[str, object] = {"fraction": None, "size": size, "steps": steps, "checkpoints.every": steps}
    return replace(parent.replace(on_part | changes), start=parent)


def pairs(scale: Scale) -> int:
    """Rows of the whole table."""
    return MODULUS[scale] ** 2


def every_other(sizes: Sequence[int]) -> tuple[int, ...]:
    """The first size, the third, and so on: for the controls."""
    return tuple(sizes[::2])


def middle(sizes: Sequence[int]) -> tuple[int, ...]:
    """The five sizes in the middle, or all where they are fewer: about the transition."""
    half = len(sizes) // 2
    return tuple(sizes[max(half - 2, 0) : half + 3])
