"""The Ray cluster that a driver works with: one that runs, or one of its own."""

import logging
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groklab.errors import Mistake
from groklab.machine import cores

if TYPE_CHECKING:
    from groklab.engines.running import OnInterrupt

PATIENCE = 10.0
"""Seconds within which a cluster's address must answer."""
STORE = 100 * 2**20
"""Bytes of Ray's object store in a cluster of our own, through which only small messages go."""


def must_be_possible(address: str | None, on_interrupt: "OnInterrupt") -> None:
    """Raises `Mistake` where Ray is not installed, for no address, and for work that cannot go on alone.

    Imports nothing heavy, and asks nobody.
    """
    if find_spec("ray") is None:
        raise Mistake("the engine ray needs Ray: pip install 'groklab[ray]'")
    if address_of(address) is None and on_interrupt == "detach":
        raise Mistake(
            "the work can go on without this process only on a cluster that outlives it: give the address of one, "
            "or take cancel on an interruption"
        )


def address_of(given: str | None) -> str | None:
    """The cluster that is meant: the one given, or that of RAY_ADDRESS; nothing for one of our own.

    Raises `Mistake` for what cannot be an address.
    """
    address = given or os.environ.get("RAY_ADDRESS") or None
    if address in (None, "local"):
        return None
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if address != "auto" and not (host and colon and port.isdecimal()):
        raise Mistake(f"an address of a Ray cluster is auto, HOST:PORT or ray://HOST:PORT, not {address!r}")
    return address


@contextmanager
def connected(address: str | None) -> Generator[None]:
    """A connection to the cluster at `address`; without one, to a cluster of this machine's cores that ends with it.

    A connection that the caller's process has already is used and left open. Raises `Mistake` where no cluster
    answers, or one of another version of Ray or Python.
    """
    # Asked for before Ray is imported, which reads it then: no tips, no reports of usage.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from ray._private import worker

    if ray.is_initialized():
        yield
        return
    folder: Path | None = None
    # What goes wrong in a cluster comes back as a reason; Ray's own words would stand on standard output.
    words: Any = worker
    aloud, words._worker_logs_enabled = getattr(words, "_worker_logs_enabled", True), False
    try:
        if address is None:
            # Sockets lie in it, whose names may be no longer than about 100 characters.
            folder = Path(tempfile.mkdtemp(prefix="groklab-", dir="/tmp" if Path("/tmp").is_dir() else None))
            _start(folder)
        else:
            _connect(address)
        yield
    finally:
        ray.shutdown()
        words._worker_logs_enabled = aloud
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def without_tips() -> Generator[None]:
    """Ray starts its processes by forking this one. JAX warns of that, which matters to forks that go on as Python."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called", category=RuntimeWarning)
        yield


def _start(folder: Path) -> None:
    import ray

    try:
        with without_tips():
            ray.init(
                address="local",
                num_cpus=cores(),
                include_dashboard=False,
                object_store_memory=STORE,
                _temp_dir=str(folder),
                **_QUIETLY,
            )
    except Exception as error:
        raise Mistake(f"Ray could not be started here ({_short(error)}); the engine local needs none") from error


def _connect(address: str) -> None:
    import ray

    if address != "auto":
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
        except (OSError, OverflowError) as error:
            raise Mistake(f"no Ray cluster answers at {address} ({_short(error)}); {_START}") from error
    try:
        ray.init(address=address, **_QUIETLY)
    except ImportError as error:
        raise Mistake(f"an address ray:// needs Ray's client: pip install 'ray[client]' ({_short(error)})") from error
    except ConnectionError as error:
        raise Mistake(f"no Ray cluster answers at {address} ({_short(error)}); {_START}") from error
    except (RuntimeError, ValueError, AssertionError) as error:
        raise Mistake(f"the Ray cluster at {address} cannot be used: {_short(error)}") from error


_START = "start one with `ray start --head`, or leave the address out for one on this machine"
_QUIETLY: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL, "namespace": "groklab"}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
