"""What of the logits is kept and what removed: restricted and excluded logits, in all their readings.

Every function takes a table of logits over the group (`Basis.table`), numpy or JAX, traced or not, and gives
one of the same kind. Key frequencies come as weights over all frequencies, 1 for a key one and 0 for another,
so that they may be traced and batched.

The sum directions of frequency k are the functions of the pair (x, y) that are a basis row of k at x y: on a
cyclic group C_k ~ cos w_k(x+y) and S_k ~ sin w_k(x+y) (Nanda et al. 2023, section 5.1). Projecting on all of
them is averaging over the pairs of one product, so no table of directions is ever built.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from groklab.circuits.basis import Basis

Table = Float[Any, "x y c"]
Weights = Float[Any, " k"]


def transformed(table: Table, rows: Float[np.ndarray, "i x"]) -> Float[Any, "i j c"]:
    """The coefficients of a table in products of basis rows, u_i(x) u_j(y)."""
    rows = rows.astype(table.dtype)
    first = (rows @ table.reshape(table.shape[0], -1)).reshape(len(rows), *table.shape[1:])
    return rows @ first


def restored(coefficients: Float[Any, "i j c"], rows: Float[np.ndarray, "i x"]) -> Table:
    """The table that has these coefficients, and no others. Inverts `transformed` if all rows are given."""
    columns = rows.astype(coefficients.dtype).T
    first = columns @ coefficients
    return (columns @ first.reshape(first.shape[0], -1)).reshape(len(columns), *first.shape[1:])


def by_product(table: Table, basis: Basis) -> Float[Any, "z c"]:
    """The mean over the pairs of each product z = x y."""
    return table[np.arange(basis.order)[None, :], basis.second].mean(1)


def sum_part(table: Table, basis: Basis, key: Weights, constant: float = 0.0) -> Float[Any, "z c"]:
    """The projection on the sum directions of the key frequencies, as a function of z = x y.

    `constant` 1 adds the mean over all pairs, class by class.
    """
    rows = basis.group.basis.astype(table.dtype)
    weight = basis.group.membership.astype(table.dtype) @ key + constant * (basis.group.frequencies == 0)
    return rows.T @ (weight[:, None] * (rows @ by_product(table, basis))).astype(table.dtype)


def keep_sums(table: Table, basis: Basis, key: Weights) -> Table:
    """Restricted logits, first reading: the mean and the sum directions (2 a key frequency)."""
    return sum_part(table, basis, key, constant=1.0)[basis.group.product]


def keep_products(table: Table, basis: Basis, key: Weights) -> Table:
    """Restricted logits, second reading: the mean and the products of a key frequency in x and in y (4 a key)."""
    return _keep(table, basis, product_mask(basis, key))


def keep_terms(table: Table, basis: Basis, key: Weights) -> Table:
    """Restricted logits, third reading: the mean, each key frequency in x, in y, and the products (8 a key)."""
    return _keep(table, basis, term_mask(basis, key))


def without_sums(table: Table, basis: Basis, key: Weights) -> Table:
    """Excluded logits: all but the sum directions of the key frequencies."""
    return table - sum_part(table, basis, key)[basis.group.product]


def without_cosines(table: Table, basis: Basis, key: Weights) -> Table:
    """Excluded logits, narrower form: all but the one direction cos w_k(x+y-c) a key frequency."""
    wave = (key * cosine_coefficients(table, basis)) @ basis.waves.astype(table.dtype)
    return table - on_pairs(wave, basis)


def cosine_coefficients(table: Table, basis: Basis) -> Float[Any, " k"]:
    """The coefficient of cos w_k(x+y-c) in the logits, for every k: their projections, the waves being orthogonal.

    f(d) is the mean logit over all (x, y, c) with x y c^-1 = d; alpha_k = <f, wave_k> / <wave_k, wave_k>
    (Varma et al. 2023, appendix B; over any group the place of cos w_k is taken by character / dimension).
    """
    waves = basis.waves.astype(table.dtype)
    return (waves @ difference_profile(table, basis)) / (waves**2).sum(1)


def difference_profile(table: Table, basis: Basis) -> Float[Any, " d"]:
    """The mean logit over all (x, y, c) with x y c^-1 = d."""
    return by_product(table, basis)[np.arange(basis.order)[:, None], basis.answer].mean(0)


def on_pairs(profile: Float[Any, " d"], basis: Basis) -> Table:
    """The table whose entry at (x, y, c) is the profile at x y c^-1."""
    return profile[basis.difference][basis.group.product]


def product_mask(basis: Basis, key: Weights) -> Float[Any, "i j"]:
    """1 at the constant, and where i and j belong to one key frequency."""
    of = basis.group.frequencies
    return (of[:, None] == of) * _by_row(basis, key)


def term_mask(basis: Basis, key: Weights) -> Float[Any, "i j"]:
    """The same, and where one of i and j is the constant and the other belongs to a key frequency."""
    of = basis.group.frequencies
    by_row = _by_row(basis, key)
    first = (of == 0)[:, None]
    return ((of[:, None] == of) | first) * by_row + (first.T & ~first) * by_row[:, None]


def _by_row(basis: Basis, key: Weights) -> Float[Any, " i"]:
    """The weight of every basis row's frequency, 1 for the constant."""
    return basis.group.membership @ key + (basis.group.frequencies == 0)


def _keep(table: Table, basis: Basis, mask: Float[Any, "i j"]) -> Table:
    rows = basis.group.basis
    return restored(transformed(table, rows) * mask[:, :, None].astype(table.dtype), rows)
