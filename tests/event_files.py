"""Reading TensorBoard's event files back, as TensorBoard does."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

import groklab as gl


def events(path: Path) -> Iterator[Any]:
    """The events of a file; a record that was not written to its end is the last and is left out."""
    text = path.read_bytes()
    place = 0
    while place + 12 <= len(text):
        length, crc = struct.unpack_from("<QI", text, place)
        assert crc == masked_crc32c(text[place : place + 8])
        end = place + 12 + length
        if end + 4 > len(text):
            return
        assert struct.unpack_from("<I", text, end)[0] == masked_crc32c(text[place + 12 : end])
        yield Event.FromString(text[place + 12 : end])
        place = end + 4


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar of a run's folder, (step, value) in the order of the files' names and of their events."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in events(path):
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def settings(folder: Path) -> dict[str, Any]:
    """The settings of a run, as TensorBoard's table of runs has them."""
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    (path,) = folder.glob("events.out.tfevents.*")
    found: dict[str, Any] = {}
    for event in events(path):
        for value in event.summary.value:
            if value.tag == "_hparams_/session_start_info":
                data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                for name, one in data.session_start_info.hparams.items():
                    found[name] = getattr(one, one.WhichOneof("kind"))
    return found


def assert_shown(out: Path, folder: Path) -> set[str]:
    """The files have every scalar of a store where it was measured, each step once, as the same float32."""
    record = gl.open(out)
    metrics = record.metrics()
    scalars = {str(name) for name, values in metrics.data_vars.items() if values.dims == ("run", "step")}
    for run in range(len(record.runs)):
        found = curves(folder / f"run-{run:04}")
        assert found.keys() == scalars
        for name, points in found.items():
            one = metrics[name].isel(run=run).dropna("step")
            assert [step for step, _ in points] == one["step"].values.tolist(), name
            np.testing.assert_array_equal(np.array([value for _, value in points], np.float32), one.values, name)
    return scalars
