"""The machine's ceiling: large products of float32 matrices."""

import importlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

Library = Literal["numpy", "xla", "torch"]


class Products:
    """Products of two square matrices in one library; a step is one product."""

    runs = 1

    def __init__(self, library: Library, size: int) -> None:
        matrix = np.random.default_rng(0).standard_normal((size, size), np.float32)
        self.flop = 2 * size**3
        self.product = _PRODUCTS[library](matrix)

    def steps(self, count: int) -> None:
        """Takes so many products."""
        for _ in range(count):
            self.product()


def _numpy(matrix: np.ndarray) -> Callable[[], object]:
    out = np.empty_like(matrix)
    return lambda: np.matmul(matrix, matrix, out=out)


def _xla(matrix: np.ndarray) -> Callable[[], object]:
    import jax

    device = jax.device_put(matrix)
    product = jax.jit(lambda left, right: jax.numpy.matmul(left, right, precision="highest"))
    return lambda: jax.block_until_ready(product(device, device))


def _torch(matrix: np.ndarray) -> Callable[[], object]:
    torch: Any = importlib.import_module("torch")
    tensor = torch.tensor(matrix)
    out = torch.empty_like(tensor)
    return lambda: torch.matmul(tensor, tensor, out=out)


_PRODUCTS: dict[Library, Callable[[np.ndarray], Callable[[], object]]] = {
    "numpy": _numpy, "xla": _xla, "torch": _torch,
}  # fmt: skip
