"""How a run stands, or ended: a state and a sentence."""

from dataclasses import dataclass
from typing import Literal

State = Literal["waiting", "running", "finished", "converged", "out of time", "diverged"]


@dataclass(frozen=True, kw_only=True)
class Status:
    """How a run stands after its last committed step."""

    state: State
    """`waiting` and `running` are unfinished, `diverged` is bad, the others are good ends."""
    step: int
    """Optimiser steps taken."""
    sentence: str
    """The same in words: `not grokked within 6,000 steps`, `diverged at step 812: the loss was not a number`."""
    changed: int | None = None
    """The step at which the run's intervention was made; nothing where it has none, or not yet."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be trained."""
        return self.state not in ("waiting", "running")

    @property
    def bad(self) -> bool:
        """Whether the run ended otherwise than it should."""
        return self.state == "diverged"
