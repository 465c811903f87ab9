"""The whole benchmark: who is raced at which setting, and what comes out."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from groklab.bench.floor import floor
from groklab.bench.ours import start
from groklab.bench.race import Entry, race
from groklab.bench.statistics import median, ratio
from groklab.store import provenance
from groklab.studies.nanda.mainline import setting

CURVE = 100
"""Steps over which loss curves are compared."""
EQUAL = 1e-3
"""Largest relative difference of curves that count as equal."""
LIBRARIES = """
import json
from importlib.metadata import PackageNotFoundError, version
def of(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
print(json.dumps({name: of(name) for name in ("torch", "transformer_lens")}))
"""


class Benchmark:
    """One measurement of this machine. `quick` takes under a minute and leaves the larger things out.

    `python` is an interpreter that has PyTorch, and TransformerLens where that is to be measured.
    """

    def __init__(self, *, quick: bool, python: str, say: Callable[[str], None], folder: Path) -> None:
        self.quick, self.python, self.say, self.folder = quick, python, say, folder
        self.rounds, self.turn = (3, 0.25) if quick else (7, 1.0)
        told = subprocess.run([python, "-c", LIBRARIES], capture_output=True, text=True, check=False)
        self.versions: dict[str, str | None] = json.loads(told.stdout) if told.returncode == 0 else {}
        self.accelerated = jax.default_backend() != "cpu"
        self.kinds = ("xla",) if self.accelerated else ("xla", "fused")
        self.batches = (8, 64, 200) if self.accelerated else (2, 5, 8)
        main, laptop = setting("paper", 0), setting("laptop", 0)
        # At the laptop setting's own, larger rate rounding grows too fast to compare curves by the step.
        same_rate = {"learning_rate": main.optimiser.learning_rate}
        self.settings = {"main": main, "laptop": laptop.replace(same_rate)}
        for name, run in self.settings.items():
            np.savez(self._start(name), **start(run))

    def run(self) -> dict[str, Any]:
        """Measures, and gives everything that was measured as plain JSON values."""
        entries = list(self._entries())
        compared = ("laptop",) if self.quick else ("laptop", "main")
        curves = {where: list(self._compared(entries, where)) for where in compared}
        entries += [entry for where in compared for entry in curves[where] if not entry.raced]
        self._race(entries)
        growth = list(self._growth_entries())
        self._race([entry for _, _, entry in growth])
        ceiling = self._ceiling(entries)
        return {
            "made": provenance(device=jax.devices()[0].device_kind),
            "quick": self.quick,
            "rounds": self.rounds,
            "libraries": self.versions,
            "missing": self._missing(),
            "ceiling": ceiling,
            "floor": {name: floor(run) for name, run in self.settings.items()},
            "curves": [_curves(where, curves[where]) for where in compared],
            "contestants": self._rows(entries, ceiling),
            "growth": [
                {"axis": axis, "value": value, "kind": entry.spec["kind"], "milliseconds": _milliseconds(entry)}
                for axis, value, entry in growth
                if entry.seconds
            ],
        }

    def _missing(self) -> list[str]:
        lines: list[str] = []
        if not self.versions.get("torch"):
            lines.append(
                "the reference was not measured: PyTorch is not installed; `pip install torch` (or groklab[bench]), "
                "or name an interpreter that has it with --torch"
            )
        if not self.versions.get("transformer_lens"):
            lines.append(
                "TransformerLens's own model was not measured: transformer_lens is not installed beside PyTorch"
            )
        return lines

    def _start(self, name: str) -> Path:
        return self.folder / f"{name}.npz"

    def _entry(self, where: str, kind: str, runs: int = 1, *, test_loss: bool = False) -> Entry:
        words = f"{runs} run{'s' * (runs > 1)}" if kind in ("xla", "fused") else "test loss" if test_loss else "no test"
        spec = {"kind": kind, "run": self.settings[where].to_json(), "runs": runs, "test_loss": test_loss, "bits": 32}
        return Entry(name=f"{where}: {kind}, {words}", spec=spec | {"start": str(self._start(where)), "setting": where})

    def _references(self, where: str) -> Iterable[Entry]:
        if self.versions.get("torch"):
            yield self._entry(where, "reference", test_loss=True)
            yield self._entry(where, "reference")
            if self.versions.get("transformer_lens"):
                yield self._entry(where, "lens", test_loss=True)

    def _entries(self) -> Iterable[Entry]:
        """Ceilings, references and ourselves."""
        libraries = ("xla",) if self.accelerated else ("numpy", "xla") if self.quick else ("numpy", "xla", "torch")
        for library in libraries:
            if library != "torch" or self.versions.get("torch"):
                for cores in (None,) if self.accelerated else (None, 1):
                    spec = {"kind": "products", "library": library, "cores": cores}
                    size = 8192 if self.accelerated else 1024 if self.quick else 2048
                    where = "all cores" if cores is None else "one core"
                    yield Entry(name=f"products: {library}, {where}", spec=spec | {"size": size})
        for where in self.settings:
            if where == "laptop" or not self.quick:
                yield from self._references(where)
            sizes = (1, self.batches[-2]) if self.quick or where == "laptop" else (1, *self.batches)
            for kind in self.kinds:
                for runs in (1,) if self.quick and where == "main" else sizes:
                    yield self._entry(where, kind, runs)

    def _growth_entries(self) -> Iterable[tuple[str, float, Entry]]:
        base, kind = ("laptop" if self.quick else "main"), self.kinds[-1]
        axes: dict[str, tuple[str, tuple[float, ...]]] = {
            "P": ("modulus", (53, 83, 113, 149)),
            "width": ("d_model", (64, 128, 256)),
            "training set": ("fraction", (0.1, 0.3, 0.5, 0.8)),
        }
        if self.quick:
            axes = {"P": ("modulus", (31, 59))}
        for axis, (path, values) in axes.items():
            for value in values:
                changes: dict[str, object] = {path: value}
                if axis == "width":
                    changes["d_mlp"] = 4 * int(value)
                entry = self._entry(base, kind)
                entry.name = f"{axis} {value:g}: {kind}"
                entry.spec["run"] = self.settings[base].replace(changes).to_json()
                yield axis, value, entry

    def _race(self, entries: list[Entry]) -> None:
        race(entries, rounds=self.rounds, seconds=self.turn, python=self.python, say=self.say)

    def _compared(self, entries: list[Entry], where: str) -> Iterable[Entry]:
        """Those at a setting whose loss curves are laid over each other: one of each kind, one run, and in float64."""
        for entry in entries:
            spec = entry.spec
            if spec.get("setting") == where and spec["runs"] == 1 and spec["test_loss"] == (spec["kind"] == "lens"):
                entry.curve = CURVE
                yield entry
                if spec["kind"] != "lens":
                    yield Entry(name=f"{entry.name}, 64 bits", spec=spec | {"bits": 64}, raced=False, curve=CURVE)

    def _ceiling(self, entries: list[Entry]) -> dict[str, Any]:
        """Operations a second in the fastest library, on all cores and on one."""
        found: dict[str, Any] = {}
        for where, cores in (("all", None), ("one", 1)):
            rates = {
                entry.spec["library"]: median([entry.told["flop"] / seconds for seconds in entry.seconds])
                for entry in entries
                if entry.spec["kind"] == "products" and entry.spec["cores"] == cores and entry.seconds
            }
            if rates:
                library = max(rates, key=lambda name: rates[name]["value"])
                found[where] = {"library": library, **rates[library], "libraries": rates}
        return found

    def _rows(self, entries: list[Entry], ceiling: dict[str, Any]) -> list[dict[str, Any]]:
        """What was measured of everyone who trains."""
        rows: list[dict[str, Any]] = []
        training = [entry for entry in entries if entry.raced and entry.spec["kind"] != "products"]
        for entry in training:
            spec, told = entry.spec, entry.told
            row: dict[str, Any] = {name: spec[name] for name in ("setting", "kind", "runs", "test_loss")}
            rows.append(row | {"error": told.get("error")})
            if not entry.seconds:
                continue
            each = _milliseconds(entry)
            row |= {
                "milliseconds": each,
                "rounds": [1000 * seconds / spec["runs"] for seconds in entry.seconds],
                "first_step_seconds": told["first"],
                "peak_memory": told["peak"],
                "predicted_memory": told["predicted"] and told["before"] and told["predicted"] + told["before"],
            }
            if "all" in ceiling:
                least = 1000 * floor(self.settings[spec["setting"]]) / ceiling["all"]["value"]
                row |= {"times_floor": each["value"] / least, "share_of_ceiling": least / each["value"]}
            for other in training:
                if other.spec["kind"] == "reference" and other.spec["setting"] == spec["setting"] and other.seconds:
                    word = "reference_with_test_loss" if other.spec["test_loss"] else "reference_without_test_loss"
                    row[f"times_{word}"] = ratio(other.seconds, [s / spec["runs"] for s in entry.seconds])
            rows[-1] = row
        return rows


def _curves(where: str, entries: list[Entry]) -> dict[str, Any]:
    """Train losses of everyone over the same steps, by kind and bits, and whether those in float64 are one curve."""
    found = {f"{entry.spec['kind']} {entry.spec['bits']}": entry.losses for entry in entries if entry.losses}
    against = next(name for name in found if name.endswith("64"))
    differences = {
        kind: float(np.max(np.abs(np.array(curve) / np.array(found[against]) - 1)))
        for kind, curve in found.items()
        if kind != against
    }
    return {
        "setting": where,
        "losses": found,
        "against": against,
        "largest_relative_difference": differences,
        "steps": CURVE,
        "equal": all(difference < EQUAL for name, difference in differences.items() if name.endswith("64")),
    }


def _milliseconds(entry: Entry) -> dict[str, float]:
    """Milliseconds a step of one run, over the rounds."""
    return median([1000 * seconds / entry.spec["runs"] for seconds in entry.seconds])


def benchmark(
    *, quick: bool = False, torch: str | None = None, say: Callable[[str], None] = lambda words: None
) -> dict[str, Any]:
    """Measures this machine: under a minute when `quick`, else some minutes. Gives plain JSON values.

    `torch` is an interpreter that has PyTorch; nothing means the one that runs this. `say` is told what goes on.
    """
    with tempfile.TemporaryDirectory() as folder:
        return Benchmark(quick=quick, python=torch or sys.executable, say=say, folder=Path(folder)).run()
