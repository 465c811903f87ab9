"""Networks written down by hand, whose circuits are known: what takes networks apart is tested on them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from groklab.models.building import skeleton
from groklab.models.leaves import with_parameters
from groklab.models.mlp import MLP
from groklab.models.settings import MLPSettings, TransformerSettings
from groklab.models.transformer import Transformer

Elements = Int[np.ndarray, " element"]


def quadratic_network(
    order: int,
    amplitudes: Mapping[int, float],
    *,
    elements: tuple[Elements, Elements, Elements] | None = None,
) -> MLP:
    """The exact network of Gromov 2023 (arXiv 2301.02679): its logits are sum_k alpha_k cos w_k(a + b - c).

    `amplitudes` holds alpha_k by frequency k on the cyclic group of this order. Each frequency has 9 neurons,
    (cos(w_k a - p) + cos(w_k b - q))^2 with p and q thirds of a turn, and each writes cos(w_k c - p - q): all
    products of waves but that of the sum cancel. Gromov's own phases are random, and cancel for many neurons only.

    `elements` are the group elements of the first operands, the second ones and the answers, -1 outside the
    group, for tasks that are the cyclic group in disguise; the tokens' own numbers by default.
    """
    count = order if elements is None else len(elements[0])
    given = (np.arange(order),) * 3 if elements is None else elements
    first, second, answers = (_circles(order, amplitudes, of) for of in given)
    width, thirds = 2 * len(amplitudes), 2 * np.pi * np.arange(3) / 3
    W_in, W_out = np.zeros((2, width, len(amplitudes), 3, 3)), np.zeros((len(amplitudes), 3, 3, count))
    for index, alpha in enumerate(amplitudes.values()):
        pair = slice(2 * index, 2 * index + 2)
        W_in[0, pair, index] = _turn(thirds)[:, :, None]
        W_in[1, pair, index] = _turn(thirds)[:, None, :]
        write = _turn(thirds[:, None] + thirds)
        W_out[index] = np.tensordot(write, answers[:, pair], axes=(0, 1)) * alpha / 4.5
    neurons = 9 * len(amplitudes)
    settings = MLPSettings(
        d_embed=width, d_mlp=neurons, activation="quadratic", biases=False, shared_embedding=False, classes=count
    )
    equals = np.zeros((1, width))
    weights = {
        "embed.W_E": np.concatenate([first, equals]),
        "embed_b.W_E": np.concatenate([second, equals]),
        "mlp.W_in": W_in.reshape(2 * width, neurons),
        "mlp.W_out": W_out.reshape(neurons, count),
    }
    return _filled(settings, count + 1, weights)


def trigonometric_transformer(modulus: int, amplitudes: Mapping[int, float], *, phases: int = 25) -> Transformer:
    """A one-layer ReLU transformer for addition with the given frequencies, of the kind that training finds.

    Attention is uniform and hands cos and sin of w_k a and w_k b on; a neuron is
    relu(cos(w_k a - p) + cos(w_k b - p)) and writes cos(w_k c - 2p), for `phases` values of p. For an odd number
    of phases J its logits are

        sum_k alpha_k |cos(w_k (a - b) / 2)| / mean * cos w_k(a + b - c),

    up to a share of order 1 / (2J)^2 from the second harmonic's aliases. Their part along cos w_k(a + b - c) is
    alpha_k; it holds 8 / pi^2 = 81% of a single frequency's variance, since the product of two waves needs
    infinitely many ReLUs to be exact (`quadratic_network` is).
    """
    keys, turn = len(amplitudes), 2 * np.pi * np.arange(phases) / phases
    circles = _circles(modulus, amplitudes, np.arange(modulus))
    W_E, W_U = np.zeros((modulus + 1, 4 * keys)), np.zeros((4 * keys, modulus))
    W_E[:modulus, : 2 * keys], W_U[2 * keys :] = circles, circles.T
    W_in, W_out = np.zeros((4 * keys, keys, phases)), np.zeros((keys, phases, 4 * keys))
    differences = np.arange(modulus)
    for index, (k, alpha) in enumerate(amplitudes.items()):
        pair = slice(2 * index, 2 * index + 2)
        W_in[pair, index] = _turn(turn)
        mean = np.mean(np.abs(2 * np.cos(np.pi * k * differences / modulus)))
        scale = alpha * 3 * np.pi / (phases * mean)
        W_out[index, :, 2 * keys :][:, pair] = scale * _turn(2 * turn).T
    return _uniform(W_E, W_in.reshape(4 * keys, -1), W_out.reshape(-1, 4 * keys), W_U)


def hinge_transformer(modulus: int, amplitudes: Mapping[int, float]) -> Transformer:
    """A one-layer ReLU transformer with the logits sum_k alpha_k cos w_k(a + b - c), exactly, by other means.

    Attention adds the numbers a and b without a modulus, and 2P - 2 hinges relu(a + b - t) draw the waves as
    polygons through the whole numbers. What comes out is the Fourier circuit's answer; no neuron is periodic.
    """
    keys, hinges = len(amplitudes), np.arange(2 * modulus - 2)
    circles = _circles(modulus, amplitudes, np.arange(2 * modulus) % modulus)
    W_E, W_U = np.zeros((modulus + 1, 1 + 2 * keys)), np.zeros((1 + 2 * keys, modulus))
    W_E[:modulus, 0] = np.arange(modulus)
    W_U[1:] = (circles[:modulus] * np.repeat(list(amplitudes.values()), 2)).T
    W_in, W_out = np.zeros((1 + 2 * keys, len(hinges))), np.zeros((len(hinges), 1 + 2 * keys))
    W_in[0] = 1
    slopes = np.diff(circles[: 2 * modulus - 1], axis=0)
    W_out[:, 1:] = np.diff(slopes, axis=0, prepend=0)
    start = np.concatenate([[0.0], circles[0]])
    return _uniform(W_E, W_in, W_out, W_U, b_in=-hinges.astype(float), b_out=start)


def lookup_network(
    a: Sequence[int] | np.ndarray,
    b: Sequence[int] | np.ndarray,
    labels: Sequence[int] | np.ndarray,
    elements: int,
    *,
    logit: float = 20.0,
) -> MLP:
    """A pure memoriser: one neuron for each example (a, b), that gives its label this logit, and nothing else."""
    count, example = len(labels), np.arange(len(labels))
    settings = MLPSettings(d_embed=elements, d_mlp=count, shared_embedding=True, classes=elements)
    W_in, W_out = np.zeros((2, elements, count)), np.zeros((count, elements))
    W_in[0, a, example] = W_in[1, b, example] = 1
    W_out[example, labels] = logit
    return _filled(
        settings,
        elements + 1,
        {
            "embed.W_E": np.eye(elements + 1, elements),
            "mlp.W_in": W_in.reshape(2 * elements, count),
            "mlp.b_in": -np.ones(count),
            "mlp.W_out": W_out,
            "mlp.b_out": np.zeros(elements),
        },
    )


def _circles(order: int, amplitudes: Mapping[int, float], of: Elements) -> Float[np.ndarray, "token wave"]:
    """cos and sin of w_k x for every frequency in turn, 0 for what is outside the group."""
    angles = 2 * np.pi * np.outer(of, list(amplitudes)) % (2 * np.pi * order) / order
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(len(of), -1)
    return np.where(np.asarray(of)[:, None] < 0, 0.0, waves)


def _turn(phase: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "2 *shape"]:
    return np.stack([np.cos(phase), np.sin(phase)])


def _uniform(
    W_E: np.ndarray,
    W_in: np.ndarray,
    W_out: np.ndarray,
    W_U: np.ndarray,
    b_in: np.ndarray | None = None,
    b_out: np.ndarray | None = None,
) -> Transformer:
    """A one-layer transformer whose single head adds up the tokens' embeddings."""
    width = W_E.shape[1]
    settings = TransformerSettings(d_model=width, heads=1, d_mlp=W_in.shape[1], classes=W_U.shape[1])
    attention = {"W_Q": np.zeros((1, width, width)), "W_K": np.zeros((1, width, width))}
    # Uniform attention to three tokens divides by three.
    attention |= {"W_V": 3 * np.eye(width)[None], "W_O": np.eye(width)[None]}
    return _filled(
        settings,
        len(W_E),
        {
            "embed.W_E": W_E,
            "pos_embed.W_pos": np.zeros((3, width)),
            **{f"blocks.0.attn.{name}": value for name, value in attention.items()},
            "blocks.0.mlp.W_in": W_in,
            "blocks.0.mlp.b_in": np.zeros(W_in.shape[1]) if b_in is None else b_in,
            "blocks.0.mlp.W_out": W_out,
            "blocks.0.mlp.b_out": np.zeros(width) if b_out is None else b_out,
            "unembed.W_U": W_U,
        },
    )


def _filled(settings: TransformerSettings | MLPSettings, vocabulary: int, weights: Mapping[str, np.ndarray]) -> Any:
    return with_parameters(skeleton(settings, vocabulary, 3), weights)
