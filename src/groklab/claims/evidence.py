"""What is there to judge claims by: stores, kept results, networks taken apart, the simulation's findings."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groklab.claims import circuit, kept_circuits, simulation
from groklab.claims.places import CIRCUITS, SIMULATION, places_in
from groklab.findings import Finding
from groklab.record import Record
from groklab.store.place import Place


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One store or file, and what it says of the claims that it speaks of."""

    study: str
    """The study, such as `nanda/mainline`."""
    scale: str
    """Its scale."""
    path: Place
    """Where it lies."""
    runs: str
    """Digest of the settings of its runs: the same for everybody who runs the same."""
    sessions: str | None
    """Digest of when its runs were trained: another for everybody who trains them; nothing where it is not known."""
    data: str | None
    """Digest of the file; nothing for a store, which is many files and may still grow."""
    count: int
    """How many runs it has."""
    ended: int
    """How many of them have ended."""
    findings: tuple[Finding, ...]
    """One a claim."""


def evidence_in(path: str | os.PathLike[str] | Place) -> list[Evidence]:
    """All evidence at a place: a store, a file, or all in a folder and its folders, sorted by place.

    Raises `StoreError` where there is none, and for what cannot be read.
    """
    return [evidence_of(place) for place in places_in(path)]


def evidence_of(at: str | os.PathLike[str] | Place) -> Evidence:
    """What one store or file says. Raises `StoreError` for what cannot be read."""
    path = Place.of(at)
    file = path.local if path.is_file() or (path.local is not None and path.local.suffix == ".json") else None
    if file is not None and file.match(CIRCUITS):
        apart = kept_circuits.read(file)
        return Evidence(
            study=circuit.STUDY,
            scale=apart.scale,
            path=path,
            runs=_digest(apart.digests),
            sessions=_begun(apart.sessions) if apart.sessions else None,
            data=_bytes(file),
            count=len(apart.networks),
            ended=len(apart.networks),
            findings=circuit.judge(apart.networks, apart.scale),
        )
    if file is not None and file.name == SIMULATION:
        found = simulation.read(file)
        scale = found[0].scale if found else ""
        return Evidence(
            study=simulation.STUDY,
            scale=scale,
            path=path,
            runs=_digest([simulation.STUDY]),
            # Nothing in it is left to chance: there is one such sample.
            sessions=_digest([]),
            data=_bytes(file),
            count=0,
            ended=0,
            findings=found,
        )
    record = Record(path)
    statuses = record.statuses
    return Evidence(
        study=record.study,
        scale=record.scale,
        path=path,
        runs=_digest([run.digest for run in record.runs]),
        sessions=_begun(record.provenance),
        data=_bytes(file) if file is not None else None,
        count=len(statuses),
        ended=sum(status.ended for status in statuses),
        findings=record.findings(),
    )


def _begun(sessions: Iterable[Mapping[str, Any]]) -> str:
    return _digest(sorted(str(session.get("started")) for session in sessions))


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:16]


def _bytes(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
