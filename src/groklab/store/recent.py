"""The weights that a writer committed itself, as long as they are few: what was just written need not be read."""

from collections.abc import Mapping, Sequence

import numpy as np

BYTES = 2**27
"""Weights remembered at most."""


class Recent:
    """Weights by step, as they were committed. Once they are more than `BYTES`, none are remembered any more."""

    def __init__(self, runs: int) -> None:
        """`runs` is the number of the batch's rows."""
        self._runs, self._bytes = runs, 0
        self._kept: dict[int, list[tuple[np.ndarray, Mapping[str, np.ndarray]]]] = {}

    def add(self, where: np.ndarray, checkpoints: Mapping[int, Mapping[str, np.ndarray]]) -> None:
        """Remembers leaves (run, ...), by step and name, of the runs at positions `where`."""
        self._bytes += sum(leaf.nbytes for leaves in checkpoints.values() for leaf in leaves.values())
        if self._bytes > BYTES:
            self._kept.clear()
        else:
            for step, leaves in checkpoints.items():
                self._kept.setdefault(step, []).append((where, leaves))

    def weights(self, steps: Sequence[int]) -> dict[str, np.ndarray] | None:
        """Every leaf (run, step, ...) at those steps, filled up with 0; nothing where not all are remembered."""
        if not steps or not all(step in self._kept for step in steps):
            return None
        found: dict[str, np.ndarray] = {}
        for place, step in enumerate(steps):
            for where, leaves in self._kept[step]:
                for name, leaf in leaves.items():
                    if name not in found:
                        found[name] = np.zeros((self._runs, len(steps), *leaf.shape[1:]), leaf.dtype)
                    found[name][where, place] = leaf
        return found
