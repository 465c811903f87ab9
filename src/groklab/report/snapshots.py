"""What the explorer draws of one network, in tables small enough for a page to hold many.

Without LayerNorm, what a head scores and what it hands a neuron is a function of the token plus one of the position.
So a table over the tokens and a number for each position are all that a picture over all pairs needs:

    score_h(position, x) = scores[h, x] + score_offsets[h, position]        (constant tokens: the offset alone)
    pre_m(a, b) = bias[m] + sum over h and positions of pattern_h(position) (shares[m, h, x] + share_offsets[...])

The browser makes the pictures (`report/js/network.js`). Axes: h heads, m chosen neurons, x tokens of operands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from groklab.circuits.anatomy import Anatomy
from groklab.circuits.attention import Attention
from groklab.circuits.basis import Basis
from groklab.circuits.neurons import read_neurons
from groklab.models import Model, Transformer, skeleton, with_parameters
from groklab.models.settings import LinearSettings
from groklab.report.packing import Quantised, quantised
from groklab.store import Reader
from groklab.tasks import Task
from groklab.training.settings import Run

BYTES_READ = 2**26
"""Weights read from a store at once."""

Tables = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """One neuron whose activation is shown."""

    number: int
    """Its number in the layer."""
    frequency: int | None
    """The frequency that explains most of it in the last network; nothing where it is dead there."""
    share: float | None
    """Share of its variance that the polynomial of degree 2 in that frequency explains."""


def tables(
    model: Transformer, task: Task, basis: Basis, neurons: Sequence[int], circles: Sequence[int]
) -> dict[str, Float[np.ndarray, "..."]]:
    """The tables of one network, for some neurons and for the circles of some frequencies (places in `labels`).

    `circles` has, for each frequency, the embedding of every element, in the order of the group, along the unit
    vectors of W_E^T cos_k and W_E^T sin_k (element, 2).
    """
    plain = jax.tree.map(np.asarray, model)
    tokens = np.arange(task.elements)
    # On the pairs (x, x), attention to one position alone takes that position's token.
    attention = Attention(plain, task.template, tokens, tokens)
    embedding = np.asarray(plain.embed.W_E)[basis.structure.in_order("a")]
    directions = np.stack([basis.group.basis[basis.rows_of(k)] for k in circles]).astype(np.float32) @ embedding
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    planes = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)
    scores = np.stack([np.broadcast_to(s[:, : len(tokens)], (len(s), len(tokens))) for s in attention.scores])
    found: Tables = {"circles": np.einsum("xd,kwd->kxw", embedding, planes)}
    found["scores"], found["score_offsets"] = _by_token(scores, attention.operands)
    mlp = plain.blocks[0].mlp
    if mlp is not None and neurons:
        W_in = np.asarray(mlp.W_in)[:, list(neurons)]
        handed = np.stack([_handed(attention, position, W_in) for position in range(len(task.template))])
        found["shares"], found["share_offsets"] = _by_token(handed, attention.operands)
        last = (
            np.asarray(plain.embed.W_E)[task.template[-1]] + np.asarray(plain.pos_embed.W_pos)[len(task.template) - 1]
        )
        last = last if plain.blocks[0].attn.b_O is None else last + np.asarray(plain.blocks[0].attn.b_O)
        found["bias"] = last @ W_in + (0 if mlp.b_in is None else np.asarray(mlp.b_in)[list(neurons)])
    return found


def packed(rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray | Quantised]:
    """The tables of networks at successive steps: the large ones quantised, the others float32.

    A circle is exact to 1/254 of its largest coordinate, a table of scores or shares to 1/65,534 of its largest entry.
    """
    stacked = {name: np.stack([row[name] for row in rows]).astype(np.float32) for name in rows[0]}
    kinds = {"circles": (2, np.int8), "scores": (1, np.int16), "shares": (2, np.int16)}
    return {name: quantised(values, *kinds[name]) if name in kinds else values for name, values in stacked.items()}


def chosen_neurons(model: Transformer, task: Task, basis: Basis, key: Sequence[int], count: int) -> tuple[Neuron, ...]:
    """The neurons that matter most to a network: for each key frequency in turn its strongest, then its second, ...

    Strength is `Neurons.power`: variance over the pairs times squared norm in W_L. Without key frequencies, the
    strongest of all. None for a network without neurons, or whose weights are not finite.
    """
    anatomy = Anatomy(model, task, basis.pairs, basis.classes)
    if not anatomy.has_neurons or not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(model)):
        return ()
    found, _ = read_neurons(anatomy.neurons(), anatomy.W_L, basis)
    ordered = [int(m) for m in np.argsort(-found.power, kind="stable")]
    ranks = [[m for m in ordered if found.frequency[m] == k] for k in key] if len(key) else [ordered]
    turns = [rank[turn] for turn in range(count) for rank in ranks if turn < len(rank)]
    return tuple(
        Neuron(
            number=m,
            frequency=int(found.frequency[m]) if found.frequency[m] >= 0 else None,
            share=float(found.share[m]) if np.isfinite(found.share[m]) else None,
        )
        for m in turns[:count]
    )


def networks(
    reader: Reader, settings: Sequence[Run], steps: Mapping[int, Sequence[int]]
) -> Iterator[tuple[int, int, Model]]:
    """The networks of runs after some of their kept steps, as (run, step, network): a run's steps come in order.

    All runs of a batch are read together, which is faster by far than one network after the other.
    """
    for batch, members in reader.manifest.batches.items():
        wanted = {run: set(steps[run]) for run in members if run in steps}
        union = sorted(set().union(*wanted.values()))
        if not union:
            continue
        first = settings[next(iter(wanted))]
        task = Task.of(first.task)
        assert not isinstance(first.model, LinearSettings)
        outline = skeleton(first.model, task.vocabulary, task.length)
        size = 4 * len(members) * sum(leaf.size for leaf in jax.tree.leaves(outline))
        at_once = max(1, BYTES_READ // size)
        for start in range(0, len(union), at_once):
            some = union[start : start + at_once]
            weights = reader.weights(batch, some)
            for run in wanted:
                row = list(members).index(run)
                for place, step in enumerate(some):
                    if step in wanted[run]:
                        yield run, step, with_parameters(outline, {n: leaf[row, place] for n, leaf in weights.items()})


def _by_token(
    values: Float[np.ndarray, "position *which x"], operands: tuple[int, int]
) -> tuple[Float[np.ndarray, "*which x"], Float[np.ndarray, "*which position"]]:
    """A function of position and token as one of the token, of mean 0, plus one of the position."""
    offsets = np.moveaxis(values.mean(axis=-1), 0, -1)
    first = operands[0]
    return values[first] - offsets[..., first, None], offsets


def _handed(attention: Attention, position: int, W_in: Float[np.ndarray, "d m"]) -> Float[np.ndarray, "m h x"]:
    """What each neuron gets from each head that looks at one position alone."""
    W_O = np.asarray(attention.model.blocks[0].attn.W_O)
    alone = np.zeros_like(attention.pattern)
    alone[position] = 1
    read = np.stack([attention.outputs(alone, head) @ W_O[head] @ W_in for head in range(len(W_O))])
    return np.transpose(read, (2, 0, 1))
