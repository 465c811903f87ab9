"""What one measured quantity is."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One measured quantity of every run, kept as float32."""

    name: str
    """Its name in the dataset, such as `train_loss`."""
    dims: tuple[str, ...] = ()
    """Its dimensions after `run` and, if it has one, `step`; each is a coordinate of the batch, such as `frequency`."""
    units: str
    """Its unit; `1` for a pure number."""
    description: str
    """One sentence."""
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further attributes in the dataset."""
    by_step: bool = True
    """Whether it has a value at every step; otherwise one for each run."""
    afterwards: bool = False
    """Whether it is written once, for all steps, when every run of the batch has ended; absent before."""
    own: bool = False
    """Whether it is a measure of the user's own, which the store remembers by its name."""
