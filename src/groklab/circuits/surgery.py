"""Logits with frequencies kept or removed, for many choices of frequencies, at little cost each.

The same functions as `projections`, with everything that does not depend on the choice computed once, and with
only the chosen rows of the basis multiplied: a choice of 5 frequencies at P = 113 costs some 30 million
multiplications. The neurons act on the logits linearly, so removing frequencies from all neurons is removing
them from what the neurons write, `through`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from groklab.circuits.basis import Basis
from groklab.circuits.projections import by_product, cosine_coefficients, on_pairs, transformed

Key = Bool[np.ndarray, " k"]
Table = Float[np.ndarray, "x y c"]


@dataclass(frozen=True)
class Surgery:
    """The logits over the group, and the part that the neurons write with their map, where there is one."""

    basis: Basis
    """The task's basis."""
    logits: Table
    """The logits, float32."""
    through: Table | None = None
    """What the neurons write."""
    W_L: Float[np.ndarray, "c m"] | None = None
    """Their map."""

    def keep_sums(self, key: Key) -> Table:
        """`projections.keep_sums`."""
        return self._sums(key, constant=True)[self.basis.group.product]

    def keep_products(self, key: Key) -> Table:
        """`projections.keep_products`."""
        return self._part(self._logits_hat, key, linear=False)

    def keep_terms(self, key: Key) -> Table:
        """`projections.keep_terms`."""
        return self._part(self._logits_hat, key)

    def without_sums(self, key: Key) -> Table:
        """`projections.without_sums`."""
        return self.logits - self._sums(key, constant=False)[self.basis.group.product]

    def without_cosines(self, key: Key) -> Table:
        """`projections.without_cosines`."""
        wave = (self._cosines[key] @ self.basis.waves[key]).astype(np.float32)
        return self.logits - on_pairs(wave, self.basis)

    def neurons_without_terms(self, key: Key) -> Table:
        """The 8 terms of the key frequencies removed from every neuron."""
        return self.logits - self._part(self._through_hat, key, constant=False)

    def neurons_keep_terms(self, key: Key) -> Table:
        """Every neuron reduced to its mean and the 8 terms of the key frequencies; the path around stays."""
        return self._around + self._part(self._through_hat, key)

    def neurons_on_directions(self, key: Key) -> Table:
        """The neurons projected on the directions of W_L at the key frequencies, u_k and v_k."""
        return self._around + self._on_directions(key)

    def neurons_off_directions(self, key: Key) -> Table:
        """The neurons projected on all that is orthogonal to those directions."""
        return self.logits - self._on_directions(key)

    @cached_property
    def _logits_hat(self) -> Float[np.ndarray, "i j c"]:
        return transformed(self.logits, self.basis.group.basis)

    @cached_property
    def _through_hat(self) -> Float[np.ndarray, "i j c"]:
        assert self.through is not None
        return transformed(self.through, self.basis.group.basis)

    @cached_property
    def _along(self) -> Float[np.ndarray, "pair i"]:
        """The neurons projected on the directions of W_L along every row of the basis."""
        assert self.through is not None
        through = self.through.reshape(-1, self.basis.order)
        return through @ self.basis.group.basis.T.astype(np.float32)

    @cached_property
    def _around(self) -> Table:
        assert self.through is not None
        return self.logits - self.through

    @cached_property
    def _by_product(self) -> Float[np.ndarray, "z c"]:
        return by_product(self.logits, self.basis)

    @cached_property
    def _cosines(self) -> Float[np.ndarray, " k"]:
        return cosine_coefficients(self.logits, self.basis).astype(np.float64)

    @cached_property
    def _gram(self) -> Float[np.ndarray, "c c"]:
        assert self.W_L is not None
        W_L = self.W_L.astype(np.float64)
        return W_L @ W_L.T

    def _chosen(self, key: Key, *, constant: bool) -> Bool[np.ndarray, " i"]:
        """The rows of the basis of the key frequencies, with the constant or without."""
        rows = self.basis.group.membership @ key > 0
        rows[0] = constant
        return rows

    def _sums(self, key: Key, *, constant: bool) -> Float[np.ndarray, "z c"]:
        rows = self.basis.group.basis[self._chosen(key, constant=constant)].astype(np.float32)
        return rows.T @ (rows @ self._by_product)

    def _part(self, hat: Float[np.ndarray, "i j c"], key: Key, *, linear: bool = True, constant: bool = True) -> Table:
        """The products of a key frequency in x and in y; with `linear` also each alone; with `constant` the mean."""
        chosen = np.flatnonzero(self._chosen(key, constant=True))
        of = self.basis.group.frequencies[chosen]
        mask = of[:, None] == of
        if linear:
            mask |= (of == 0) | (of[:, None] == 0)
        mask[0, 0] = constant
        rows = np.ascontiguousarray(self.basis.group.basis[chosen].T, dtype=np.float32)
        kept = hat[np.ix_(chosen, chosen)] * mask[:, :, None]
        # The large product comes last and alone: one matrix times another.
        return (rows @ (rows @ kept).reshape(len(chosen), -1)).reshape(self.logits.shape)

    def _on_directions(self, key: Key) -> Table:
        rows = self.basis.group.basis[self._chosen(key, constant=False)]
        out = rows @ self._gram
        inverse = np.linalg.pinv(out @ rows.T, hermitian=True)
        along = self._along[:, self._chosen(key, constant=False)]
        return (along @ (inverse @ out).astype(np.float32)).reshape(self.logits.shape)
