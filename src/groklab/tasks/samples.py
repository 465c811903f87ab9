"""The samples of a linear model that may memorise each of them, or solve all at once.

Sample i of n has the input (e_i, 1) and the target 1: weight i memorises it, the last weight solves every one (a
comment on the forum post of Nanda and Lieberum 2022). A sample that was never seen has the input (0, 1).
"""

from dataclasses import dataclass

from groklab.errors import Mistake
from groklab.settings import Settings, check_types


@dataclass(frozen=True, kw_only=True)
class SamplesSettings(Settings):
    """The samples, all trained on."""

    count: int = 100
    """How many there are: the linear model has one weight more."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.count < 1:
            raise Mistake(f"task.count must be at least 1 sample, not {self.count}")

    @property
    def name(self) -> str:
        """`samples:` and how many."""
        return f"samples:{self.count}"


@dataclass(frozen=True)
class Samples:
    """The samples; test samples are those never seen, which are all alike."""

    settings: SamplesSettings
    """What they were made from."""

    @property
    def name(self) -> str:
        """`samples:` and how many."""
        return self.settings.name

    @property
    def vocabulary(self) -> int:
        """The number of inputs: one a sample, and one that all have."""
        return self.settings.count + 1

    @property
    def length(self) -> int:
        """One input at a time."""
        return 1

    @property
    def classes(self) -> int:
        """One number is the answer."""
        return 1

    @property
    def group(self) -> None:
        """Nothing: they are no group's product."""
        return
