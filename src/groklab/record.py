"""What a store holds, read for analysis: datasets, networks, statuses."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from groklab.errors import Mistake
from groklab.findings import Analysis, not_run
from groklab.settings import Settings
from groklab.store import Kept, Reader, keep
from groklab.store.place import Place
from groklab.tasks import Problem, Split, Task, problem_of
from groklab.training.milestones import first_step, grokked, memorised
from groklab.training.settings import Run
from groklab.training.status import Status

if TYPE_CHECKING:
    from groklab.findings import Finding
    from groklab.kept_measures import Wanted
    from groklab.models import Model
    from groklab.studies.study import Experiment


COORDINATES = {
    "run": ("1", "number of the run in the study"),
    "frequency": ("1", "frequency k of the task's group, w_k = 2 pi k / P for addition mod P; else an irrep's label"),
    "matrix": ("1", "name of a parameter array"),
    "reading": ("1", "which functions of the logits restricted loss keeps"),
    "part": ("1", "pairs that a mean goes over"),
    "digit": ("1", "power of ten that a digit of the sum stands for"),
    "head": ("1", "layer and number of an attention head"),
    "seed": ("1", "seed of the run's initial weights"),
    "task": ("1", "operation and modulus"),
    "train_size": ("1", "pairs, sequences or samples trained on; 0 where every step draws new ones"),
    "weight_decay": ("1", "strength of the weight decay"),
    "learning_rate": ("1", "step size after warm-up"),
    "digest": ("1", "digest of the run's settings"),
}
"""Unit and description of the dataset's coordinates."""
TABLE = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "trig_share")
"""What a row of the table has of the measures."""


