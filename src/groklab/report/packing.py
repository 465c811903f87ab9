"""Arrays packed into a text that a page carries and a browser unpacks: deflated, in base64.

The packed bytes are the header's length (uint32), the header (JSON, with spaces up to the next multiple of 8), and the
arrays one after the other, each at a multiple of 8. All numbers are little-endian. `report/js/unpack.js` reads it.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import DTypeLike

ALIGNED = 8
"""Every array begins at a multiple of this many bytes."""
KINDS = {"f": "f4", "b": "u1"}
"""How floating-point numbers and truth values are packed."""


@dataclass(frozen=True, eq=False)
class Quantised:
    """Numbers as small integers times a scale. Made by `quantised`."""

    values: Int[np.ndarray, "*shape"]
    """The integers."""
    scale: Float[np.ndarray, "*block"]
    """What one unit of each block is worth, float32; NaN where the block was not finite."""

    @property
    def nbytes(self) -> int:
        """Bytes before deflating."""
        return self.values.nbytes + self.scale.nbytes

    @property
    def restored(self) -> Float[np.ndarray, "*shape"]:
        """The numbers as the browser gets them back, float32."""
        rest = (1,) * (self.values.ndim - self.scale.ndim)
        return self.values * self.scale.reshape(*self.scale.shape, *rest)


def quantised(values: Float[np.ndarray, "*shape"], axes: int = 1, dtype: DTypeLike = np.int16) -> Quantised:
    """Numbers as int16 or int8 with one scale for each index of the first `axes` axes.

    With m the largest absolute value of a block, a number comes back with an error of at most m / 65,534 (int16) or
    m / 254 (int8), beside float32 rounding. A block with a number that is not finite comes back as NaN.
    """
    blocks = np.asarray(values, np.float32)
    rest = tuple(range(axes, blocks.ndim))
    largest = np.abs(blocks).max(axis=rest) if blocks.size else np.zeros(blocks.shape[:axes], np.float32)
    scale = np.asarray(np.where(np.isfinite(largest), largest / np.iinfo(dtype).max, np.nan), np.float32)
    known = np.where(scale > 0, scale, 1).reshape(*scale.shape, *(1,) * len(rest))
    whole = np.round(np.where(np.isfinite(blocks), blocks, 0) / known)
    limit = np.iinfo(dtype).max
    return Quantised(np.clip(whole, -limit, limit).astype(dtype), scale)


def pack(arrays: Mapping[str, np.ndarray | Quantised], meta: Any) -> str:
    """One text of named arrays, and of plain facts (JSON) beside them; safe inside a script element.

    Floating-point numbers are packed as float32, truth values as bytes, integers as they are (64 bits as 32). Raises
    `ValueError` for integers that need more than 32 bits, arrays of anything else, and facts that hold NaN.
    """
    entries: list[dict[str, Any]] = []
    blocks: list[bytes] = []
    for name, array in arrays.items():
        values = _plain(name, array.values if isinstance(array, Quantised) else array)
        entry: dict[str, Any] = {"name": name, "shape": list(values.shape), "type": values.dtype.str[1:]}
        blocks.append(_padded(values.tobytes()))
        if isinstance(array, Quantised):
            entry["scales"] = int(array.scale.size)
            blocks.append(_padded(_plain(name, array.scale).tobytes()))
        entries.append(entry)
    text = json.dumps({"meta": meta, "arrays": entries}, allow_nan=False, separators=(",", ":"))
    header = text.encode()
    header += b" " * (-(len(header) + 4) % ALIGNED)
    return deflated(len(header).to_bytes(4, "little") + header + b"".join(blocks))


def deflated(content: bytes) -> str:
    """Bytes as base64 of their raw deflate stream, which `inflate` in `report/js/unpack.js` reads."""
    squeezing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(squeezing.compress(content) + squeezing.flush()).decode("ascii")


def _plain(name: str, values: np.ndarray) -> np.ndarray:
    """The array in the type it is packed in, little-endian and contiguous."""
    kind = values.dtype.kind
    if kind in KINDS:
        return np.ascontiguousarray(values, f"<{KINDS[kind]}")
    if kind not in "iu":
        raise ValueError(f"{name} holds {values.dtype}: numbers and truth values can be packed")
    size = min(values.dtype.itemsize, 4)
    small = np.ascontiguousarray(values, f"<{kind}{size}")
    if not np.array_equal(small, values):
        raise ValueError(f"{name} holds integers that need more than 32 bits")
    return small


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % ALIGNED)
