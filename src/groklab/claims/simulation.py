"""The simulation's claims as a kept file: `python -m groklab.claims.simulation results/varma/simulation.json`.

They need no run, but seconds of computing, and their last digits depend on the machine: so what was found is kept, with
where it comes from, and what is said of it reads the file. A file that says the same but for last digits stays as it
is, and one of better verdicts is not written over: mend that, or say `--accept`, and let the commit say why.
"""

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

from groklab.errors import Mistake, StoreError
from groklab.files import put
from groklab.findings import Finding
from groklab.findings.claim import fell
from groklab.store import provenance
from groklab.theory.claims import CLAIMS

STUDY = "varma/simulation"
"""What the ledger calls it; its page is `docs/studies/varma/simulation.md`."""
SAYS = ("verdict", "sentence", "value", "low", "high", "units", "seeds", "scale")
"""What is kept of a finding beside its claim's identifier."""
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
"""A number in a sentence."""


def keep(out: Path, *, accept: bool = False) -> Path:
    """Finds every claim of the simulation anew and writes it, a line each; gives the file's path.

    Raises `Mistake` where a claim that held in that file no longer holds, unless that is accepted.
    """
    from groklab.theory.claims import findings

    new = findings()
    before = _kept(out)
    fallen = [
        f"{name} was {before[name].verdict} and is now {one.verdict}: {one.sentence}"
        for one in new
        if (name := one.claim.identifier) in before and fell(before[name].verdict, one.verdict)
    ]
    if fallen and not accept:
        raise Mistake(f"{'; '.join(fallen)}; {out} stays as it is: mend that, or say --accept if it is meant")
    same = list(before) == [one.claim.identifier for one in new] and all(map(_alike, before.values(), new))
    if same and sessions(out):
        return out
    found = [finding.to_json() for finding in new]
    kept = [{name: one[name] for name in ("identifier", *SAYS)} for one in found]
    lines = ",\n".join(json.dumps(_rounded(one), ensure_ascii=False) for one in kept)
    made = json.dumps([provenance(device="cpu")], ensure_ascii=False)
    return put(out, f'{{"sessions": {made}, "findings": [\n{lines}\n]}}\n')


def read(path: Path) -> tuple[Finding, ...]:
    """The findings of such a file. Raises `StoreError` for another file, a damaged one, and claims not known."""
    try:
        plain: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["findings"]
        return tuple(Finding(claim=CLAIMS[one["identifier"]], **{name: one[name] for name in SAYS}) for one in plain)
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror or error}); make it again or remove it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is not what the simulation found, or damaged; make it again or remove it") from error


def sessions(path: Path) -> tuple[dict[str, Any], ...]:
    """When, where and with what that was found; nothing in a file that an earlier groklab wrote.

    Raises `StoreError` for one that cannot be read.
    """
    read(path)
    return tuple(json.loads(path.read_text(encoding="utf-8")).get("sessions", ()))


def _kept(path: Path) -> dict[str, Finding]:
    """What such a file says by claim; nothing of one that is not there, damaged, or of other claims."""
    try:
        return {one.claim.identifier: one for one in read(path)}
    except StoreError:
        return {}


def _alike(one: Finding, other: Finding) -> bool:
    """Whether two findings say the same, numbers to a millionth; what is nothing but rounding counts as nothing."""
    words = [(f.verdict, f.units, f.seeds, f.scale, NUMBER.sub("#", f.sentence)) for f in (one, other)]
    numbers = [[f.value, f.low, f.high, *map(_value, NUMBER.findall(f.sentence))] for f in (one, other)]
    return words[0] == words[1] and all(map(_close, *numbers))


def _value(digits: str) -> float:
    return float(digits.replace(",", ""))


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)


def _rounded(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in plain.items()}


if __name__ == "__main__":
    try:
        given = [word for word in sys.argv[1:] if word != "--accept"]
        if len(given) != 1:
            raise Mistake("give the file to write, such as results/varma/simulation.json")
        sys.stdout.write(f"{keep(Path(given[0]), accept='--accept' in sys.argv)}\n")
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
