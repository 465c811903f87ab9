"""The neurons: each one's frequency, how far a polynomial of degree 2 in it explains the neuron, and phases.

Nanda et al. 2023, section 4.3: the polynomial of frequency k has a constant and 8 terms, cos and sin of
w_k a, of w_k b, and the 4 products. Orthogonal, so the share explained is a share of power; no fit is needed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float, Int

from groklab.circuits.anatomy import Anatomy
from groklab.circuits.basis import Basis
from groklab.circuits.periodic import CHUNK, merged, pair_coefficients, term_power
from groklab.circuits.projections import term_mask
from groklab.errors import Mistake
from groklab.models import Model
from groklab.tasks.task import Task

MARK = 0.85
"""Share from which a neuron counts as one of its frequency (the paper's)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Neurons:
    """Every neuron, and the clusters they form."""

    frequency: Int[np.ndarray, " m"]
    """The index of each neuron's best frequency; -1 for a neuron that is constant (dead)."""
    share: Float[np.ndarray, " m"]
    """Share of its centred variance that the 8 terms of its frequency explain; NaN where it is dead."""
    power: Float[np.ndarray, " m"]
    """Its variance over the pairs, times the squared norm of its column of W_L: how much it matters."""
    input_phase: Float[np.ndarray, "m operand"]
    """The phases p of its linear terms, proportional to cos(w_k a - p) and cos(w_k b - p); NaN without phases."""
    output_phase: Float[np.ndarray, " m"]
    """The phase q of its column of W_L at its frequency, proportional to cos(w_k c - q)."""
    clusters: dict[int | str, int]
    """How many neurons each frequency explains to at least the mark, most first."""
    unclustered: int
    """How many neurons none explains so far, dead ones not counted."""
    dead: int
    """Neurons that are constant over the pairs."""
    explained: float
    """Share of all neurons' variance, weighted by W_L, that their own polynomials explain."""
    phase_agreement: float
    """|mean exp i(q - p_a - p_b)| over clustered neurons, weighted by power: 1 if output phase is the sum of
    the input phases up to one shift; NaN without phases."""
    spectrum: Float[np.ndarray, "1+k 1+k"]
    """Norms over the pairs by frequency in x and in y, all neurons together."""


def read_neurons(
    neurons: Iterable[tuple[slice, Float[np.ndarray, "pair part"]]], W_L: Float[np.ndarray, "c m"], basis: Basis
) -> tuple[Neurons, Float[np.ndarray, "i j c"]]:
    """The neurons read one by one; and the change of the logits when all that reach the mark become polynomials.

    Neurons come in parts with their places (`Anatomy.neurons`). The change is given by its coefficients.
    """
    order, width = basis.order, W_L.shape[1]
    rows = basis.group.basis
    masks = np.stack([term_mask(basis, one) for one in np.eye(len(basis.labels))]).astype(np.float32)
    frequency = np.full(width, -1)
    share, power = np.full(width, np.nan), np.zeros(width)
    phases, explained = np.full((width, 3), np.nan), 0.0
    total_power = np.zeros((order, order))
    change = np.zeros((order, order, len(W_L)), np.float32)
    weight = (W_L.astype(np.float64) ** 2).sum(0)
    for part, values in _in_chunks(neurons):
        coefficients = pair_coefficients(values.reshape(order, order, -1), basis)
        squares = coefficients.astype(np.float64) ** 2
        total_power += squares.sum(-1)
        constant = squares[0, 0].copy()
        squares[0, 0] = 0
        whole = squares.sum(axis=(0, 1))
        alive = whole > 1e-10 * (constant + whole)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = term_power(squares, basis) / np.where(alive, whole, np.nan)
        best = np.where(alive, np.argmax(np.nan_to_num(shares), axis=0), -1)
        frequency[part] = best
        share[part] = np.where(alive, shares[best, np.arange(len(best))], np.nan)
        power[part] = np.where(alive, whole, 0) * weight[part]
        explained += float(np.nansum(share[part] * power[part]))
        phases[part] = _phases(coefficients, rows @ W_L[:, part].astype(np.float64), best, basis)
        marked = np.flatnonzero(share[part] >= MARK)
        if len(marked):
            left_out = coefficients[:, :, marked] * np.moveaxis(masks[best[marked]] - 1, 0, -1)
            change += left_out @ W_L[:, part][:, marked].T
    counted = np.bincount(frequency[share >= MARK], minlength=len(basis.labels))
    summary = Neurons(
        frequency=frequency,
        share=share,
        power=power,
        input_phase=phases[:, :2],
        output_phase=phases[:, 2],
        clusters={basis.labels[k]: int(counted[k]) for k in np.argsort(-counted) if counted[k]},
        unclustered=int(np.sum(share < MARK)),
        dead=int(np.sum(frequency < 0)),
        explained=explained / power.sum() if power.sum() > 0 else float("nan"),
        phase_agreement=_agreement(phases, power, share >= MARK),
        spectrum=np.sqrt(merged(total_power, basis)),
    )
    return summary, change


def neuron_spectra(model: Model, task: Task) -> Float[np.ndarray, "m 1+k 1+k"]:
    """Each neuron's norms over the pairs by frequency in x and in y, the constant first.

    Their squares, summed over the neurons, are those of `Neurons.spectrum`. At P = 113 a neuron has 57 x 57
    norms, so a network's are had when asked for and not kept. Raises `Mistake` where there are no neurons, and for
    a task that is no group's product.
    """
    basis = Basis.of(task)
    anatomy = Anatomy(model, task, basis.pairs, basis.classes)
    if not anatomy.has_neurons:
        raise Mistake(f"a {anatomy.architecture} has no neurons to have spectra")
    spectra: list[np.ndarray] = []
    with jax.default_matmul_precision("highest"):
        for _, values in _in_chunks(anatomy.neurons()):
            functions = values.reshape(basis.order, basis.order, -1)
            power = np.moveaxis(pair_coefficients(functions, basis).astype(np.float64) ** 2, -1, 0)
            spectra += [np.sqrt(merged(one, basis)) for one in power]
    return np.stack(spectra)


def _in_chunks(
    neurons: Iterable[tuple[slice, Float[np.ndarray, "pair part"]]],
) -> Iterator[tuple[slice, Float[np.ndarray, "pair chunk"]]]:
    for place, values in neurons:
        for start in range(0, values.shape[1], CHUNK):
            part = values[:, start : start + CHUNK]
            yield slice(place.start + start, place.start + start + part.shape[1]), part


def _phases(
    coefficients: Float[np.ndarray, "i j m"],
    out: Float[np.ndarray, "i m"],
    best: Int[np.ndarray, " m"],
    basis: Basis,
) -> Float[np.ndarray, "m 3"]:
    """Phases of the terms in x, in y and of the column of W_L; NaN where a frequency has no cos and sin."""
    found = np.full((len(best), 3), np.nan)
    for m, k in enumerate(best):
        rows = basis.rows_of(int(k)) if k >= 0 else ()
        if len(rows) == 2 and basis.group.abelian:
            for place, pair in enumerate((coefficients[rows, 0, m], coefficients[0, rows, m], out[rows, m])):
                found[m, place] = np.arctan2(pair[1], pair[0])
    return found


def _agreement(phases: Float[np.ndarray, "m 3"], power: Float[np.ndarray, " m"], marked: np.ndarray) -> float:
    usable = marked & np.isfinite(phases).all(axis=1)
    if not usable.any() or power[usable].sum() == 0:
        return float("nan")
    turned = np.exp(1j * (phases[usable, 2] - phases[usable, 0] - phases[usable, 1]))
    return float(abs(np.average(turned, weights=power[usable])))
