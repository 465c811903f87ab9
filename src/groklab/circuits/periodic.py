"""Periodic structure: how the power of weights, scores, neurons and logits spreads over the frequencies."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from groklab.circuits.basis import Basis
from groklab.circuits.products import product

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
    """The coefficients of functions on the pairs in products of basis rows, float32: `projections.transformed`."""
    return _part_by_part(values, basis.group.basis)


def on_all_pairs(coefficients: Float[np.ndarray, "i j n"], basis: Basis) -> Float[np.ndarray, "x y n"]:
    """The functions with these coefficients, float32: `projections.restored`."""
    return _part_by_part(coefficients, basis.group.basis.T)


def _part_by_part(values: Float[np.ndarray, "x y n"], matrix: Float[np.ndarray, "i x"]) -> Float[np.ndarray, "i j n"]:
    """The matrix applied along both axes, in two large products for every `CHUNK` functions."""
    matrix, out = matrix.astype(np.float32), np.empty(values.shape, np.float32)
    for start in range(0, values.shape[-1], CHUNK):
        part = slice(start, start + CHUNK)
        out[..., part] = _along_first(matrix, _along_first(matrix, values[..., part]).swapaxes(0, 1)).swapaxes(0, 1)
    return out


def _along_first(matrix: Float[np.ndarray, "i x"], values: Float[np.ndarray, "x y n"]) -> Float[np.ndarray, "i y n"]:
    return product(matrix, values.reshape(len(values), -1)).reshape(values.shape)


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
