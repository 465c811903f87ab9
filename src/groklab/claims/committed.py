"""The verdicts that were committed with the results, and whether they still hold on the same data.

They stand in `claims.json` beside the results, written by `groklab.claims.page`. **The same data** is the same file to
the byte, or a store or file of the same runs (equal settings, equal seeds, all ended). Whoever has other seeds, another
length or another scale has other data, and is never compared. A claim **held** if it was reproduced or partly so; it no
longer holds if its verdict is worse now: partly after reproduced, anything below after partly.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groklab.claims.evidence import Evidence
from groklab.errors import StoreError
from groklab.findings import Finding

FILE = "claims.json"
"""The file's name."""
FORMAT = 1
"""The newest format that is read, and the one that is written."""
RANKS = {"reproduced": 2, "partly": 1}
"""How well a claim stands; all other verdicts are 0."""
GONE = "no longer among the claims"
"""What is said instead of a verdict where the claim is not answered any more."""


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
    data: str | None
    """Digest of the file."""
    claims: Mapping[str, str]
    """The verdict of every claim."""


@dataclass(frozen=True, kw_only=True)
class Worse:
    """A claim that held on the same data and no longer does."""

    identifier: str
    """The claim."""
    study: str
    """The study."""
    scale: str
    """Its scale."""
    path: Path
    """The store or file at which it no longer holds."""
    before: str
    """The committed verdict."""
    now: str
    """The verdict now."""
    same: str
    """What is the same: `data`, to the byte, or `runs`, their settings and seeds."""
    sentence: str
    """Why."""

    @property
    def line(self) -> str:
        """All of it in one line."""
        why = f": {self.sentence}" if self.sentence else ""
        where = f"{self.study} at {self.scale} scale, {self.path}"
        return f"{self.identifier} was {self.before} and is now {self.now} on the same {self.same} ({where}){why}"

    def to_json(self) -> dict[str, str]:
        """The same as a flat object."""
        names = ("identifier", "study", "scale", "before", "now", "same", "sentence")
        return {name: str(getattr(self, name)) for name in names} | {"path": str(self.path)}


def worse(evidence: Evidence, before: Iterable[Verdicts]) -> list[Worse]:
    """The claims that held in what was committed of the same data and do not hold in `evidence`."""
    found: list[Worse] = []
    for one in before:
        bytes_equal = one.data is not None and one.data == evidence.data
        runs_equal = one.runs == evidence.runs and evidence.ended == evidence.count
        if (one.study, one.scale) == (evidence.study, evidence.scale) and (bytes_equal or runs_equal):
            now = {finding.claim.identifier: finding for finding in evidence.findings}
            found += [
                _worse(evidence, name, verdict, now.get(name), "data" if bytes_equal else "runs")
                for name, verdict in one.claims.items()
                if _fell(verdict, now.get(name), judged=not bytes_equal)
            ]
    return list({one.identifier: one for one in found}.values())


def _fell(before: str, now: Finding | None, *, judged: bool) -> bool:
    """Whether a verdict fell; with `judged` only if there is one: a store of the same runs may have measured less."""
    if judged and now is not None and now.verdict == "not run":
        return False
    return RANKS.get(before, 0) > (RANKS.get(now.verdict, 0) if now else 0)


def _worse(evidence: Evidence, identifier: str, before: str, now: Finding | None, same: str) -> Worse:
    return Worse(
        identifier=identifier,
        study=evidence.study,
        scale=evidence.scale,
        path=evidence.path,
        before=before,
        now=now.verdict if now else GONE,
        same=same,
        sentence=now.sentence if now else "",
    )


def committed_for(path: Path) -> tuple[Verdicts, ...]:
    """The verdicts committed for what lies at a path: of the nearest `claims.json` in its folder or the one above.

    Where there is none it is that of the results that groklab's own source lies beside; an installed package has none.
    """
    here = path.resolve()
    own = Path(__file__).parents[3] / "results"
    for folder in (here, *here.parents[:2], own):
        if folder.is_dir() and (folder / FILE).is_file():
            found = load(folder / FILE)
            if found is not None:
                return found
    return ()


def load(path: Path) -> tuple[Verdicts, ...] | None:
    """The verdicts in such a file; nothing where it is a file of something else.

    Raises `StoreError` for a damaged one, and one of a newer format.
    """
    try:
        plain: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(plain, dict) or "verdicts" not in plain:
            return None
        if plain["format"] > FORMAT:
            newer = f"it has format {plain['format']}, this groklab reads up to {FORMAT}"
            raise StoreError(f"{path}: {newer}; install a newer groklab")
        return tuple(_verdicts(one) for one in plain["verdicts"])
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror or error}); mend or remove it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} holds no verdicts that can be read; take it from version control again") from error


def text(found: Sequence[Evidence], folder: Path) -> str:
    """What the file says of this evidence, a line a claim."""
    parts: list[str] = []
    for one in found:
        head = {"study": one.study, "scale": one.scale, "place": _place(one.path, folder)}
        head |= {"runs": one.runs, "data": one.data}
        claims = ",\n".join(f"  {json.dumps(finding.claim.identifier)}: {_said(finding)}" for finding in one.findings)
        parts.append(f'{json.dumps(head).removesuffix("}")}, "claims": {{\n{claims}\n}}}}')
    return f'{{"format": {FORMAT}, "verdicts": [\n' + ",\n".join(parts) + "\n]}\n"


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
        data=plain["data"],
        claims={name: str(one["verdict"]) for name, one in plain["claims"].items()},
    )
