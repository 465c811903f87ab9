"""The machines of a cluster: what they have, and whether they are fit for a job."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groklab.errors import Mistake, StoreError
from groklab.store.place import Place

ANSWER = 120.0
"""Seconds within which every machine must answer."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine of the cluster."""

    identifier: str
    """Ray's name of it."""
    name: str
    """Its host's name."""
    cores: int
    """Cores that tasks may have."""
    gpus: int
    """Accelerators that tasks may have."""
    memory: int
    """Bytes of memory that tasks may have."""


def machines() -> tuple[Machine, ...]:
    """The machines that are there now."""
    import ray

    known: Iterable[dict[str, Any]] = ray.nodes()
    return tuple(
        Machine(
            identifier=node["NodeID"],
            name=node["NodeManagerHostname"],
            cores=int(node["Resources"].get("CPU", 0)),
            gpus=int(node["Resources"].get("GPU", 0)),
            memory=int(node["Resources"].get("memory", 0)),
        )
        for node in known
        if node["Alive"]
    )


def fits(known: Iterable[Machine], cores: int, gpus: int, memory: int) -> bool:
    """Whether some machine is large enough for a task, were it idle."""
    return any(one.cores >= cores and one.gpus >= gpus and one.memory >= memory for one in known)


def fitted(known: Iterable[Machine], cores: int, gpus: int, memory: int) -> tuple[int, int]:
    """What a task that could use so much is given: cores and memory, no more than some machine has.

    Where no machine has the accelerators, or any cores, it is what was asked for.
    """
    able = [one for one in known if one.cores and one.gpus >= gpus]
    if not able:
        return cores, memory
    cores = min(cores, max(one.cores for one in able))
    return cores, min(memory, max(one.memory for one in able if one.cores >= cores))


def must_be_fit(known: Sequence[Machine], place: Place, version: str) -> None:
    """Asks every machine: has it this groklab, and does it see a local folder? A file in the folder's parent tells.

    Raises `Mistake` where a version is missing or another one, `StoreError` where a folder is not seen.
    """
    sign: Path | None = None
    if place.local is not None:
        sign = place.local.parent / f".groklab-{uuid.uuid4().hex[:12]}"
        try:
            sign.parent.mkdir(parents=True, exist_ok=True)
            sign.touch()
        except OSError as error:
            raise StoreError(f"{place} cannot be made ({error.strerror}); choose another --out") from error
    try:
        answers = _asked(known, None if sign is None else str(sign))
    finally:
        if sign is not None:
            sign.unlink(missing_ok=True)
    for machine, (found, seen) in zip(known, answers, strict=True):
        if found != version:
            here = f"groklab {found}" if found else "no groklab"
            raise Mistake(
                f"the cluster's machine {machine.name} has {here}, this is groklab {version}; "
                "install the same everywhere"
            )
        if not seen:
            raise StoreError(
                f"the cluster's machine {machine.name} does not see the folder {place}; "
                "choose an --out that all share, or s3://BUCKET/PREFIX"
            )


def _asked(known: Sequence[Machine], sign: str | None) -> list[tuple[str | None, bool]]:
    import ray
    from ray import exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Written here, so that it travels by value and needs no groklab where it runs.
    def look(sign: str | None) -> tuple[str | None, bool]:
        import importlib.metadata
        import os

        try:
            found = importlib.metadata.version("groklab")
        except importlib.metadata.PackageNotFoundError:
            found = None
        return found, sign is None or os.path.exists(sign)

    task: Any = ray.remote(look)
    asked = [
        task.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(machine.identifier, soft=False)
        ).remote(sign)
        for machine in known
    ]
    try:
        return ray.get(asked, timeout=ANSWER)
    except exceptions.GetTimeoutError as error:
        raise Mistake(f"the cluster's machines did not answer within {ANSWER:.0f} s; see `ray status`") from error
    except exceptions.RayError as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise Mistake(f"the cluster's machines cannot be used ({reason}); see `ray status`") from error
