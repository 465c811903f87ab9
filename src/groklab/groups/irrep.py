"""An irreducible representation over the reals, and the functions on the group that it spans."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True, eq=False)
class Irrep:
    """A homomorphism from a finite group to orthogonal matrices that leaves no subspace to itself."""

    label: int | str
    """The frequency k of a cyclic group, the partition such as `(4,1)` of a symmetric one."""
    matrices: Float[np.ndarray, "order dimension dimension"]
    """The matrix of every group element: matrices[x] @ matrices[y] = matrices[x y]."""
    functions: Float[np.ndarray, "function order"]
    """An orthonormal basis of the span of the matrix entries, each a function of the group element."""

    @property
    def dimension(self) -> int:
        """Size of the matrices."""
        return self.matrices.shape[-1]

    @property
    def character(self) -> Float[np.ndarray, " order"]:
        """The trace of every element's matrix."""
        return np.trace(self.matrices, axis1=1, axis2=2)
