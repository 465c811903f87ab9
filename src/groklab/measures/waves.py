"""The part of a function of pairs that lies in the terms of each frequency, with no more arithmetic than it needs.

`groklab.circuits.projections` has the same in full: it transforms in x and in y, masks, and transforms back. Here
only products of functions of one frequency are ever formed, a third of the time. Axes as in
`groklab.circuits.basis`; s and t, the basis functions of one frequency, filled up with 0 to the most there are.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from groklab.circuits.basis import Basis


def functions(basis: Basis) -> Float[np.ndarray, "k s x"]:
    """The basis functions of every frequency, float32."""
    group = basis.group
    width = int(group.membership.sum(axis=0).max())
    out = np.zeros((len(basis.labels), width, basis.order), np.float32)
    for k in range(len(basis.labels)):
        rows = basis.rows_of(k)
        out[k, : len(rows)] = group.basis[rows]
    return out


def power(values: Float[Array, "x y n"], basis: Basis) -> Float[Array, "k"]:
    """The squared norm in the terms of each frequency: its functions of x, of y, and the products of the two."""
    u = functions(basis)
    both = jnp.einsum("kty,ksyn->kstn", u, jnp.einsum("ksx,xyn->ksyn", u, values))
    # The constant function's value is 1 / sqrt(order).
    alone = [jnp.einsum("ksx,xn->ksn", u, jnp.sum(values, axis=axis)) for axis in (1, 0)]
    linear = sum(jnp.sum(part**2, axis=(1, 2)) for part in alone)
    return jnp.sum(both**2, axis=(1, 2, 3)) + linear / basis.order


def products(table: Float[Array, "x y c"], basis: Basis, key: Float[Array, "k"]) -> Float[Array, "x y c"]:
    """The part in the products of a key frequency's functions in x and in y."""
    u = functions(basis)
    coefficients = jnp.einsum("kty,ksyc->kstc", u, jnp.einsum("ksx,xyc->ksyc", u, table))
    back = jnp.einsum("kty,kstc->ksyc", u, key[:, None, None, None] * coefficients)
    return jnp.einsum("ksx,ksyc->xyc", u, back)


def alone(table: Float[Array, "x y c"], basis: Basis, key: Float[Array, "k"]) -> Float[Array, "x y c"]:
    """The part in a key frequency's functions of x alone and of y alone."""
    u = functions(basis)
    onto = jnp.einsum("k,ksx,ksz->xz", key, u, u)
    return (onto @ jnp.mean(table, axis=1))[:, None] + (onto @ jnp.mean(table, axis=0))[None]
