"""Weights & Biases: offline runs of a trained study, read back; and no network, nor a question, on the way."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from groklab.tracking.offline_runs import LoggedRun

TRAIN = """
import json, math, signal, sys
from pathlib import Path
import test_tracking_tensorboard as small
import groklab as gl
from groklab.tracking import chosen

def stop(progress):
    if progress.doing == "training" and progress.done > 300:
        signal.raise_signal(signal.SIGINT)

small.measure_less()
out = Path(sys.argv[1])
trackers = chosen(["wandb"], out, "nanda/mainline")
try:
    gl.run(small.study(), out, watch=stop, trackers=trackers)
except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
halfway = sorted(path.name for path in (out / "tracking" / "wandb").glob("offline-run-*"))
record = gl.run(small.study(), out, trackers=trackers)

from wandb.proto.wandb_internal_pb2 import Record
from wandb.sdk.internal.datastore import DataStore

def read(path):
    store, rows, about = DataStore(), [], {}
    store.open_for_scan(str(path))
    while (data := store.scan_data()) is not None:
        one = Record.FromString(data)
        if one.WhichOneof("record_type") == "history":
            items = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in one.history.item}
            rows.append({name: value for name, value in items.items() if not name.startswith("_")})
        if one.WhichOneof("record_type") == "run":
            about = {"id": one.run.run_id, "name": one.run.display_name, "group": one.run.run_group,
                     "config": {item.key: json.loads(item.value_json) for item in one.run.config.update}}
    return about | {"rows": rows}

metrics = record.metrics()
wanted = []
for run in range(len(record.runs)):
    wanted.append({})
    for name, values in metrics.data_vars.items():
        if values.dims == ("run", "step"):
            one = values.isel(run=run).dropna("step")
            wanted[-1][name] = list(zip(one["step"].values.tolist(), map(float, one.values)))
folders = sorted((out / "tracking" / "wandb").glob("offline-run-*"))
runs = [read(path) for folder in folders for path in folder.glob("*.wandb")]
print(json.dumps({"wanted": wanted, "halfway": halfway, "folders": [path.name for path in folders], "runs": runs}))
"""


@pytest.fixture
def calls() -> Iterator[tuple[str, list[Any]]]:
    """An address on this machine, and whoever called there."""
    called: list[Any] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                caller, address = listening.accept()
            except OSError:
                return
            called.append(address)
            caller.close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", called
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_offline_runs_are_the_dataset_also_after_an_interruption(tmp_path: Path, calls: tuple[str, list[Any]]) -> None:
    """Whatever would be sent would go to an address at which the test listens."""
    address, called = calls
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), address)
    own = {"WANDB_BASE_URL": address, "HOME": str(tmp_path), "NO_PROXY": "", "no_proxy": ""}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path / "store")],
        cwd=Path(__file__).parent,
        env=clean | proxies | own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "interrupted" in done.stderr
    assert "wandb" not in done.stderr
    told = json.loads(done.stdout)
    assert called == []
    assert len(told["halfway"]) == len(told["folders"]) == 2
    runs = sorted(told["runs"], key=lambda run: run["name"])
    assert [run["name"] for run in runs] == ["run-0000", "run-0001"]
    assert {run["group"] for run in runs} == {"nanda/mainline"}
    assert [run["config"]["seed"] for run in runs] == [0, 1]
    assert runs[0]["config"]["model.d_model"] == 8
    assert all(name.endswith(run["id"]) for name, run in zip(sorted(told["folders"]), told["runs"], strict=True))
    for run, wanted in zip(runs, told["wanted"], strict=True):
        found: dict[str, list[list[float]]] = {}
        for row in run["rows"]:
            step = row.pop("step")
            for name, value in row.items():
                found.setdefault(name, []).append([step, value])
        assert found == wanted


@pytest.mark.parametrize("there", [0, 2])
def test_a_run_that_is_sent_goes_on_behind_what_its_server_has(there: int) -> None:
    """The library counts rows: those of a run that goes on come in the same order again."""
    rows: list[dict[str, float]] = []
    sent: Any = SimpleNamespace(resumed=there > 0, step=there, log=rows.append)
    opened = LoggedRun(sent)
    for step in (0, 10, 20):
        opened.add(step, {"train_loss": 1.0})
    assert [row["step"] for row in rows] == [0, 10, 20][there:]
