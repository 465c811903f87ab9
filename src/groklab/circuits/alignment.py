"""One network laid onto another by changes that leave its function as it is.

Which changes these are, for a transformer without LayerNorm:

- neurons of a block in another order: columns of W_in, entries of b_in, rows of W_out;
- heads of a block in another order; and inside a head, M and N invertible, W_Q M and W_K M^-T, W_V N and N^-1 W_O;
- another basis T of the residual stream: what writes to it (W_E, W_pos, W_O, W_out, b_O, b_out) times T, what reads
  from it (W_Q, W_K, W_V, W_in, W_U) with T^-1 before it.

Of the last two the permutations and the orthogonal matrices are searched, T^-1 = T^T. Not searched are scalings (of a
neuron's input against its output, and of other invertible matrices), and symmetries of the task, such as x -> m x in
addition, which takes one set of key frequencies to another: they would change which token is which.

The search is weight matching (Ainsworth et al. 2022, "Git Re-Basin", section 3.2): the greatest inner product
<A, B'> over all weights, which is the least distance |A - B'|, since B' has B's norm. Each change enters it as
tr(T^T G) with a matrix of gains G. For the residual stream

    G = sum over writers of B^T A + sum over readers of B A^T,

for the inside of head j of B against head i of A, G_ij = Q_j^T Q_i + K_j^T K_i and V_j^T V_i + O_j O_i^T, for neurons
G_ij = <in_i, in_j> + b_i b_j + <out_i, out_j>. The best permutation for G is a linear assignment (SciPy's solver), the
best orthogonal matrix is U V^T of its singular value decomposition (Schoenemann 1966). Heads are assigned by the
gains of their best insides. With the basis of the residual stream fixed these problems do not touch each other, and
one pass is the optimum; otherwise they are solved in turn until the inner product no longer grows, which never falls.

Axes: d residual stream, k within a head, m neuron.
"""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from groklab.errors import Mistake, unknown
from groklab.models import Transformer, named_parameters, with_parameters

By = Literal["nothing", "neurons and heads", "permutations", "rotations"]
"""Nothing; neurons, heads and the order inside heads, with the residual stream fixed; all permutations, those of the
residual stream too; neurons and heads in another order with orthogonal matrices inside heads and of the stream."""

Weights = dict[str, np.ndarray]
Gains = Float[np.ndarray, "*stack n n"]
Best = Callable[[Gains], Float[np.ndarray, "*stack n n"]]
Insides = tuple[Float[np.ndarray, "h k k"], Float[np.ndarray, "h k k"]]
"""A basis for the inside of each head: of its queries and keys, of its values and outputs."""

WRITERS = ("W_E", "W_pos", "W_O", "W_out", "b_O", "b_out")
READERS = ("W_Q", "W_K", "W_V", "W_in", "W_U")
LABELLED = ("embed.W_E", "pos_embed.W_pos", "unembed.W_U")
"""What is labelled at its other end, by tokens, positions and answers: it says most of how the streams' bases lie."""
GROWTH = 1e-6
"""Relative growth of the inner product from which on the search goes on."""


def align(one: Transformer, other: Transformer, by: By) -> Transformer:
    """`other`, its function unchanged, with its weights laid as near to those of `one` as the changes `by` bring them.

    Where the residual stream may change, the search begins twice: with its basis as it is, neurons and heads laid
    best, and with its basis fitted to the embeddings and the unembedding alone. The nearer end counts.
    Raises `Mistake` for networks of other shapes, and for LayerNorm where the residual stream would change.
    """
    if by not in get_args(By):
        raise unknown("alignment", by, get_args(By))
    a, b = _weights(one), _weights(other)
    if {name: leaf.shape for name, leaf in a.items()} != {name: leaf.shape for name, leaf in b.items()}:
        raise Mistake("only networks of the same shape can be aligned; these two differ")
    if by == "nothing":
        return other
    if one.ln_final is not None and by != "neurons and heads":
        raise Mistake(f"LayerNorm leaves the residual stream no other basis: not {by}, but neurons and heads")
    best = _rotation if by == "rotations" else _permutation
    found = [_settled(a, b, best, stream=False)]
    if by != "neurons and heads":
        starts = (found[0], _turned(b, best(_stream_gains(a, b, LABELLED))))
        found = [_settled(a, start, best, stream=True) for start in starts]
    return with_parameters(other, max(found, key=lambda weights: _inner(a, weights)))


def shuffled(model: Transformer, seed: int) -> Transformer:
    """The network with its neurons, its heads and the inside of each head in a random order: the same function."""
    rng, weights = np.random.default_rng(seed), _weights(model)

    def order(count: int) -> Float[np.ndarray, "n n"]:
        return np.eye(count)[rng.permutation(count)]

    for block in _blocks(weights):
        heads, _, width = weights[f"{block}.attn.W_Q"].shape
        asked, told = (np.stack([order(width) for _ in range(heads)]) for _ in range(2))
        weights |= _heads(weights, block, rng.permutation(heads), (asked, told))
        if f"{block}.mlp.W_in" in weights:
            weights |= _neurons(weights, block, rng.permutation(weights[f"{block}.mlp.W_in"].shape[1]))
    return with_parameters(model, weights)


def cosine(one: Transformer, other: Transformer) -> float:
    """Cosine of the angle between all weights of two networks of one shape."""
    a, b = _weights(one), _weights(other)
    return _inner(a, b) / np.sqrt(_inner(a, a) * _inner(b, b))


