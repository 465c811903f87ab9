"""The simulation's claims as a kept file: `python -m groklab.claims.simulation results/varma/simulation.json`.

They need no run, but seconds of computing, and their last digits depend on the machine: so what was found is kept, and
what is said of it reads the file.
"""

import json
import sys
from pathlib import Path
from typing import Any

from groklab.errors import Mistake, StoreError
from groklab.findings import Finding
from groklab.theory.claims import CLAIMS

STUDY = "varma/simulation"
"""What the ledger calls it; its page is `docs/studies/varma/simulation.md`."""
SAYS = ("verdict", "sentence", "value", "low", "high", "units", "seeds", "scale")
"""What is kept of a finding beside its claim's identifier."""


def keep(out: Path) -> Path:
    """Finds every claim of the simulation anew and writes it, a line each; gives the file's path."""
    from groklab.theory.claims import findings

    found = [finding.to_json() for finding in findings()]
    kept = [{name: one[name] for name in ("identifier", *SAYS)} for one in found]
    lines = ",\n".join(json.dumps(_rounded(one), ensure_ascii=False) for one in kept)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(f'{{"findings": [\n{lines}\n]}}\n', encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot write {out}: {error.strerror or error}; give another place") from error
    return out


def read(path: Path) -> tuple[Finding, ...]:
    """The findings of such a file. Raises `StoreError` for another file, a damaged one, and claims not known."""
    try:
        plain: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["findings"]
        return tuple(Finding(claim=CLAIMS[one["identifier"]], **{name: one[name] for name in SAYS}) for one in plain)
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror or error}); make it again or remove it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is not what the simulation found, or damaged; make it again or remove it") from error


def _rounded(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in plain.items()}


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2:
            raise Mistake("give the file to write, such as results/varma/simulation.json")
        sys.stdout.write(f"{keep(Path(sys.argv[1]))}\n")
    except Mistake as mistake:
        sys.exit(f"groklab: {mistake}")
