"""What the trainer needs of a store, and what it tells a watcher."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from jaxtyping import Int

Doing = Literal["compiling", "training", "committing", "measuring", "waiting"]
"""What is going on; a study is `waiting` while others hold all batches that are left of it."""


class Saved(Protocol):
    """What was committed last."""

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The training state of all runs."""
        ...

    @property
    def meta(self) -> Mapping[str, Any]:
        """Statuses and sessions."""
        ...


class Sink(Protocol):
    """Where a batch in training is kept: one transaction a commit."""

    def state(self) -> Saved | None:
        """What was last committed, nothing for a batch that has not begun."""
        ...

    def history(self, names: Sequence[str]) -> tuple[Int[np.ndarray, "step"], dict[str, np.ndarray]]:
        """The committed logged steps, and measures (run, step) by name."""
        ...

    def commit(
        self,
        *,
        step: int,
        logged_steps: Int[np.ndarray, "step"],
        measures: Mapping[str, np.ndarray],
        checkpoints: Mapping[int, Mapping[str, np.ndarray]],
        state: Mapping[str, np.ndarray],
        meta: Mapping[str, Any],
        runs: Sequence[int],
    ) -> None:
        """Adds measures (run, step, ...) and checkpoints (run, ...) of `runs`; replaces the state and the meta."""
        ...


@dataclass(frozen=True, kw_only=True)
class Tick:
    """How far a batch is, told at every logged step."""

    done: int
    """Run-steps that are done with: those taken, and those that runs which ended early will never take."""
    trained: int
    """Run-steps taken by this process."""
    memorised: int
    """Runs that have memorised."""
    grokked: int
    """Runs that have grokked."""
    doing: Doing
    """What is going on now."""


Watcher = Callable[[Tick], None]
"""Called with every tick; must return soon."""