class Record:
    """A study's store, read only. Opening takes no lock and disturbs no writer; each call reads the newest commit."""

    def __init__(self, path: str | os.PathLike[str] | Place) -> None:
        """Raises `StoreError` for what is neither a store nor a kept result, is of a newer format, or is corrupt."""
        self.path = Place.of(path)
        self._reader = Kept(self.path) if self.path.is_file() else Reader(self.path)

    def __repr__(self) -> str:
        return f"Record({str(self.path)!r}): {self.study} at {self.scale} scale, {len(self.runs)} runs"

    @property
    def kept_every(self) -> int | None:
        """About one in how many steps a kept result has; nothing where it has all, as a store has."""
        return self._reader.every if isinstance(self._reader, Kept) else None

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
        return _with_units(self._reader.metrics())

    def measure(
        self,
        measures: "Iterable[Wanted] | Wanted | None" = None,
        *,
        key: str = "final",
        runs: Iterable[int] | None = None,
        steps: Iterable[int] | None = None,
    ) -> xr.Dataset:
        """Measures of the kept networks, computed now: dimensions `run` and `step`, and those of single measures.

        `measures` are names of built-in ones, measures, or functions f(model, task) of your own (see
        `groklab.measures`); nothing means all that fit. `key` says which frequencies are key, as
        `Run.key_frequencies` does; they are the variable `key_frequency`. `runs` and `steps` (-1 for the last) choose
        among the kept networks. NaN where none was kept. Nothing is written.

        Raises `Mistake` for a measure, run or step that is not there, frequencies that the task does not have, and
        functions that cannot be measures.
        """
        from groklab.kept_measures import kept_measures

        numbers = range(len(self.runs)) if runs is None else [self._number(run) for run in runs]
        at = None if steps is None else list(steps)
        return _with_units(kept_measures(self._reader, self.runs, measures, key, numbers, at))

    def derived(self) -> xr.Dataset:
        """What the study computed of its networks together, once all had ended (`Experiment.derived`).

        Raises `Mistake` where nothing was.
        """
        found = self._reader.derived()
        if found is None:
            raise Mistake(f"{self.path} has nothing computed of its networks together; {self._derives()}")
        return found

    def steps(self, run: int = 0) -> list[int]:
        """The steps whose weights were kept."""
        return self._reader.checkpoint_steps(self._number(run))

    def model(self, run: int = 0, step: int = -1) -> "Model":
        """The network of a run after a step, -1 for the last kept.

        Raises `Mistake` for a step that was not kept, and for the linear model, which is no network.
        """
        from groklab.models import skeleton, with_parameters
        from groklab.models.settings import LinearSettings

        settings, task = self.runs[self._number(run)].model, self.problem(run)
        if isinstance(settings, LinearSettings):
            raise Mistake(f"run {run} is the linear model, no network; its weights are measured: see metrics()")
        outline = skeleton(settings, task.vocabulary, task.length)
        return with_parameters(outline, self._reader.checkpoint(self._number(run), step))

    def task(self, run: int = 0) -> Task:
        """The operation's table that a run learns. Raises `Mistake` where it learns something else: see `problem`."""
        return Task.of(self.runs[self._number(run)].task)

    def problem(self, run: int = 0) -> Problem:
        """What a run learns, be it an operation's table, a sequence task or the samples of the linear model."""
        return problem_of(self.runs[self._number(run)].task)

    def split(self, run: int = 0) -> Split:
        """Which pairs a run was trained on, with which labels."""
        settings = self.runs[self._number(run)]
        return Split.of(self.task(run), settings.split, settings.data_seed)

    def table(self) -> list[dict[str, Any]]:
        """A row a run: its settings in short, its status, when it memorised and grokked, what was measured last.

        `own` are the names of the user's own measures in it.
        """
        metrics = self.metrics()
        steps = metrics["step"].values
        never: list[int | None] = [None] * len(self.runs)
        when = {"memorised": never, "grokked": never}
        if "train_accuracy" in metrics:
            when["memorised"] = first_step(memorised(metrics["train_accuracy"].values), steps)
        if "test_accuracy" in metrics:
            when["grokked"] = first_step(grokked(metrics["test_accuracy"].values), steps)
        own = sorted(str(name) for name, one in metrics.data_vars.items() if "own" in one.attrs and one.ndim == 2)
        rows: list[dict[str, Any]] = []
        for run, status in enumerate(self.statuses):
            row: dict[str, Any] = {"run": run}
            row |= {name: values[run] for name, values in self._reader.manifest.labels.items()}
            row |= {"state": status.state, "step": status.step, "status": status.sentence}
            row |= {name: steps[run] for name, steps in when.items()}
            for name in (*TABLE, *own):
                row[name] = _last(metrics[name].values[run]) if name in metrics else None
            rows.append(row | {"own": own})
        return rows

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Writes the page of this record, one HTML file that needs no network, and gives its path."""
        from groklab.report import write_page

        return write_page([self], Path(path))

    def analysis(self) -> Analysis:
        """Findings, tables and charts that the study reads off these runs; empty for a study that is not known.

        While runs have not ended, or a variable that it reads was not measured, every finding says so: runs that end
        early do so because of what they show, so that a part of a study is no sample of it.
        """
        experiment = self._experiment()
        if experiment is None or experiment.analysis is None:
            return Analysis()
        ended = [status.ended for status in self.statuses]
        if not all(ended):
            few = f"only {sum(ended)} of {len(ended)} runs have ended; go on with the run"
            return _undecided(experiment, self.scale, few)
        missing = _missing(self.metrics(), experiment.reads)
        if missing:
            return _undecided(experiment, self.scale, f"not measured: {', '.join(missing)}")
        if experiment.derived is not None and self._reader.derived() is None:
            what = "what is computed of the networks together is not there"
            return _undecided(experiment, self.scale, f"{what}; {self._derives()}")
        return experiment.analysis(self)

    def findings(self) -> "tuple[Finding, ...]":
        """What these runs say of the study's claims, one finding a claim; none for a study that is not known."""
        return tuple(self.analysis().findings)

    def keep(
        self, path: str | os.PathLike[str], *, only: Sequence[str] | None = None, every: int | None = None
    ) -> Path:
        """Writes a small file of what was measured, without the networks, which `groklab.open` reads; gives its path.

        `only` names the variables, by default those that the study's analysis reads; `every` thins the steps to about
        one in that many (see `groklab.store.keep`). Raises `Mistake` for a variable that is not there.
        """
        return keep(self._reader, Path(path), self._read_by_analysis() if only is None else only, every)

    def _derives(self) -> str:
        """What to do where nothing was computed of the networks together."""
        experiment = self._experiment()
        if experiment is None or experiment.derived is None:
            return f"{self.study} is not a study that does so"
        return "go on with its run, which does so once all runs have ended"

    def _experiment(self) -> "Experiment | None":
        # Studies read records, and are many: they are looked up only when asked for.
        from groklab.studies.study import catalogue

        return catalogue().get(self.study)

    def _read_by_analysis(self) -> list[str]:
        metrics, experiment = self.metrics(), self._experiment()
        if experiment is None or not experiment.reads:
            return [str(name) for name, values in metrics.data_vars.items() if set(values.dims) <= {"run", "step"}]
        missing = _missing(metrics, experiment.reads)
        if missing:
            wanted = f"{self.path} has no {', '.join(missing)}, which {self.study} reads"
            raise Mistake(f"{wanted}; go on with its run first, or say what to keep with --only")
        if experiment.derived is not None:
            self.derived()
        return [*experiment.reads, *(name for name in TABLE if name in metrics)]

    def _metas(self) -> list[tuple[Sequence[int], Mapping[str, Any]]]:
        """What was said of every batch that has begun, with its runs' numbers."""
        batches = self._reader.manifest.batches
        return [(batches[name], found.meta) for name, found in self._reader.stands().items() if found is not None]

    def _number(self, run: int) -> int:
        if not -len(self.runs) <= run < len(self.runs):
            raise Mistake(f"{self.path} has runs 0 to {len(self.runs) - 1}, not {run}")
        return run % len(self.runs)


def open(path: str | os.PathLike[str] | Place) -> Record:
    """The record of an existing store (a folder, or s3://BUCKET/PREFIX) or kept result, read only.

    Raises `StoreError` when there is none.
    """
    return Record(path)


def _undecided(experiment: "Experiment", scale: str, sentence: str) -> Analysis:
    """Of every claim that its runs are not far enough."""
    return Analysis(findings=tuple(not_run(claim, scale=scale, sentence=sentence) for claim in experiment.claims))


def _missing(metrics: xr.Dataset, names: Sequence[str]) -> list[str]:
    """Those of the variables that were not measured in any run."""
    return [name for name in names if name not in metrics or not bool(metrics[name].notnull().any())]


def _with_units(metrics: xr.Dataset) -> xr.Dataset:
    for name, (units, description) in COORDINATES.items():
        if name in metrics.coords:
            metrics[name].attrs |= {"units": units, "description": description}
    return metrics


def _last(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else None
