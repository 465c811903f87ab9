"""A change in the middle of training, as data: what is changed, how much, when."""

import math
from dataclasses import dataclass
from typing import Literal

from groklab.errors import Mistake
from groklab.settings import Settings, check_types

FORMATION = "circuit formation"
"""Midway in circuit formation, by the rule for the phases and the curves of the run that is not changed."""


@dataclass(frozen=True, kw_only=True)
class Intervention(Settings):
    """What is changed of a run at one step.

    Up to that step the run is the one without the change, its *reference*, bit for bit (with the fused step, whose
    results do not depend on the other runs of a batch; what XLA compiles for a batch of another size may round
    otherwise). From there on it goes its own way. The optimiser's moments stay as they are. `groklab.training.changing`
    says what each change is.
    """

    change: Literal["order", "decay", "memory", "keys"]
    """`order`: only in which order the neurons are summed; `decay`: the strength of the weight decay; `memory`: of the
    embedding and of the unembedding what lies in no key frequency; `keys`: of the embedding what lies in one."""
    factor: float = 0.0
    """What it is multiplied by: 0 takes it away, 2 doubles it."""
    control: bool = False
    """Whether the weights are moved as far and to as large a norm, but in a random direction."""
    at: int | Literal["circuit formation"] = FORMATION
    """After which step, or midway in which phase of the reference."""

    def __post_init__(self) -> None:
        check_types(self)
        if not (math.isfinite(self.factor) and self.factor >= 0):
            raise Mistake(f"intervention.factor must be 0 or more, not {self.factor}")
        if self.change == "order" and self.factor:
            raise Mistake("intervention.factor says nothing of the order of summation; leave it at 0")
        if self.control and self.change in ("order", "decay"):
            raise Mistake(f"intervention.control is for changes of weights, memory and keys, not {self.change}")
        if isinstance(self.at, int) and self.at < 0:
            raise Mistake(f"intervention.at must be a step from 0 on, or {FORMATION!r}, not {self.at}")

    @property
    def words(self) -> str:
        """The change in words: `weight decay off`, `key frequencies of the embedding times 2`."""
        what = {
            "order": "order of summation",
            "decay": "weight decay",
            "memory": "memory",
            "keys": "key frequencies of the embedding",
        }[self.change]
        taken = {"order": "changed", "decay": "off", "memory": "projected out", "keys": "removed"}
        done = f"{what} {f'times {self.factor:g}' if self.factor else taken[self.change]}"
        return f"random change as large as with {done}" if self.control else done

    @property
    def name(self) -> str:
        """The change in words, with its step where that is given as a number."""
        return f"{self.words} at step {self.at:,}" if isinstance(self.at, int) else self.words
