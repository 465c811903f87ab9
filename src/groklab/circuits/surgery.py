"""Logits with frequencies kept or removed, for many choices of frequencies, at little cost each.

The same functions as `projections`, with everything that does not depend on the choice computed once. What is
left of each is a product of two thin matrices, some 10 million multiplications for 3 frequencies at P = 113, which
the scorer multiplies out. The neurons act on the logits linearly, so removing frequencies from all neurons is
removing them from what the neurons write, `through`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.circuits.basis import Basis
from groklab.circuits.changes import Change
from groklab.circuits.products import product
from groklab.circuits.projections import by_product, cosine_coefficients
from groklab.circuits.terms import Terms

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

    def keep_sums(self, key: Key) -> Change:
        """`projections.keep_sums`."""
        return replace(self._by_sum(self.logits, self._by_product, key, constant=True), keep=False)

    def keep_products(self, key: Key) -> Change:
        """`projections.keep_products`."""
        return replace(self._part(self.logits, self.logits_terms, key, linear=False), keep=False)

    def keep_terms(self, key: Key) -> Change:
        """`projections.keep_terms`."""
        return replace(self._part(self.logits, self.logits_terms, key), keep=False)

    def without_sums(self, key: Key) -> Change:
        """`projections.without_sums`."""
        return self._by_sum(self.logits, -self._by_product, key)

    def without_cosines(self, key: Key) -> Change:
        """`projections.without_cosines`."""
        wave = (self._cosines[key] @ self.basis.waves[key]).astype(np.float32)
        return self._by_sum(self.logits, -wave[self.basis.difference], key)

    def neurons_without_terms(self, key: Key) -> Change:
        """The 8 terms of the key frequencies removed from every neuron."""
        return self._part(self.logits, self._through_terms, key, sign=-1, constant=False)

    def neurons_keep_terms(self, key: Key) -> Change:
        """Every neuron reduced to its mean and the 8 terms of the key frequencies; the path around stays."""
        return self._part(self._around, self._through_terms, key)

    def neurons_on_directions(self, key: Key) -> Change:
        """The neurons projected on the directions of W_L at the key frequencies, u_k and v_k."""
        return self._on_directions(self._around, key)

    def neurons_off_directions(self, key: Key) -> Change:
        """The neurons projected on all that is orthogonal to those directions."""
        return self._on_directions(self.logits, key, sign=-1)

    @cached_property
    def _around(self) -> Table:
        assert self.through is not None
        return self.logits - self.through

    @cached_property
    def logits_terms(self) -> Terms:
        """The logits' Fourier coefficients."""
        return Terms.of(self.logits, self.basis)

    @cached_property
    def _through_terms(self) -> Terms:
        assert self.through is not None
        return Terms.of(self.through, self.basis)

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

    def _chosen(self, key: Key, *, constant: bool = False) -> Int[np.ndarray, " i"]:
        """The rows of the basis of the key frequencies, with the constant or without."""
        rows = self.basis.group.membership @ key > 0
        rows[0] = constant
        return np.flatnonzero(rows)

    def _by_sum(self, base: Table, means: Float[np.ndarray, "z c"], key: Key, *, constant: bool = False) -> Change:
        """The key frequencies in z of a function of z = x y."""
        rows = self.basis.group.basis[self._chosen(key, constant=constant)].astype(np.float32)
        return Change(base, rows.T[self.basis.group.product.reshape(-1)], (rows @ means).astype(np.float32))

    def _part(
        self,
        base: Table,
        terms: Terms,
        key: Key,
        *,
        sign: float = 1,
        linear: bool = True,
        constant: bool = True,
    ) -> Change:
        """The products of a key frequency in x and in y; with `linear` also each alone; with `constant` the mean."""
        chosen = self._chosen(key, constant=True)
        kept = terms.at(chosen, self.basis.group.frequencies[chosen], linear=linear, constant=constant)
        rows = self.basis.group.basis[chosen].T.astype(np.float32)
        return Change(base, np.float32(sign) * rows, (rows @ kept).reshape(len(chosen), -1))

    def _on_directions(self, base: Table, key: Key, *, sign: float = 1) -> Change:
        assert self.through is not None
        rows = self.basis.group.basis[self._chosen(key)]
        out = rows @ self._gram
        inverse = np.linalg.pinv(out @ rows.T, hermitian=True)
        along = product(self.through.reshape(-1, self.basis.order), rows.T.astype(np.float32))
        return Change(base, along, (sign * inverse @ out).astype(np.float32))
