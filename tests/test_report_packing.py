"""What is packed comes back: exactly, or within the bound that quantising promises."""

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.report.packing import pack, quantised


def unpacked(text: str) -> tuple[Any, dict[str, np.ndarray]]:
    """The format of `pack` as its docstring has it, read step by step."""
    content = zlib.decompress(base64.b64decode(text), -15)
    length = int.from_bytes(content[:4], "little")
    header = json.loads(content[4 : 4 + length])
    place, arrays = 4 + length, {}

    def take(kind: str, shape: list[int]) -> np.ndarray:
        nonlocal place
        assert place % 8 == 0
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        values = np.frombuffer(content[place : place + size], f"<{kind}").reshape(shape)
        place += -(-size // 8) * 8
        return values

    for entry in header["arrays"]:
        values = take(entry["type"], entry["shape"])
        if "scales" in entry:
            scale = take("f4", [entry["scales"]])
            values = (values.reshape(len(scale), -1) * scale[:, None]).reshape(values.shape)
        arrays[entry["name"]] = values
    assert place == len(content)
    return header["meta"], arrays


def test_arrays_and_facts_come_back() -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "curve": np.array([0.1, np.nan, -np.inf, 3e-38], np.float32),
        "double": rng.normal(size=(2, 3)),
        "steps": np.array([0, 7, 2**31 - 1]),
        "small": np.array([[-128], [127]], np.int8),
        "mask": np.array([True, False, True]),
        "none": np.zeros((0, 4), np.float32),
        "swapped": np.arange(6, dtype=">i2").reshape(2, 3).T,
    }
    facts = {"words": "ω ≤ </script>", "list": [1, None, 2.5], "none": None}
    text = pack(arrays, facts)
    meta, found = unpacked(text)
    assert meta == facts
    assert "<" not in text
    assert list(found) == list(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values.astype(np.float32) if name == "double" else values)
    assert {found[name].dtype.str[1:] for name in ("curve", "double")} == {"f4"}
    assert found["mask"].dtype == np.uint8


@settings(deadline=None, max_examples=30, derandomize=True)
@given(seed=st.integers(0, 10**6), exponent=st.integers(-30, 30), dtype=st.sampled_from([np.int8, np.int16]))
def test_quantised_numbers_are_within_the_promised_error(seed: int, exponent: int, dtype: Any) -> None:
    values = np.random.default_rng(seed).normal(size=(3, 2, 4, 5)).astype(np.float32) * np.float32(10.0**exponent)
    values[1, 0] = 0
    _, found = unpacked(pack({"x": quantised(values, 2, dtype)}, None))
    largest = np.abs(values).max(axis=(2, 3), keepdims=True)
    promised = largest / (254 if dtype is np.int8 else 65_534)
    assert np.all(np.abs(found["x"] - values) <= promised * (1 + 1e-5) + 1e-6 * largest)
    np.testing.assert_array_equal(found["x"][1, 0], 0)
    np.testing.assert_array_equal(quantised(values, 2, dtype).restored, found["x"])


def test_a_block_that_is_not_finite_comes_back_as_nan_and_the_others_whole() -> None:
    values = np.ones((3, 4))
    values[1, 2] = np.inf
    _, found = unpacked(pack({"x": quantised(values)}, {}))
    assert np.isnan(found["x"][1]).all()
    np.testing.assert_allclose(found["x"][[0, 2]], 1, rtol=1e-6)


def test_what_cannot_be_packed_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 32 bits"):
        pack({"x": np.array([2**31])}, {})
    with pytest.raises(ValueError, match="numbers and truth values"):
        pack({"x": np.array(["a"])}, {})
    with pytest.raises(ValueError, match="JSON"):
        pack({}, {"x": float("nan")})
