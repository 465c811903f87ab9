"""What a running study tells whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass

from groklab.training.sink import Doing


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a study is. Counted in run-steps: one optimiser step of one network."""

    done: int
    """Run-steps trained, those of earlier sessions included."""
    total: int
    """Run-steps of the whole study; runs that end early count as done to their last step."""
    trained: int
    """Run-steps trained by this process, for the speed."""
    runs: int
    """Networks in the study."""
    memorised: int
    """Networks whose train accuracy has reached 1."""
    grokked: int
    """Networks whose test accuracy has passed 0.99."""
    doing: Doing
    """What is going on now."""
    holder: str = ""
    """Who holds the batches that are waited for, in words; nothing otherwise."""


Watch = Callable[[Progress], None]
"""Called at every logged step; must return soon."""
