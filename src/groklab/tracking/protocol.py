"""What a tracker is: another tool that shows a run's curves."""

from collections.abc import Mapping
from typing import Protocol

from groklab.training.settings import Run


class Curves(Protocol):
    """The curves of one run in a tracker, open for more."""

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Takes what was committed of a step, by name; steps ascend for each name. No value is NaN."""
        ...

    def flush(self) -> None:
        """Puts what was added where others can see it."""
        ...

    def close(self) -> None:
        """Ends the run's curves; nothing is added afterwards."""
        ...


class Tracker(Protocol):
    """The settings of a tracker. They travel to the process that trains, and open nothing before `open`.

    The store is the truth and a tracker a view of it: whatever was committed is added again when a run's curves are
    opened, from the first step on, so that neither a crash nor another machine leaves a gap or a step twice.
    """

    @property
    def name(self) -> str:
        """What a warning calls it."""
        ...

    def open(self, number: int, run: Run) -> Curves:
        """Opens the curves of a run by its number in the study; what an earlier session wrote of them is replaced."""
        ...
