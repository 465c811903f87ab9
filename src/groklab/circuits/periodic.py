"""Periodic structure: how the power of weights, scores, neurons and logits spreads over the frequencies."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Float

from groklab.circuits.basis import Basis
from groklab.circuits.projections import restored, transformed

CHUNK = 32
"""Functions on the pairs that are transformed at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectra:
    """Norms of the Fourier components, cos and sin merged. What a network lacks is nothing."""

    frequencies: tuple[int | str, ...]
    """The labels along every axis named k."""
    embedding: Float[np.ndarray, " k"]
    """Of W_E along the tokens of the first operand."""
    embedding_b: Float[np.ndarray, " k"]
    """Of the second operand's embedding along its tokens, in the order of the elements they stand for."""
    unembedding: Float[np.ndarray, " k"] | None
    """Of W_U along the answers."""
    neuron_logit: Float[np.ndarray, " k"] | None
    """Of W_L along the answers."""
    scores: Float[np.ndarray, "h operand k"] | None
    """Of each head's scores from the last position to a and to b, over the operand's tokens."""
    neurons: Float[np.ndarray, "1+k 1+k"] | None
    """Of the neurons over the pairs, all neurons together: frequency in x, frequency in y, 0 for constant."""
    logits: Float[np.ndarray, "1+k 1+k"]
    """Of the logits over the pairs, all answers together."""


def pair_coefficients(values: Float[np.ndarray, "x y n"], basis: Basis) -> Float[np.ndarray, "i j n"]:
    """The coefficients of functions on the pairs in products of basis rows: `projections.transformed`, compiled."""
    return _part_by_part(_transformed, values, basis)


def on_all_pairs(coefficients: Float[np.ndarray, "i j n"], basis: Basis) -> Float[np.ndarray, "x y n"]:
    """The functions with these coefficients: `projections.restored`, compiled."""
    return _part_by_part(_restored, coefficients, basis)


_transformed, _restored = jax.jit(transformed), jax.jit(restored)


def _part_by_part(
    way: Callable[..., Array], values: Float[np.ndarray, "x y n"], basis: Basis
) -> Float[np.ndarray, "i j n"]:
    """Equal parts, so that one compilation serves all; the last one reaches back over the one before."""
    rows, out = basis.group.basis.astype(np.float32), np.empty(values.shape, np.float32)
    size = min(CHUNK, values.shape[-1])
    for start in range(0, values.shape[-1], size):
        part = slice(min(start, values.shape[-1] - size), min(start + size, values.shape[-1]))
        out[..., part] = np.asarray(way(values[..., part], rows))
    return out


def merged(power: Float[np.ndarray, "i j"], basis: Basis) -> Float[np.ndarray, "1+k 1+k"]:
    """Power by basis rows summed into power by frequencies, the constant first."""
    count = len(basis.labels) + 1
    member = (basis.group.frequencies[:, None] == np.arange(count)).astype(np.float64)
    return member.T @ power @ member


def term_power(power: Float[np.ndarray, "i j *rest"], basis: Basis) -> Float[np.ndarray, "k *rest"]:
    """The power in the 8 terms of every frequency: its products in x and in y, and it alone in either."""
    rows = [basis.rows_of(k) for k in range(len(basis.labels))]
    terms = [
        power[np.ix_(own, own)].sum(axis=(0, 1)) + power[own, 0].sum(axis=0) + power[0, own].sum(axis=0) for own in rows
    ]
    return np.stack(terms)
