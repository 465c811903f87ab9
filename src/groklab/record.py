"""What a store holds, read for analysis: datasets, networks, statuses."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from groklab.errors import Mistake
from groklab.settings import Settings
from groklab.store import Reader
from groklab.tasks import Split, Task
from groklab.training.milestones import first_step, grokked, memorised
from groklab.training.settings import Run
from groklab.training.status import Status

if TYPE_CHECKING:
    from groklab.models import Model


COORDINATES = {
    "run": ("1", "number of the run in the study"),
    "frequency": ("1", "frequency k of the task's group, w_k = 2 pi k / P for addition mod P; else an irrep's label"),
    "matrix": ("1", "name of a parameter array"),
    "seed": ("1", "seed of the run's initial weights"),
    "task": ("1", "operation and modulus"),
    "train_size": ("1", "pairs trained on"),
    "weight_decay": ("1", "strength of the weight decay"),
    "learning_rate": ("1", "step size after warm-up"),
    "digest": ("1", "digest of the run's settings"),
}
"""Unit and description of the dataset's coordinates."""


class Record:
    """A study's store, read only. Opening takes no lock and disturbs no writer; each call reads the newest commit."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises `StoreError` for a folder that is no store, is of a newer format, or is corrupt."""
        self.path = Path(path)
        self._reader = Reader(self.path)

    def __repr__(self) -> str:
        return f"Record({str(self.path)!r}): {self.study} at {self.scale} scale, {len(self.runs)} runs"

    @property
    def study(self) -> str:
        """The study's name, such as `nanda/mainline`."""
        return self._reader.manifest.study

    @property
    def scale(self) -> str:
        """`laptop` or `paper`."""
        return self._reader.manifest.scale

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The settings of every run."""
        runs = (Settings.from_json(dict(plain)) for plain in self._reader.manifest.runs)
        return tuple(run for run in runs if isinstance(run, Run))

    @property
    def statuses(self) -> tuple[Status, ...]:
        """How every run stands."""
        waiting = Status(state="waiting", step=0, sentence="not begun")
        found = [waiting] * len(self.runs)
        for members, meta in self._metas():
            for run, status in zip(members, meta["statuses"], strict=True):
                found[run] = Status(**status)
        return tuple(found)

    @property
    def provenance(self) -> list[dict[str, Any]]:
        """Where and with what it was trained: one entry for each session of each batch."""
        return [session for _, meta in self._metas() for session in meta["sessions"]]

    def metrics(self) -> xr.Dataset:
        """Everything measured: dimensions `run` and `step`, some variables also `frequency` or `matrix`."""
        metrics = self._reader.metrics()
        for name, (units, description) in COORDINATES.items():
            if name in metrics.coords:
                metrics[name].attrs |= {"units": units, "description": description}
        return metrics

    def steps(self, run: int = 0) -> list[int]:
        """The steps whose weights were kept."""
        return self._reader.checkpoint_steps(self._number(run))

    def model(self, run: int = 0, step: int = -1) -> "Model":
        """The network of a run after a step, -1 for the last kept. Raises `Mistake` for a step that was not kept."""
        from groklab.models import skeleton, with_parameters

        settings, task = self.runs[self._number(run)].model, self.task(run)
        outline = skeleton(settings, task.vocabulary, task.length)
        return with_parameters(outline, self._reader.checkpoint(self._number(run), step))

    def task(self, run: int = 0) -> Task:
        """What a run learns."""
        return Task.of(self.runs[self._number(run)].task)

    def split(self, run: int = 0) -> Split:
        """Which pairs a run was trained on, with which labels."""
        settings = self.runs[self._number(run)]
        return Split.of(self.task(run), settings.split, settings.data_seed)

    def table(self) -> list[dict[str, Any]]:
        """A row a run: its settings in short, its status, when it memorised and grokked, what was measured last."""
        metrics = self.metrics()
        steps = metrics["step"].values
        never: list[int | None] = [None] * len(self.runs)
        when = {"memorised": never, "grokked": never}
        if "train_accuracy" in metrics:
            when["memorised"] = first_step(memorised(metrics["train_accuracy"].values), steps)
            when["grokked"] = first_step(grokked(metrics["test_accuracy"].values), steps)
        rows: list[dict[str, Any]] = []
        for run, status in enumerate(self.statuses):
            row: dict[str, Any] = {"run": run}
            row |= {name: values[run] for name, values in self._reader.manifest.labels.items()}
            row |= {"state": status.state, "step": status.step, "status": status.sentence}
            row |= {name: steps[run] for name, steps in when.items()}
            for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "trig_share"):
                row[name] = _last(metrics[name].values[run]) if name in metrics else None
            rows.append(row)
        return rows

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Writes the page of this record, one HTML file that needs no network, and gives its path."""
        from groklab.report import write_page

        return write_page([self], Path(path))

    def _metas(self) -> list[tuple[Sequence[int], Mapping[str, Any]]]:
        """What was said of every batch that has begun, with its runs' numbers."""
        batches = self._reader.manifest.batches.items()
        saved = [(members, self._reader.saved(name, arrays=False)) for name, members in batches]
        return [(members, found.meta) for members, found in saved if found is not None]

    def _number(self, run: int) -> int:
        if not -len(self.runs) <= run < len(self.runs):
            raise Mistake(f"{self.path} has runs 0 to {len(self.runs) - 1}, not {run}")
        return run % len(self.runs)


def open(path: str | os.PathLike[str]) -> Record:
    """The record of an existing store, read only. Raises `StoreError` when there is none."""
    return Record(path)


def _last(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else None
