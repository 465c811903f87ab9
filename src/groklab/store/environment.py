"""Where a result came from: versions, the code's commit, the machine."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from groklab.machine import cores, processor

PACKAGES = ("groklab", "jax", "jaxlib", "equinox", "optax", "numpy", "numba", "icechunk", "zarr")


def provenance(device: str | None = None) -> dict[str, Any]:
    """What a result depends on beside its settings, as plain JSON values.

    `device` is what the training ran on, in the caller's words. Gives `versions` by package (nothing for
    one that is not installed), `commit` (see `commit_of`), `platform`, `cpu`, `cores` this process may use,
    `device` and `started` (UTC, ISO 8601).
    """
    return {
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "commit": commit_of(Path(__file__)),
        "platform": platform.platform(),
        "cpu": processor(),
        "cores": cores(),
        "device": device,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def commit_of(file: Path) -> dict[str, Any] | None:
    """The git commit a source file is from, whether tracked files are changed; nothing outside a checkout.

    A package installed inside somebody else's checkout is not tracked by it, and has no commit.
    """
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None
    commit = _git(file.parent, "rev-parse", "HEAD")
    changes = _git(file.parent, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None else {"hash": commit, "dirty": changes != ""}


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers; nothing when it is not there, refuses, or takes over five seconds."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
