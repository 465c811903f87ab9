"""A Ray cluster of two workers on this machine for tests, drivers in processes of their own, and ways to hurt them."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groklab.engines.cluster.connection import without_tips

MARK = "GROKLAB_TEST_CLUSTER"
"""The environment variable by which the processes of a cluster are known."""
DRIVER = """
import os, sys
import ray_studies
import groklab as gl
from groklab.engines.interruption import DETACHED
print("begun", flush=True)
def watch(progress):
    print(progress.done, progress.doing, flush=True)
try:
    gl.run(ray_studies.{study}, sys.argv[1], engine="ray", address=sys.argv[2], watch=watch, **ray_studies.{options})
except (gl.Mistake, gl.GivenUp) as error:
    print(type(error).__name__, error)
except KeyboardInterrupt as error:
    print("interrupted", *error.args)
else:
    print("done")
# As the command does: a thread of the store's library may still be about when the interpreter is gone.
sys.stdout.flush()
os._exit(0)
"""


@dataclass
class Cluster:
    """A cluster of two machines with a core each; both are this one."""

    address: str
    mark: str
    nodes: Any
    extra: list[Any] = field(default_factory=list)

    def processes(self, title: str) -> dict[int, str]:
        """Its processes whose title, as Ray gives it, matches a pattern: by number what the pattern's group holds."""
        found: dict[int, str] = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with contextlib.suppress(OSError):
                    match = re.search(title, (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
                    if match and f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes():
                        found[int(folder.name)] = match[1]
        return found

    def training(self) -> dict[int, str]:
        """Its processes that train, with their batches."""
        return self.processes(r"^ray::groklab ([0-9a-f]{12})\b")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Those that train stand still meanwhile."""
        processes = self.training()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def lose_a_machine(self) -> None:
        """Kills the second machine with all its processes, and adds another."""
        self.nodes.remove_node(self.extra.pop(), allow_graceful=False)
        with without_tips():
            self.extra.append(self.nodes.add_node(num_cpus=1, object_store_memory=STORE))

    def driver(self, folder: Path, *, study: str, options: str = "OPTIONS") -> "Driver":
        """A process that has one of the studies trained here."""
        code = DRIVER.format(study=study, options=options)
        log = folder.with_name(f"driver-{uuid.uuid4().hex}.log")
        with log.open("w") as out:
            command = [sys.executable, "-c", code, str(folder), self.address]
            return Driver(subprocess.Popen(command, cwd=Path(__file__).parent, stdout=out, stderr=out), log)


@dataclass
class Driver:
    """A driver in a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def told(self) -> str:
        """What it has printed so far."""
        return self.log.read_text()

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it without a word."""
        self.process.kill()
        self.process.wait()

    def end(self, timeout: float = 240.0) -> str:
        """Waits for its end, and gives the last line that it printed."""
        assert self.process.wait(timeout) == 0, self.told
        return self.told.splitlines()[-1]


STORE = 80 * 2**20
WATCHFUL = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "6",
    "RAY_worker_niceness": "0",
}
"""A lost machine is noticed within seconds, and workers give way to no other tests."""


@contextlib.contextmanager
def two_workers() -> Iterator[Cluster]:
    """A cluster that leaves nothing behind."""
    mark = uuid.uuid4().hex
    before = dict(os.environ)
    os.environ.update(WATCHFUL | {MARK: mark})
    import ray._private.utils as internals
    from ray.cluster_utils import Cluster as Nodes

    # Nobody else on this machine is to find this cluster as the one that is meant by `auto`.
    remembering, internals.write_ray_address = internals.write_ray_address, lambda *address: None
    folder = tempfile.mkdtemp(prefix="groklab-", dir="/tmp")
    nodes = Nodes()
    try:
        with without_tips():
            nodes.add_node(num_cpus=1, object_store_memory=STORE, include_dashboard=False, temp_dir=folder)
            extra = nodes.add_node(num_cpus=1, object_store_memory=STORE)
        yield Cluster(nodes.address, mark, nodes, [extra])
    finally:
        nodes.shutdown()
        internals.write_ray_address = remembering
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def gone(process: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(found: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What `found` gives once that is something."""
    end = time.monotonic() + seconds
    while not (got := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.25)
    return got
