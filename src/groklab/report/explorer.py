"""What the explorer of a page has: for some runs and some of their kept steps, the network in small tables.

The explorer shows one-layer transformers without LayerNorm on tasks that are a cyclic group's product. It takes at most
`RUNS` of a record's runs, evenly chosen (the first runs of a sweep are alike), and of each run's kept steps an even
choice, first and last included, as many as the budget allows (`rooms.affordable`).
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from groklab.circuits.basis import Basis
from groklab.circuits.key_frequencies import outliers
from groklab.curves import Phase, find_phases
from groklab.groups import Cyclic
from groklab.models import Transformer
from groklab.models.settings import TransformerSettings
from groklab.report.labels import labelled
from groklab.report.packing import Quantised
from groklab.report.rooms import EXPLORERS, Wanted, affordable, evenly
from groklab.report.snapshots import Neuron, chosen_neurons, networks, packed, tables
from groklab.store import Reader
from groklab.store.places import is_store
from groklab.style import run_names
from groklab.tasks import Task, TaskSettings
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

RUNS = 8
"""Runs of one record at most."""
NEURONS = 6
"""Neurons of each run whose activation is shown."""
CIRCLES = 12
"""Frequencies on whose circle the embedding is shown, where that many are not key."""
SPECTRA = ("embedding_norm", "neuron_logit_norm", "logit_cosine")
CURVES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "trig_share")
PHASES = {"memorisation": "memorisation", "circuit_formation": "circuit formation", "clean_up": "clean-up"}

Packable = dict[str, np.ndarray | Quantised]


def explorable(record: "Record") -> dict[int, list[int]]:
    """The runs that the explorer can show, at most `RUNS`, by number, with the steps whose networks are kept.

    None of a kept result, which has no networks.
    """
    if not is_store(record.path):
        return {}
    able = [run for run, one in enumerate(record.statuses) if one.state != "waiting" and _shown(record.runs[run])]
    return {run: steps for run in evenly(able, RUNS) if (steps := record.steps(run))}


def explorer_data(record: "Record", budget: int = EXPLORERS) -> tuple[Packable, dict[str, Any]] | None:
    """The explorer's arrays and facts, for `pack`; the packed text has at most about `budget` characters.

    Nothing where no networks are kept (a kept result), or none that the explorer can show. For each run, by its number
    r, arrays `r.NAME`: measures by kept step (`CURVES`), by step and frequency (`SPECTRA`), the tables of
    `snapshots.tables` by step, and `r.trained`, 1 where a pair of elements (x, y) was trained on. Facts: `runs`, one
    entry a run, and `left_out`, one sentence on what the record has beyond that.
    """
    kept = explorable(record)
    if not kept:
        return None
    metrics = labelled(record)
    names = run_names(metrics)
    runs = [_Explored(record, run, steps, metrics, names[run]) for run, steps in kept.items()]
    steps = affordable({run.number: run.wanted for run in runs}, budget)
    runs = [run for run in runs if run.number in steps]
    rows: dict[int, list[Mapping[str, np.ndarray]]] = {run.number: [] for run in runs}
    by_number = {run.number: run for run in runs}
    with np.errstate(invalid="ignore", over="ignore"):
        for number, _, model in networks(Reader(record.path), record.runs, steps):
            rows[number].append(by_number[number].tables(model))
    arrays: Packable = {}
    for run in runs:
        found = run.measured(steps[run.number]) | packed(rows[run.number]) | {"trained": run.trained}
        arrays |= {f"{run.number}.{name}": values for name, values in found.items()}
    facts = [run.facts(steps[run.number]) for run in runs]
    return arrays, {"runs": facts, "left_out": _left_out(record, runs, steps)}


class _Explored:
    """One run, with what is chosen by its last network."""

    def __init__(self, record: "Record", number: int, kept: list[int], metrics: xr.Dataset, name: str) -> None:
        self.number, self.settings, self.kept = number, record.runs[number], kept
        self.name = html.unescape(name)
        self.metrics = metrics.isel(run=number)
        self.task = Task.of(self.settings.task)
        self.basis = Basis.of(self.task)
        self.trained = record.split(number).train_mask[self.basis.rows]
        self.values = self._measured(record)
        finite = np.flatnonzero(np.isfinite(self.values["logit_cosine"]).all(axis=-1))
        # Of a run that diverged, the last network whose logits are numbers speaks for it.
        place = int(finite[-1]) if len(finite) else -1
        self.last = kept[place]
        last = record.model(number, self.last)
        assert isinstance(last, Transformer)
        spectrum = self.values["neuron_logit_norm" if self._has_neurons else "embedding_norm"][place]
        self.key = [int(k) for k in np.flatnonzero(outliers(spectrum))]
        self.neurons: tuple[Neuron, ...] = chosen_neurons(last, self.task, self.basis, self.key, NEURONS)
        self.circles = self._circles()
        table_bytes = sum(values.nbytes for values in packed([self.tables(last)]).values())
        measures = 4 * (len(SPECTRA) * len(self.basis.labels) + len(CURVES))
        self.wanted = Wanted(kept=kept, bytes_a_step=table_bytes + measures, bytes_a_run=self.trained.size)

    def tables(self, model: Any) -> dict[str, np.ndarray]:
        return tables(model, self.task, self.basis, [one.number for one in self.neurons], self.circles)

    def measured(self, steps: Sequence[int]) -> dict[str, Float[np.ndarray, "step ..."]]:
        """Spectra and curves at these steps."""
        places = [self.kept.index(step) for step in steps]
        return {name: values[places] for name, values in self.values.items()}

    def facts(self, steps: Sequence[int]) -> dict[str, Any]:
        """What the page must know of the run beside its arrays."""
        structure, labels = self.basis.structure, self.basis.labels
        neurons = [
            asdict(one) | {"frequency": None if one.frequency is None else labels[one.frequency]}
            for one in self.neurons
        ]
        model = self.settings.model
        assert isinstance(model, TransformerSettings)
        return {
            "run": self.number,
            "name": self.name,
            "task": self.task.name,
            "formula": self.task.operation.formula.replace("x y", "x · y").replace(
                "P", str(self.settings.table.modulus)
            ),
            "order": self.basis.order,
            "elements": {of: structure.in_order(of).tolist() for of in ("a", "b", "answer")},
            "labels": list(labels),
            "key": [labels[k] for k in self.key],
            "circles": [labels[k] for k in self.circles],
            "heads": model.heads,
            "operands": list(self.task.operand_positions),
            "positions": self.task.length,
            "neurons": neurons,
            "activation": model.activation,
            "steps": list(steps),
            "last": max((step for step in steps if step <= self.last), default=steps[0]),
            "phases": self._phases(),
        }

    def _measured(self, record: "Record") -> dict[str, Float[np.ndarray, "step ..."]]:
        """Spectra and curves at all kept steps, measured now where the record lacks one of them at one of them."""
        names = [name for name in (*SPECTRA, *CURVES) if self._has_neurons or name != "neuron_logit_norm"]
        known = self.metrics.reindex(step=self.kept)
        found = {name: known[name].values for name in names if name in known and np.isfinite(known[name].values).all()}
        lacking = [name for name in names if name not in found]
        if lacking:
            more = record.measure(lacking, runs=[self.number], steps=self.kept).isel(run=0)
            found |= {name: more[name].values for name in lacking}
        return found

    @property
    def _has_neurons(self) -> bool:
        model = self.settings.model
        return isinstance(model, TransformerSettings) and model.d_mlp > 0

    def _circles(self) -> list[int]:
        """Key frequencies first, then those that ever were strongest in the embedding, ascending."""
        values = self.values["embedding_norm"]
        # The frequency n/2 of an even n has no sine, and so no circle.
        round_ones = [k for k in range(len(self.basis.labels)) if len(self.basis.rows_of(k)) == 2]
        strongest = np.argsort(-np.nan_to_num(values).max(axis=0), kind="stable").tolist()
        key = [k for k in self.key if k in round_ones]
        others = [k for k in strongest if k in round_ones and k not in key]
        return key + sorted(others[: max(0, CIRCLES - len(key))])

    def _phases(self) -> list[dict[str, Any]]:
        """The phases that the rule of `curves.phases` finds: name, first and last step, the last null if not seen."""
        if not {"train_loss", "test_loss"} <= set(self.metrics):
            return []
        losses = {name: self.metrics[name].values for name in ("train_loss", "test_loss")}
        excluded = self.metrics["excluded_loss"].values if "excluded_loss" in self.metrics else None
        if not all(np.isfinite(values).any() for values in losses.values()):
            return []
        phases = find_phases(self.metrics["step"].values, **losses, excluded_loss=excluded)
        found: list[dict[str, Any]] = []
        for field, words in PHASES.items():
            phase: Phase = getattr(phases, field)
            if phase.begin is not None:
                end = None if phase.end is None else phase.end.step
                found.append({"name": words, "begin": phase.begin.step, "end": end})
        return found


def _shown(run: Run) -> bool:
    """Whether the explorer can show such a network."""
    if not isinstance(run.task, TaskSettings):
        return False
    model, structure = run.model, Task.of(run.task).group
    one_layer = isinstance(model, TransformerSettings) and model.layers == 1 and not model.layer_norm
    return one_layer and structure is not None and isinstance(structure.group, Cyclic) and structure.group.order > 2


def _left_out(record: "Record", runs: Sequence[_Explored], steps: Mapping[int, Sequence[int]]) -> str:
    """One sentence on what of the record the explorer does not show; empty where it shows all."""
    parts: list[str] = []
    total = len(record.runs)
    if len(runs) < total:
        parts.append(f"{len(runs)} of {total} runs (an even choice of those that it can take apart)")
    kept, shown = sum(len(run.kept) for run in runs), sum(len(steps[run.number]) for run in runs)
    if shown < kept:
        parts.append(f"{shown} of these runs' {kept:,} kept networks, evenly chosen")
    return f"The explorer has {' and '.join(parts)}." if parts else ""
