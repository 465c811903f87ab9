"""What one measured quantity is."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One measured quantity of every run at every logged step, kept as float32."""

    name: str
    """Its name in the dataset, such as `train_loss`."""
    dims: tuple[str, ...] = ()
    """Its dimensions after `run` and `step`; each is a coordinate of the batch, such as `frequency`."""
    units: str
    """Its unit; `1` for a pure number."""
    description: str
    """One sentence."""
