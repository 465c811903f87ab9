"""The neuron-logit map in Fourier form: W_L ~ sum over key k of cos(w_k c) u_k^T + sin(w_k c) v_k^T.

Nanda et al. 2023, section 4.2. If the network computes cos w_k(a+b-c), the neurons projected on u_k are a
multiple of cos w_k(a+b), and on v_k of sin w_k(a+b): Table 1 says how nearly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from groklab.circuits.basis import Basis


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronLogit:
    """The low-rank form, its residual, and what the network computes along each of its directions."""

    norm: float
    """Frobenius norm of W_L, its rows the answers."""
    residual: float
    """Norm of what lies outside the key directions, the constant included, over the norm of W_L."""
    residual_variance: float
    """Share of the squared norm of W_L, its mean over answers removed, that lies outside the key directions."""
    names: tuple[str, ...]
    """The directions: `cos 14`, `sin 14`, ...; `(4,1) 0`, `(4,1) 1`, ... where the group is no circle."""
    directions: Float[np.ndarray, "direction m"]
    """u_k and v_k: the coefficients of W_L in orthonormal basis rows over the answers."""
    share: Float[np.ndarray, " direction"]
    """Table 1: share of the variance over pairs of the neurons projected on a direction, explained by the same
    basis row at x y. NaN where the projection is constant."""


def read_neuron_logit(
    W_L: Float[np.ndarray, "c m"],
    through: Float[np.ndarray, "x y c"],
    basis: Basis,
    key: Bool[np.ndarray, " k"],
) -> NeuronLogit:
    """The Fourier form of W_L (rows in the group's order) at the key frequencies.

    `through` is the part of the logits that the neurons write: its coefficients along the answers are the
    neurons' projections on the directions.
    """
    rows = basis.group.basis
    kept = basis.group.membership @ key > 0
    coefficients = rows @ W_L.astype(np.float64)
    power, total = (coefficients**2).sum(1), float((coefficients**2).sum())
    varying = total - power[0]
    projected = through @ rows[kept].T.astype(through.dtype)
    along = np.moveaxis(projected, -1, 0).astype(np.float64)
    centred = along - along.mean(axis=(1, 2), keepdims=True)
    wave = rows[kept][:, basis.group.product] / np.sqrt(basis.order)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.sum(centred * wave, axis=(1, 2)) ** 2 / np.sum(centred**2, axis=(1, 2))
        return NeuronLogit(
            norm=float(np.sqrt(total)),
            residual=float(np.sqrt(power[~kept].sum() / np.float64(total))),
            residual_variance=float(power[~kept][1:].sum() / np.float64(varying)),
            names=direction_names(basis, key),
            directions=coefficients[kept],
            share=share,
        )


def direction_names(basis: Basis, key: Bool[np.ndarray, " k"]) -> tuple[str, ...]:
    """The names of the basis rows of the key frequencies."""
    names: list[str] = []
    for frequency in np.flatnonzero(key):
        label, count = basis.labels[frequency], len(basis.rows_of(int(frequency)))
        if isinstance(label, int):
            names += [f"{wave} {label}" for wave in ("cos", "sin")[:count]]
        else:
            names += [f"{label} {index}" for index in range(count)]
    return tuple(names)
