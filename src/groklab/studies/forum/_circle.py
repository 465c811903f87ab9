"""How circular an embedding is in a plane: the share of what is seen there that lies in one frequency."""

import numpy as np
from jaxtyping import Float

from groklab.groups import Group

PLANES = 1000
"""Random planes that a plane is compared with."""

Embedding = Float[np.ndarray, "element d"]
Planes = Float[np.ndarray, "plane d 2"]


def leading_plane(embedding: Embedding) -> Planes:
    """The two leading principal axes of an embedding of a group's elements."""
    return np.linalg.svd(embedding - embedding.mean(axis=0))[2][None, :2].transpose(0, 2, 1)


def random_planes(width: int, count: int = PLANES, seed: int = 0) -> Planes:
    """Planes drawn uniformly, each as two orthonormal axes."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((count, width, 2)))[0]


def shares(group: Group, embedding: Embedding, planes: Planes) -> Float[np.ndarray, "plane frequency"]:
    """The share of each frequency in the variance of an embedding that is projected on planes.

    `embedding` has a row for each element in the group's order. With F_k the rows of the group's Fourier basis of
    frequency k and Q the axes, it is |F_k W_E Q|^2 over its sum over k. A circle, once round or k times, has all in
    one frequency; points without order have 2 / (order - 1) in each, on average.
    """
    power = np.sum((group.basis @ embedding @ planes) ** 2, axis=2) @ group.membership
    return power / power.sum(axis=1, keepdims=True)
