"""The part of a table's Fourier coefficients that frequencies are read from and removed by."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from groklab.circuits.basis import Basis
from groklab.circuits.periodic import CHUNK, pair_coefficients


@dataclass(frozen=True, eq=False)
class Terms:
    """The coefficients of functions on the pairs in the constant and in every frequency's 8 terms. float32.

    Products of different frequencies are left out: of 113 x 113 coefficients some 450 stay.
    """

    in_x: Float[np.ndarray, "i c"]
    """Of u_i(x), the constant first."""
    in_y: Float[np.ndarray, "j c"]
    """Of u_j(y), the constant first."""
    products: tuple[Float[np.ndarray, "own own c"], ...]
    """Of u_i(x) u_j(y) with i and j of one frequency, in the order of the frequencies."""
    power: Float[np.ndarray, "i j"]
    """Squares of all coefficients, summed over the functions; those of products that are left out too. float64."""

    @staticmethod
    def of(values: Float[np.ndarray, "x y c"], basis: Basis) -> "Terms":
        """The terms of functions on the pairs."""
        order, count = basis.order, values.shape[-1]
        rows = [basis.rows_of(k) for k in range(len(basis.labels))]
        in_x, in_y = np.empty((2, order, count), np.float32)
        products = tuple(np.empty((len(own), len(own), count), np.float32) for own in rows)
        power = np.zeros((order, order))
        for start in range(0, count, CHUNK):
            part = slice(start, start + CHUNK)
            hat = pair_coefficients(values[..., part], basis)
            in_x[:, part], in_y[:, part] = hat[:, 0], hat[0]
            for own, product in zip(rows, products, strict=True):
                product[..., part] = hat[np.ix_(own, own)]
            power += np.einsum("ijc,ijc->ij", hat, hat, dtype=np.float64)
        return Terms(in_x, in_y, products, power)

    def at(
        self, chosen: Int[np.ndarray, " r"], of: Int[np.ndarray, " r"], *, linear: bool, constant: bool
    ) -> Float[np.ndarray, "r r c"]:
        """The coefficients at some rows of the basis, the constant first, zero where two frequencies mix.

        `of` says each row's frequency, 0 for the constant. Without `linear` the terms in x or y alone are left
        out, without `constant` the mean.
        """
        kept = np.zeros((len(chosen), len(chosen), self.in_x.shape[-1]), np.float32)
        if linear:
            kept[:, 0], kept[0] = self.in_x[chosen], self.in_y[chosen]
        for k in np.unique(of[of > 0]):
            own = np.flatnonzero(of == k)
            kept[np.ix_(own, own)] = self.products[k - 1]
        kept[0, 0] = self.in_x[0] if constant else 0
        return kept
