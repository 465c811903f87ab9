"""All that training leaves in a store, and whether two stores hold the same, bit for bit."""

from pathlib import Path

import numpy as np

import groklab as gl


def everything(folder: Path | str) -> dict[str, np.ndarray]:
    """Measures with their coordinates, statuses, checkpoints, and the last training state of every batch."""
    record = gl.open(folder)
    metrics = record.metrics()
    found = {str(name): values.values for name, values in metrics.variables.items()}
    for name, one in metrics.variables.items():
        found |= {f"{name}.{key}": np.array(said) for key, said in one.attrs.items()}
    found["statuses"] = np.array([str(status) for status in record.statuses])
    reader = record._reader
    for name in reader.manifest.batches:
        saved = reader.saved(name)
        if saved is not None:
            found |= {f"{name}/{path}": values for path, values in saved.arrays.items()}
        steps, where = reader.kept(name)
        found |= {f"{name}/kept steps": steps, f"{name}/kept": where}
        weights = reader.weights(name, steps)
        found |= {f"{name}/weights/{path}": values for path, values in weights.items()}
    return found


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Bit for bit: NaN equals NaN."""
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name, strict=True)
