"""The arithmetic of a large sweep: machines, time and storage, from measured steps a second and the runs' settings."""

import heapq
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from groklab.errors import Mistake, unknown
from groklab.studies import Study
from groklab.tasks import Split, Task
from groklab.training import Batch, Run, plan, with_parents
from groklab.training.applicable import applicable
from groklab.training.memory import ON_CPU
from groklab.training.state import outline

SWEEP, MEASURED = Path("sweeps/semi_grokking.toml"), "performance.json"
"""What is planned, and the measurement that it is planned from."""
COMMITS_AN_HOUR = 240
"""One every 15 seconds, at least."""
DAY = 86_400
WITHIN = {"a day": 1, "a week": 7, "thirty days": 30}
"""Days."""


@dataclass(frozen=True, kw_only=True)
class Planning:
    """A study at the benchmark's main setting but for the size of its training sets, and that benchmark."""

    study: Study
    """What is planned."""
    result: Mapping[str, Any]
    """What `groklab bench --out` wrote."""

    @classmethod
    def of(cls, results: Path, root: Path) -> "Planning":
        """The plan from the measurement in `results`; `root` holds the sweeps. Raises `Mistake` without the files."""
        from groklab.sweeps import read

        path = results / MEASURED
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Mistake(f"{path} cannot be read ({error}); `groklab bench --out {path}` writes it") from error
        return cls(study=read(root / SWEEP), result=result)

    def told(self, name: str) -> str:
        """A part of the page, by its name."""
        parts: dict[str, Callable[[], str]] = {
            "study": self._study,
            "rates": self._rates,
            "machines": self._machines,
            "accelerators": self._accelerators,
            "storage": self._storage,
        }
        if name not in parts:
            raise unknown("part of the plan", name, parts)
        return parts[name]()

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Every run."""
        return with_parents(self.study.runs)

    @cached_property
    def run_steps(self) -> int:
        """Steps of all runs together, at most."""
        return sum(run.steps for run in self.runs)

    @cached_property
    def batches(self) -> list[Batch]:
        """The runs as a CPU trains them."""
        return plan(self.runs, ON_CPU)

    def milliseconds(self, size: int, which: str = "value") -> float:
        """A step of one network in a full batch with training sets of that size, on the machine that was measured.

        That of the measured size, times what the measured growth says: a straight line between the two nearest shares
        of the pairs that were measured.
        """
        pairs = Task.of(self.runs[0].task).pairs
        measured = self._by_share
        shares = sorted(measured)
        if not shares[0] <= size / pairs <= shares[-1]:
            raise Mistake(f"a training set of {size} of {pairs} pairs lies outside of what was measured")

        def line(share: float) -> float:
            return float(np.interp(share, shares, [measured[one] for one in shares]))

        return self._full_batch[which] * line(size / pairs) / line(self._share_of_main)

    def seconds(self, batch: Batch, which: str = "value") -> float:
        """A batch on the machine that was measured, every run taken to its last step."""
        return sum(run.steps * self.milliseconds(_size(run), which) / 1000 for run in batch.runs)

    @cached_property
    def _full_batch(self) -> Mapping[str, float]:
        """Milliseconds a run-step at the main setting, for the largest batch that was measured."""
        rows = [
            row
            for row in self.result["contestants"]
            if row["setting"] == "main" and row["kind"] == "fused" and "milliseconds" in row
        ]
        if not rows:
            raise Mistake("the measurement has no fused step at the main setting; measure on a CPU, without --quick")
        return max(rows, key=lambda row: row["runs"])["milliseconds"]

    @cached_property
    def _by_share(self) -> dict[float, float]:
        """Milliseconds a step of one network, by the share of the pairs that it is trained on."""
        growth = [point for point in self.result["growth"] if point["axis"] == "training set"]
        return {point["value"]: point["milliseconds"]["value"] for point in growth}

    @cached_property
    def _share_of_main(self) -> float:
        from groklab.studies.nanda.mainline import setting

        share = setting("paper", 0).split.fraction
        assert share is not None
        return share

    def _study(self) -> str:
        sizes = sorted({_size(run) for run in self.runs})
        seeds, steps = len({run.seed for run in self.runs}), max(run.steps for run in self.runs)
        after = self.runs[0].stop.after_grokking
        ends = f" A network that groks ends {after:,} steps later, so that this is an upper bound." if after else ""
        return (
            f"**{len(self.runs)} networks**: P = {self.runs[0].table.modulus}, {len(sizes)} training sets of "
            f"{sizes[0]:,} to {sizes[-1]:,} pairs, {seeds} seeds of each, up to {steps:,} steps. That is "
            f"**{_power(self.run_steps)} run-steps** (optimiser steps of one network).{ends}"
        )

    def _rates(self) -> str:
        made = self.result["made"]
        size = round(self._share_of_main * Task.of(self.runs[0].task).pairs)
        sizes = sorted({_size(run) for run in self.runs})
        rows = [("measured", size, self._full_batch)] + [
            ("by measured growth", one, {which: self.milliseconds(one, which) for which in ("value", "low", "high")})
            for one in (sizes[0], sizes[-1])
        ]
        head = [("", "train pairs", "ms a run-step", "run-steps a second", "and by core")]
        table = [
            (how, f"{pairs:,}", _spread(each), f"{rate:,.0f}", f"{rate / made['cores']:,.0f}")
            for how, pairs, each in rows
            for rate in (1000 / each["value"],)
        ]
        return (
            f"{_table(head + table)}\n\n{made['cpu']}, {made['cores']} cores, {made['started'][:10]}, batches of "
            f"{ON_CPU}, no measures; in brackets the 95% interval of the measurement."
        )

    def _machines(self) -> str:
        made, each = self.result["made"], [self.seconds(batch) for batch in self.batches]
        low, high = (sum(self.seconds(batch, which) for batch in self.batches) for which in ("low", "high"))
        head = [("machines", f"days, {made['cores']} cores each", "machine-hours")]
        counts = [1, *(count for count in (5, 10) if count < len(each)), len(each)]
        rows = [
            (str(count), f"{makespan(each, count) / DAY:,.0f}", f"{count * makespan(each, count) / 3600:,.0f}")
            for count in counts
        ]
        return (
            f"{_table(head + rows)}\n\n{len(each)} batches, the longest first to whoever is free. One machine takes "
            f"{sum(each) / DAY:,.0f} days ({low / DAY:,.0f} to {high / DAY:,.0f} by the interval of the measurement). "
            f"No more than {len(each)} can share the work, because a batch is trained in one place."
        )

    def _accelerators(self) -> str:
        head = [("done within", "run-steps a second that one device has to do", "and each of four that share it")]
        rows = [
            (words, f"{rate:,.0f}", f"{rate / 4:,.0f}")
            for words, days in WITHIN.items()
            for rate in (self.run_steps / days / DAY,)
        ]
        return _table(head + rows)

    def _storage(self) -> str:
        kept = [len(run.checkpoints.steps(run.steps)) for run in self.runs]
        logged = [len(np.union1d(run.logging.steps(run.steps), run.checkpoints.steps(run.steps))) for run in self.runs]
        numbers, at_kept = _numbers(self.runs[0])
        parameters, states = _parameters(self.runs[0]), [_bytes(outline(batch.runs)) for batch in self.batches]
        weights = 4 * parameters * sum(kept)
        curves = 4 * sum(numbers * one + at_kept * other for one, other in zip(logged, kept, strict=True))
        rows = [
            ("what", "how many", "size at most"),
            ("weights", f"{sum(kept):,} networks kept of {parameters:,} parameters, 4 bytes each", _size_of(weights)),
            (
                "curves",
                f"{numbers:,} numbers at {sum(logged):,} logged steps, {at_kept:,} more at kept ones, 4 bytes each",
                _size_of(curves),
            ),
            ("training states", f"one for each of {len(states)} batches, the last", _size_of(sum(states))),
            ("in all", "", _size_of(weights + curves + sum(states))),
        ]
        return (
            f"{_table(rows)}\n\nBefore compression, which takes about a tenth off weights. A commit writes the "
            f"training state of its batch anew, {_size_of(max(states))} here, every 15 seconds: "
            f"{_size_of(max(states) * COMMITS_AN_HOUR)} an hour and batch, which are removed again, at the latest when "
            "the batch has ended. Leave room for them, or commit less often (`commit_seconds` of `groklab.run`)."
        )


def makespan(seconds: Sequence[float], machines: int) -> float:
    """Seconds until all pieces of work are done, the longest first to whoever is free."""
    free = [0.0] * machines
    for one in sorted(seconds, reverse=True):
        heapq.heapreplace(free, free[0] + one)
    return max(free)


def _numbers(run: Run) -> tuple[int, int]:
    """Numbers that are measured of one network at a logged step, and further ones at a step at which it is kept."""
    measures, coordinates = applicable(run)
    counts = {False: 0, True: 0}
    for measure in measures:
        counts[measure.afterwards] += math.prod(len(coordinates[dim]) for dim in measure.dims)
    return counts[False], counts[True]


def _size(run: Run) -> int:
    return len(Split.of(Task.of(run.task), run.split, run.data_seed).train)


def _parameters(run: Run) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(outline((run,)).model))


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _size_of(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e6:.3g} MB"


def _power(count: int) -> str:
    """Such as 6 × 10⁹."""
    exponent = math.floor(math.log10(count))
    superscript = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{count / 10**exponent:.3g} × 10{superscript}"


def _spread(each: Mapping[str, float]) -> str:
    return f"{each['value']:.3g} ({each['low']:.3g}-{each['high']:.3g})"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *rest])
