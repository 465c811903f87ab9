"""What an intervention does to the state of a run, on the host.

Along the tokens of an embedding, and along the answers of the unembedding, lie functions on the task's group. With F
the rows of the group's orthonormal Fourier basis for some frequencies, the part of weights V (element, column) in them
is F^T F V. An intervention takes a part S and leaves V + (factor - 1) S in the place of V:

- `keys`: S is W_E's part in the key frequencies, of both embeddings where the operands have one each.
- `memory`: S is what W_E and W_U (in a network without attention the neurons' way out) have in all frequencies but
  the key ones; the mean over elements stays. The general circuit reads the tokens and writes the answers as waves of
  the key frequencies alone (Nanda et al. 2023, section 4), so that with factor 0 it keeps what it reads and writes,
  while what tells single tokens and single answers apart is gone; with the tokens' and answers' own directions a
  lookup table goes. What a memory writes in the key frequencies stays. Biases stay: they remember nothing of a pair.
- `order`: the neurons, with the optimiser's moments, are permuted. The network is the same function and its training
  the same in exact numbers; only the sums over neurons are taken in another order, with every back end.
- `decay`: no weight changes; the strength of the decay is another from then on.

A control moves each array V by a D' as long as D = (factor - 1) S and with the same scalar product with V, hence to a
norm as large, but with all the rest of its direction random:

    D' = <D, V> / |V|^2 V + (|D|^2 - <D, V>^2 / |V|^2)^(1/2) u,   u random of length 1, orthogonal to V.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from groklab.models.settings import MLPSettings
from groklab.tasks import Task
from groklab.training.settings import Run

Arrays = dict[str, np.ndarray]
"""The state of a batch as `groklab.training.state.to_arrays` gives it, each with a leading run axis."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fork:
    """When and by what frequencies a run with an intervention is changed, as its reference says."""

    step: int | None = None
    """After which step; nothing where it cannot be."""
    key: Float[np.ndarray, " frequency"] | None = None
    """1 at the key frequencies of the reference's last network; nothing where there is no group."""
    reason: str = ""
    """Why there is no such step, in words."""


def change(arrays: Arrays, row: int, run: Run, fork: Fork) -> None:
    """Makes the intervention of the run in a row of the arrays, in place; nothing where the decay is changed."""
    intervention, task = run.intervention, Task.of(run.task)
    assert intervention is not None
    if intervention.change == "order":
        _permute(arrays, row, np.random.default_rng(run.seed))
        return
    if intervention.change == "decay":
        return
    assert task.group is not None
    assert fork.key is not None
    rng = np.random.default_rng(run.seed)
    basis = task.group.group.basis
    keys = basis[task.group.group.membership @ fork.key > 0]
    for path, axis, order in _places(run, task, memory=intervention.change == "memory"):
        whole = np.moveaxis(arrays[path][row], axis, 0)
        values = whole[order].astype(np.float64)
        part = keys.T @ (keys @ values)
        if intervention.change == "memory":
            part = values - part - values.mean(axis=0)
        moved = (intervention.factor - 1) * part
        whole[order] = values + (as_large(moved, values, rng) if intervention.control else moved)


def as_large(
    moved: Float[np.ndarray, "*shape"], values: Float[np.ndarray, "*shape"], rng: np.random.Generator
) -> Float[np.ndarray, "*shape"]:
    """A change as long as `moved`, that leaves `values` with a norm as large, in a random direction."""
    square = float(np.sum(values**2))
    along = float(np.sum(moved * values)) / square if square else 0.0
    drawn = rng.standard_normal(values.shape)
    if square:
        drawn -= np.sum(drawn * values) / square * values
    rest = max(float(np.sum(moved**2)) - along**2 * square, 0.0)
    return along * values + np.sqrt(rest) * drawn / np.linalg.norm(drawn)


def _places(run: Run, task: Task, *, memory: bool) -> Iterator[tuple[str, int, Int[np.ndarray, " order"]]]:
    """The arrays that are changed: path, the axis of the elements, and the elements in the group's order."""
    structure, alone = task.group, isinstance(run.model, MLPSettings)
    assert structure is not None
    yield ".model.embed.W_E", 0, structure.in_order("a")
    if isinstance(run.model, MLPSettings) and not run.model.shared_embedding:
        yield ".model.embed_b.W_E", 0, structure.in_order("b")
    if memory:
        yield (".model.mlp.W_out" if alone else ".model.unembed.W_U"), 1, structure.in_order("answer")


def _permute(arrays: Arrays, row: int, rng: np.random.Generator) -> None:
    """The neurons of every layer in another order, and their moments with them."""
    layers = sorted({path.partition(".model")[2] for path in arrays if path.startswith(".model") and _into(path)})
    for layer in layers:
        count = arrays[f".model{layer}"].shape[-1]
        order = rng.permutation(count)
        stem = layer.removesuffix("W_in")
        for path, values in arrays.items():
            for name, axis in (("W_in", -1), ("b_in", -1), ("W_out", -2)):
                if path.endswith(stem + name):
                    values[row] = np.take(values[row], order, axis=axis)


def _into(path: str) -> bool:
    return path.endswith(".mlp.W_in")
