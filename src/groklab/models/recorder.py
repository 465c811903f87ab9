"""Keeping the activations that were asked for while a network runs, and no others."""

from collections.abc import Sequence

from jaxtyping import Array, Float

from groklab.errors import unknown


class Recorder:
    """Called with every activation on its way; holds on to those that were asked for by name.

    Raises `Mistake` for a name the network does not have, with the nearest ones it has.
    """

    def __init__(self, keep: Sequence[str], names: Sequence[str]) -> None:
        for name in keep:
            if name not in names:
                raise unknown("activation of this network", name, names)
        self.keep = frozenset(keep)
        self.kept: dict[str, Float[Array, ...]] = {}

    def __call__(self, name: str, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """The value unchanged, kept when its name was asked for."""
        if name in self.keep:
            self.kept[name] = value
        return value
