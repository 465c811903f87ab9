"""The cyclic groups: the numbers 0 to n - 1 under addition mod n."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from groklab.errors import Mistake
from groklab.groups.group import Group, read_only
from groklab.groups.irrep import Irrep


@dataclass(frozen=True)
class Cyclic(Group):
    """Z_n, with the Fourier basis of Nanda et al. 2023, section 3: constant, cos 1, sin 1, cos 2, sin 2, ...

    Frequency k = 1, ..., floor(n / 2) has the functions cos(2 pi k x / n) and sin(2 pi k x / n), times
    sqrt(2 / n). For even n the last frequency, n / 2, has the one function (-1)^x / sqrt(n).
    """

    def __post_init__(self) -> None:
        if self.n < 1:
            raise Mistake(f"a cyclic group has at least 1 element, not {self.n}")

    @property
    def name(self) -> str:
        """Z_n."""
        return f"Z_{self.n}"

    @property
    def order(self) -> int:
        """n."""
        return self.n

    @cached_property
    def product(self) -> Int[np.ndarray, "order order"]:
        """product[x, y] = (x + y) mod n."""
        x = np.arange(self.n, dtype=np.int32)
        return read_only((x[:, None] + x) % self.n)

    @cached_property
    def irreps(self) -> tuple[Irrep, ...]:
        """The trivial one, the rotations by 2 pi k x / n, and for even n the sign (-1)^x."""
        return tuple(self._irrep(k) for k in range(self.n // 2 + 1))

    def _irrep(self, k: int) -> Irrep:
        # Reduced mod n before the cosine, which is less exact for large angles.
        angle = 2 * np.pi * (k * np.arange(self.n) % self.n) / self.n
        cos, sin = np.cos(angle), np.sin(angle)
        if 2 * k % self.n == 0:
            sign = np.sign(cos)
            return Irrep(label=k, matrices=sign[:, None, None], functions=sign[None] / np.sqrt(self.n))
        rotations = np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)
        return Irrep(label=k, matrices=rotations, functions=np.stack([cos, sin]) * np.sqrt(2 / self.n))
