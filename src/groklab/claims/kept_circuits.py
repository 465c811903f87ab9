"""Networks taken apart, kept as a small file: `python -m groklab.claims.kept_circuits STORE FILE.json`.

A kept result of a study has no networks; what the claims of `circuit` look at is kept beside it, a line a network, with
each network's key frequencies and verdict. The networks are those of the last step kept. `circuit_page` shows it.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groklab.claims.circuit import Network
from groklab.errors import Mistake, StoreError
from groklab.files import put

if TYPE_CHECKING:
    from groklab.record import Record

FORMAT = 1
LINE = ("name", "standing", "sentence")
"""What is kept of a line of evidence."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is shown of a network beside its numbers."""

    seed: int
    """The seed of its run."""
    key: tuple[int | str, ...]
    """Its key frequencies."""
    sentence: str
    """Its verdict in one sentence."""
    lines: tuple[Mapping[str, str], ...]
    """Its lines of evidence: the `name`, `standing` and `sentence` of each (`groklab.circuits.verdict`)."""
    misfits: tuple[str, ...]
    """What does not fit."""


@dataclass(frozen=True, kw_only=True)
class Apart:
    """What such a file says."""

    study: str
    """The study whose networks they are."""
    scale: str
    """Its scale."""
    task: str
    """The task of the first of them."""
    step: int
    """After how many steps the first of them was taken apart."""
    command: str
    """What trained them, with a comment where the study has changed since."""
    sessions: tuple[Mapping[str, Any], ...]
    """Where they were trained: what the store knows of each session that trained them."""
    digests: tuple[str, ...]
    """The digest of every network's run."""
    networks: tuple[Network, ...]
    """Their numbers."""
    shown: tuple[Shown | None, ...]
    """What else is known of each; nothing in a file that an earlier groklab wrote."""


def keep(store: Path, out: Path) -> Path:
    """Takes every network of a store apart and writes the numbers, each as a line; gives the file's path.

    Raises `Mistake` for what is no store, for one whose runs have not all ended, and where it cannot be written.
    """
    from groklab.circuits.published import numbers
    from groklab.circuits.taking_apart import take_apart
    from groklab.record import Record

    record = Record(store)
    if not all(status.ended for status in record.statuses):
        raise Mistake(f"not all runs of {store} have ended; go on with the run first")
    head: dict[str, Any] = {"format": FORMAT, "study": record.study, "scale": record.scale}
    head |= {"task": record.task(0).name, "step": record.steps(0)[-1]}
    head |= {"command": _command(record), "sessions": record.provenance}
    networks: list[dict[str, Any]] = []
    for run, settings in enumerate(record.runs):
        circuit = take_apart(record.model(run), record.task(run), record.split(run))
        values = {what: [_rounded(value) for value in found] for what, found in numbers(circuit).items()}
        one = {"run": settings.digest, "seed": settings.seed, "chance": _rounded(circuit.chance), "values": values}
        used = [] if circuit.key is None else list(circuit.key.used)
        networks.append(one | {"key": used, "verdict": asdict(circuit.verdict)})
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in networks)
    first = json.dumps(head, ensure_ascii=False).removesuffix("}")
    return put(out, f'{first}, "networks": [\n{lines}\n]}}\n')


def read(path: Path) -> Apart:
    """The numbers of such a file. Raises `StoreError` for another file, a damaged one, or one of a newer format."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] > FORMAT:
            newer = f"it has format {found['format']}, this groklab reads up to {FORMAT}"
            raise StoreError(f"{path}: {newer}; install a newer groklab")
        plain: list[Mapping[str, Any]] = found["networks"]
        return Apart(
            study=str(found["study"]),
            scale=str(found["scale"]),
            task=str(found.get("task", "")),
            step=int(found.get("step", 0)),
            command=str(found.get("command", _plainly(found["study"], found["scale"]))),
            sessions=tuple(found.get("sessions", ())),
            digests=tuple(str(one["run"]) for one in plain),
            networks=tuple(Network(chance=float(one["chance"]), values=dict(one["values"])) for one in plain),
            shown=tuple(_shown(one) if "verdict" in one else None for one in plain),
        )
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror or error}); make it again or remove it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is no file of networks taken apart, or damaged; make it again or remove it"
        ) from error


def _command(record: "Record") -> str:
    """What trains these runs, for a study of your own too."""
    from groklab.findings.provenance import run_command
    from groklab.studies.study import find

    try:
        return run_command(record, find(record.study))
    except Mistake:
        return _plainly(record.study, record.scale)


def _plainly(study: str, scale: str) -> str:
    return f"groklab run {study} --scale {scale}"


def _shown(one: Mapping[str, Any]) -> Shown:
    verdict: Mapping[str, Any] = one["verdict"]
    return Shown(
        seed=int(one["seed"]),
        key=tuple(one["key"]),
        sentence=str(verdict["sentence"]),
        lines=tuple({name: str(line[name]) for name in LINE} for line in verdict["lines"]),
        misfits=tuple(map(str, verdict["misfits"])),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


if __name__ == "__main__":
    try:
        if len(sys.argv) != 3:
            raise Mistake("give a store and the file to write, such as runs/nanda-laptop/seeds circuit-laptop.json")
        sys.stdout.write(f"{keep(Path(sys.argv[1]), Path(sys.argv[2]))}\n")
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
