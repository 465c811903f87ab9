"""What a store is about: the study, its runs, and which batch trains which of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

from groklab.errors import StoreError

FORMAT = 1
"""The newest format of stores that is read, and the one that is written."""
SHOWN = 8
"""Differences listed at most."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything about a study that does not change while it runs. Plain JSON values throughout."""

    study: str
    """The study's name."""
    scale: str
    """The study's scale."""
    runs: Sequence[Mapping[str, Any]]
    """The settings of every run, in the order of the run numbers 0, 1, ..."""
    batches: Mapping[str, Sequence[int]]
    """The run numbers of every batch, by the batch's name. Every run is in exactly one batch."""
    labels: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    """One value a run for every per-run coordinate of the dataset, such as `seed` or `task`."""
    groklab: str = field(default_factory=lambda: version("groklab"))
    """The version of groklab that made the store."""
    format: int = FORMAT
    """The store's format."""

    def __post_init__(self) -> None:
        if sorted(run for runs in self.batches.values() for run in runs) != list(range(len(self.runs))):
            raise ValueError(f"batches must hold each of the {len(self.runs)} runs once: {self.batches}")
        for name, values in self.labels.items():
            if len(values) != len(self.runs):
                raise ValueError(f"label {name!r} has {len(values)} values for {len(self.runs)} runs")

    def to_json(self) -> dict[str, Any]:
        """The manifest as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(plain: Mapping[str, Any], path: object) -> "Manifest":
        """The manifest that `to_json` gave. Raises `StoreError`, naming `path`, if not ours or too new."""
        found = plain.get("format")
        if not isinstance(found, int) or "groklab" not in plain:
            raise StoreError(f"{path} is not a groklab store; give the folder that `groklab run` wrote with --out")
        if found > FORMAT:
            raise StoreError(
                f"{path}: this store has format {found}, this groklab reads up to {FORMAT}; install a newer groklab"
            )
        try:
            return Manifest(**plain)
        except (TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"the store {path} is damaged ({reason}); restore it from a copy, or run again") from error


def differences(old: Manifest, new: Manifest) -> list[str]:
    """One line for every setting in which two manifests differ: `weight_decay: 1.0 -> 2.0 (runs 0, 3)`.

    Batches and labels are not compared: they follow from the runs, and a store keeps those it was made with.
    """
    plain = [(name, getattr(old, name), getattr(new, name)) for name in ("study", "scale")]
    plain.append(("number of runs", len(old.runs), len(new.runs)))
    lines = [f"{name}: {before} -> {after}" for name, before, after in plain if before != after]
    where: dict[str, list[int]] = {}
    for number, (before, after) in enumerate(zip(old.runs, new.runs, strict=False)):
        a, b = flat(before), flat(after)
        for path in sorted(a.keys() | b.keys()):
            was, now = (repr(side[path]) if path in side else "absent" for side in (a, b))
            if was != now:
                where.setdefault(f"{path}: {was} -> {now}", []).append(number)
    everywhere = min(len(old.runs), len(new.runs))
    for line, runs in where.items():
        some = ", ".join(map(str, runs[:5])) + (", ..." if len(runs) > 5 else "")
        lines.append(line if len(runs) == everywhere else f"{line} (run{'s' * (len(runs) > 1)} {some})")
    return lines


def must_agree(place: object, old: Manifest, new: Manifest) -> None:
    """Raises `StoreError`, listing the settings, where the store at `place` has others than are asked for."""
    changes = differences(old, new)
    if changes:
        more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        raise StoreError(
            f"{place} was made with other settings: {'; '.join(changes[:SHOWN])}{more}; "
            "choose another --out, or the old settings to go on"
        )


def flat(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Every value of nested JSON objects under its dotted path."""
    out: dict[str, Any] = {}
    for name, value in plain.items():
        if isinstance(value, Mapping):
            out |= {f"{name}.{path}": inner for path, inner in flat(value).items()}
        else:
            out[name] = value
    return out