def _settled(a: Weights, b: Weights, best: Best, *, stream: bool) -> Weights:
    """`b` after passes over all changes until its inner product with `a` no longer grows."""
    reached = _inner(a, b)
    while True:
        if stream:
            b = _turned(b, best(_stream_gains(a, b)))
        for block in _blocks(b):
            b = b | _heads(b, block, *_head_match(a, b, block, best))
            if f"{block}.mlp.W_in" in b:
                b = b | _neurons(b, block, _assigned(_neuron_gains(a, b, block)))
        now = _inner(a, b)
        if now <= reached + GROWTH * abs(reached):
            return b
        reached = now


def _stream_gains(a: Weights, b: Weights, names: Sequence[str] | None = None) -> Gains:
    """Inner products of what two networks have along each pair of coordinates of their residual streams."""
    names = list(a) if names is None else names
    return sum(
        (_facing(b[name], name).T @ _facing(a[name], name) for name in names if _last(name) in WRITERS + READERS),
        start=np.zeros(()),
    )


def _facing(weight: np.ndarray, name: str) -> Float[np.ndarray, "rest d"]:
    """A weight with the residual stream's axis last."""
    turned = np.swapaxes(weight, -1, -2) if _last(name) in READERS else weight
    return turned.reshape(-1, turned.shape[-1])


def _turned(weights: Weights, basis: Float[np.ndarray, "d d"]) -> Weights:
    """A network in another basis of its residual stream, orthogonal."""
    changed = {name: leaf @ basis for name, leaf in weights.items() if _last(name) in WRITERS}
    return weights | changed | {name: basis.T @ leaf for name, leaf in weights.items() if _last(name) in READERS}


def _head_match(a: Weights, b: Weights, block: str, best: Best) -> tuple[np.ndarray, Insides]:
    """Which head of `b` stands for each of `a`, and its best inside: of queries and keys, of values and outputs."""
    every = [(gains, best(gains)) for gains in (_inside_gains(a, b, block, parts) for parts in ("QK", "VO"))]
    order = _assigned(sum((np.sum(basis * gains, axis=(2, 3)) for gains, basis in every), start=np.zeros(())))
    asked, told = (basis[np.arange(len(order)), order] for _, basis in every)
    return order, (asked, told)


def _inside_gains(a: Weights, b: Weights, block: str, parts: str) -> Float[np.ndarray, "h h k k"]:
    """Inner products of what each head of `a` and each of `b` have along each pair of their coordinates."""
    heads, _, width = a[f"{block}.attn.W_Q"].shape
    gains = np.zeros((heads, heads, width, width))
    for part in parts:
        of_a, of_b = a[f"{block}.attn.W_{part}"], b[f"{block}.attn.W_{part}"]
        along = (np.swapaxes(of_a, 1, 2), np.swapaxes(of_b, 1, 2)) if part != "O" else (of_a, of_b)
        gains += along[1][None] @ np.swapaxes(along[0], 1, 2)[:, None]
        bias = f"{block}.attn.b_{part}"
        if part != "O" and bias in a:
            gains += b[bias][None, :, :, None] * a[bias][:, None, None, :]
    return gains


def _heads(weights: Weights, block: str, order: np.ndarray, insides: Insides) -> Weights:
    """The parameters of a block's heads in another order, each with another basis inside."""
    changed: Weights = {}
    for part in "QKVO":
        basis = insides[0 if part in "QK" else 1]
        name, bias = f"{block}.attn.W_{part}", f"{block}.attn.b_{part}"
        if part == "O":
            changed[name] = np.swapaxes(basis, 1, 2) @ weights[name][order]
        else:
            changed[name] = weights[name][order] @ basis
            if bias in weights:
                changed[bias] = (weights[bias][order][:, None, :] @ basis)[:, 0]
    return changed


def _neuron_gains(a: Weights, b: Weights, block: str) -> Gains:
    W_in, W_out, b_in = (f"{block}.mlp.{part}" for part in ("W_in", "W_out", "b_in"))
    biases = np.outer(a[b_in], b[b_in]) if b_in in a else 0.0
    return a[W_in].T @ b[W_in] + biases + a[W_out] @ b[W_out].T


def _neurons(weights: Weights, block: str, order: np.ndarray) -> Weights:
    """The parameters of a block's neurons in another order."""
    names = {"W_in": weights[f"{block}.mlp.W_in"][:, order], "W_out": weights[f"{block}.mlp.W_out"][order]}
    if f"{block}.mlp.b_in" in weights:
        names["b_in"] = weights[f"{block}.mlp.b_in"][order]
    return {f"{block}.mlp.{part}": leaf for part, leaf in names.items()}


def _assigned(gains: Gains) -> np.ndarray:
    """Which column goes with each row for the greatest sum."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(gains, maximize=True)[1]


def _permutation(gains: Gains) -> Float[np.ndarray, "*stack n n"]:
    orders = [_assigned(one) for one in gains.reshape(-1, *gains.shape[-2:])]
    return np.eye(gains.shape[-1])[np.stack(orders)].reshape(gains.shape)


def _rotation(gains: Gains) -> Float[np.ndarray, "*stack n n"]:
    left, _, right = np.linalg.svd(gains)
    return left @ right


def _inner(a: Weights, b: Weights) -> float:
    return float(sum(np.vdot(leaf, b[name]) for name, leaf in a.items()))


def _weights(model: Transformer) -> Weights:
    return {name: np.asarray(leaf, np.float64) for name, leaf in named_parameters(model).items()}


def _blocks(weights: Weights) -> list[str]:
    return sorted({".".join(name.split(".")[:2]) for name in weights if name.startswith("blocks.")})


def _last(name: str) -> str:
    return name.rpartition(".")[2]
