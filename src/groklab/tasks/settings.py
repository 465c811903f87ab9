"""What is learned, and from which examples: the settings, without the tables."""

from dataclasses import dataclass
from typing import Literal

from groklab.errors import Mistake
from groklab.settings import Settings, check_types
from groklab.tasks.samples import SamplesSettings
from groklab.tasks.sequences.settings import SequenceSettings


@dataclass(frozen=True, kw_only=True)
class TaskSettings(Settings):
    """A binary operation on a finite set, as a language of three or four tokens."""

    operation: str = "add"
    """The operation's name, a file of `groklab.tasks.operations`."""
    modulus: int = 113
    """The prime P for arithmetic, the number n of permuted things for the operations on S_n."""
    layout: Literal["a b =", "a op b ="] = "a b ="
    """The tokens of one example; the answer is read at the last."""

    def __post_init__(self) -> None:
        check_types(self)


@dataclass(frozen=True, kw_only=True)
class SplitSettings(Settings):
    """Which rows of the operation's table are trained on. Exactly one of fraction, size and indices is given.

    Rows are taken in the order of one permutation drawn from the seed, so that for one seed the training set
    of size 300 contains that of size 200.
    """

    fraction: float | None = None
    """Share of the table trained on; int(fraction * rows) of them, as in the released code."""
    size: int | None = None
    """Number of rows trained on."""
    indices: tuple[int, ...] | None = None
    """The very rows trained on, numbered by a, then b: (a, b) is row a * n + b, if no pair is left out."""
    seed: int | None = None
    """Seed of the permutation, of random labels and of noise; nothing means the run's seed."""
    labels: Literal["true", "random"] = "true"
    """Labels of the training rows: the operation's, or drawn uniformly from its answers."""
    noise: float = 0.0
    """Share of the training rows whose label is replaced by a wrong one, drawn uniformly."""
    held_out: float = 0.0
    """Share of the table that is the test set whatever the training set; 0 means the test set is the rest."""

    def __post_init__(self) -> None:
        check_types(self)
        given = [name for name in ("fraction", "size", "indices") if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise Mistake(f"split takes exactly one of fraction, size and indices; {got} given; set the others to null")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise Mistake(f"split.fraction must be above 0 and at most 1, not {self.fraction}")
        if self.size is not None and self.size < 1:
            raise Mistake(f"split.size is {self.size}: an empty training set; give at least 1")
        if self.indices is not None and not self.indices:
            raise Mistake("split.indices is empty: an empty training set; give at least one row")
        for name in ("noise", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise Mistake(f"split.{name} must be at least 0 and below 1, not {getattr(self, name)}")


ProblemSettings = TaskSettings | SequenceSettings | SamplesSettings
"""What a run may learn."""
