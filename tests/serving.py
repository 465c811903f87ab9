"""A server of a folder in a thread of this process, requests to it byte for byte, and stores that grow."""

import contextlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import groklab as gl
from groklab.serve import listen, prepared
from groklab.store import Folder, Manifest, Variable
from groklab.tasks.settings import TaskSettings
from groklab.training.settings import Run


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """The body, which must be one line of text."""
        assert self.headers["content-type"].startswith("text/plain")
        (line,) = self.body.decode().splitlines()
        assert "Traceback" not in line
        return line

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


@dataclass
class Served:
    root: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, seconds: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def raw(self, data: bytes, no_more: bool = False) -> bytes:
        """Sends bytes as they are, `no_more` also their end, and gives all that comes until the server closes."""
        with self.connect() as connection:
            try:
                connection.sendall(data)
                if no_more:
                    connection.shutdown(socket.SHUT_WR)
                return read_all(connection)
            except TimeoutError:
                raise
            except OSError:
                return b""

    def ask(self, path: str | bytes, method: str = "GET", host: str | None = None, **headers: str) -> Answer:
        """One request, with the path as it is given, on a connection of its own."""
        lines = {"Host": f"127.0.0.1:{self.port}" if host is None else host, "Connection": "close"}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        path = path.encode() if isinstance(path, str) else path
        return answer(self.raw(method.encode() + b" " + path + b" HTTP/1.1\r\n" + head.encode() + b"\r\n"))


def answer(data: bytes) -> Answer:
    """The one answer in what a server sent."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    pairs = [line.partition(": ") for line in lines]
    headers = {name.lower(): value for name, _, value in pairs}
    assert len(headers) == len(pairs), "a header twice"
    return Answer(int(first.split()[1]), headers, body)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(2**20), b""))


@contextmanager
def served(root: Path, port: int = 0) -> Iterator[Served]:
    """Serves `root` at a free port, or at `port`."""
    listener, ready = listen("127.0.0.1", port), threading.Event()
    port = listener.getsockname()[1]
    server = prepared(root, "127.0.0.1", "127.0.0.1", ready.set)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    assert ready.wait(20)
    try:
        yield Served(root, port)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


VARIABLES = {
    "train_loss": "nats",
    "test_loss": "nats",
    "train_accuracy": "1",
    "test_accuracy": "1",
}


class Growing:
    """A store of runs that nobody trains, open for writing: each commit adds a logged step. No weights are kept."""

    def __init__(self, path: Path, study: str = "fake/small", scale: str = "laptop", runs: int = 3) -> None:
        settings = [Run(task=TaskSettings(modulus=5), seed=seed) for seed in range(runs)]
        manifest = Manifest(
            study=study,
            scale=scale,
            runs=[run.to_json() for run in settings],
            batches={"a": list(range(runs))},
            labels={"seed": list(range(runs)), "task": ["add:5"] * runs},
        )
        self.path, self._runs, self._folder = path, runs, Folder(path, manifest)
        described = [Variable(name=name, dims=(), units=units, description=name) for name, units in VARIABLES.items()]
        self._writer = self._folder.batch("a", described, {})

    def commit(self, step: int, ended: int = 0) -> None:
        """Goes on to `step`; the first `ended` runs have ended."""
        value = np.float32(np.exp(-step / 100)) * np.arange(1, self._runs + 1, dtype=np.float32)[:, None]
        states = ["finished"] * ended + ["running"] * (self._runs - ended)
        self._writer.commit(
            step=step,
            logged_steps=np.array([step]),
            measures={name: value if "loss" in name else 1 - value / self._runs for name in VARIABLES},
            checkpoints={},
            state={},
            meta={
                "statuses": [{"state": state, "step": step, "sentence": f"{state} at {step}"} for state in states],
                "sessions": [],
            },
        )

    def close(self) -> None:
        """Lets go of the store."""
        self._folder.close()


def grown(path: Path, study: str = "fake/small", scale: str = "laptop", ended: int = 3) -> Path:
    """A store of three runs with some steps; nobody writes it any more."""
    growing = Growing(path, study, scale)
    growing.commit(0)
    growing.commit(300, ended)
    growing.close()
    return path


SECRET = "not for the eyes of others"


def mixed(above: Path) -> Path:
    """A folder in `above` with good stores, bad stores, and ways out of it."""
    root = above / "runs"
    grown(root / "paper" / "one", ended=2)
    whole = grown(root / "mit Ümlaut & <b>", study="mine/<sizes>", scale="paper")
    gl.open(whole).keep(root / "kept.zip", only=["test_loss", "test_accuracy"])
    (root / "other.zip").write_bytes(b"no zip at all")
    damaged = grown(root / "damaged")
    for file in (damaged / "study" / "snapshots").iterdir():
        file.write_bytes(file.read_bytes()[:40])
    newer = gl.open(whole)._reader.manifest
    with contextlib.suppress(gl.StoreError):
        Folder(root / "newer", Manifest(**{**vars(newer), "format": 99}))
    outside = grown(above / "outside")
    (above / "secret").write_text(SECRET)
    (above / "runs-secret").write_text(SECRET)
    (root / "readme.txt").write_text(SECRET)
    (root / "link").symlink_to(outside)
    (root / "link.zip").symlink_to(above / "secret")
    (root / "inside").symlink_to(root / "paper" / "one")
    (root / "loop.zip").symlink_to(root / "loop.zip")
    os.mkfifo(root / "pipe.zip")
    shutil.copytree(outside, root / "leads-out")
    shutil.rmtree(root / "leads-out" / "batches")
    (root / "leads-out" / "batches").symlink_to(outside / "batches")
    return root
