"""The verdicts that were committed with the results: the file `claims.json` beside them.

Written by `groklab.claims.page`. Of every store or file it has the verdicts with their numbers, and of every claim of
the ledger a digest of its words: what is claimed, how it is measured, and what counts. `comparing` says what of that
still stands.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groklab.claims.evidence import Evidence
from groklab.errors import StoreError
from groklab.findings import Claim, Finding
from groklab.store.place import Place

FILE = "claims.json"
"""The file's name."""
FORMAT = 1
"""The newest format that is read, and the one that is written."""


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """What was committed of one store or file."""

    study: str
    """The study."""
    scale: str
    """Its scale."""
    place: str
    """The file, seen from the folder of the results."""
    runs: str
    """Digest of the settings of its runs."""
    sessions: str | None
    """Digest of when they were trained; nothing where it does not say."""
    data: str | None
    """Digest of the file."""
    claims: Mapping[str, str]
    """The verdict of every claim."""


@dataclass(frozen=True, kw_only=True)
class Committed:
    """What such a file says."""

    verdicts: tuple[Verdicts, ...] = ()
    """Of every store or file."""
    wording: Mapping[str, str] = field(default_factory=dict[str, str])
    """Digest of the words of every claim of the ledger."""


def committed_for(at: str | os.PathLike[str] | Place) -> Committed:
    """What was committed of what lies at a place: the nearest `claims.json` in its folder or the one above.

    Where there is none it is that of the results that groklab's own source lies beside; an installed package has none.
    """
    path = Place.of(at).local
    around = () if path is None else (path.resolve(), *path.resolve().parents[:2])
    own = Path(__file__).parents[3] / "results"
    for folder in (*around, own):
        if folder.is_dir() and (folder / FILE).is_file():
            found = load(folder / FILE)
            if found is not None:
                return found
    return Committed()


def load(path: Path) -> Committed | None:
    """What such a file says; nothing where it is a file of something else.

    Raises `StoreError` for a damaged one, and one of a newer format.
    """
    try:
        plain: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(plain, dict) or "verdicts" not in plain:
            return None
        if plain["format"] > FORMAT:
            newer = f"it has format {plain['format']}, this groklab reads up to {FORMAT}"
            raise StoreError(f"{path}: {newer}; install a newer groklab")
        wording: Mapping[str, Any] = plain.get("wording", {})
        return Committed(
            verdicts=tuple(_verdicts(one) for one in plain["verdicts"]),
            wording={name: str(digest) for name, digest in wording.items()},
        )
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror or error}); mend or remove it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} holds no verdicts that can be read; take it from version control again") from error


def text(found: Sequence[Evidence], claims: Iterable[Claim], folder: Path) -> str:
    """What the file says of this evidence and of all claims, a line a claim."""
    parts: list[str] = []
    for one in found:
        head = {"study": one.study, "scale": one.scale, "place": _place(Path(one.path), folder)}
        head |= {"runs": one.runs, "sessions": one.sessions, "data": one.data}
        verdicts = ",\n".join(f"  {json.dumps(finding.claim.identifier)}: {_said(finding)}" for finding in one.findings)
        parts.append(f'{json.dumps(head).removesuffix("}")}, "claims": {{\n{verdicts}\n}}}}')
    wording = ",\n".join(f"  {json.dumps(claim.identifier)}: {json.dumps(claim.wording)}" for claim in claims)
    every = ",\n".join(parts)
    return f'{{"format": {FORMAT}, "verdicts": [\n{every}\n], "wording": {{\n{wording}\n}}}}\n'


def _said(finding: Finding) -> str:
    """The verdict, and the numbers for whoever reads the difference: six digits, as machines agree to more."""
    numbers = {name: getattr(finding, name) for name in ("value", "low", "high")}
    known = {name: float(f"{value:.6g}") for name, value in numbers.items() if value is not None}
    return json.dumps({"verdict": finding.verdict} | known | {"seeds": finding.seeds})


def _place(path: Path, folder: Path) -> str:
    return (path.relative_to(folder) if path != folder else Path(path.name)).as_posix()


def _verdicts(plain: Mapping[str, Any]) -> Verdicts:
    return Verdicts(
        study=str(plain["study"]),
        scale=str(plain["scale"]),
        place=str(plain["place"]),
        runs=str(plain["runs"]),
        sessions=plain.get("sessions"),
        data=plain["data"],
        claims={name: str(one["verdict"]) for name, one in plain["claims"].items()},
    )
