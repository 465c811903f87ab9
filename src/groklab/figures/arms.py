"""Runs of a record in arms: those that differ in nothing but the seed and, where it is asked, the training set."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.models.settings import MLPSettings
from groklab.studies.reading import Reading
from groklab.tasks import Task
from groklab.training.settings import Run

SEEDS = ("seed", "split.seed", "steps", "key_frequencies", "split.size", "split.fraction", "split.indices")
"""Settings that tell no arm from another: chance, budget, and the training set's size."""
FOLDED = ("task.", "start.", "intervention.", "logging.", "checkpoints.", "stop.")
"""Groups of settings that tell none, or are told in other words."""
WORDS = {"optimiser.weight_decay": "decay", "split.held_out": "held out"}
EVERY = "all networks"
"""The name of an arm where there is one."""


def leaves(read: Reading) -> Bool[np.ndarray, " run"]:
    """Whether no other run of the record starts from a run."""
    parents = {run.start for run in read.runs if run.start is not None}
    return np.array([run not in parents for run in read.runs], dtype=bool)


def ended(read: Reading) -> Bool[np.ndarray, " run"]:
    """Whether each run has ended: one that has not is at no final accuracy yet."""
    done = {run for run, status in zip(read.record.runs, read.record.statuses, strict=True) if status.ended}
    return np.array([run in done for run in read.runs], dtype=bool)


def right_pairs(read: Reading) -> Float[np.ndarray, " run"]:
    """Pairs that each run is trained on with their right answers; NaN where the record does not say its size."""
    if "train_size" not in read.metrics.coords:
        return np.full(len(read.runs), np.nan)
    noise = np.array([run.split.noise for run in read.runs], dtype=float)
    return np.round(read.metrics["train_size"].values.astype(float) * (1 - noise))


def operations(read: Reading) -> list[str]:
    """What each run learns: `add:59`."""
    return [Task.of(run.task).name for run in read.runs]


def arms(
    read: Reading, chosen: Bool[np.ndarray, " run"], *, by_size: bool = False, by_task: bool = True
) -> dict[str, Int[np.ndarray, " arm"]]:
    """The numbers of the chosen runs by what tells them apart beyond the seed, in words; smaller sizes first.

    `by_size` tells training-set sizes apart as well, `by_task` what is learned. An ungrokking study has names of its
    own for its arms.
    """
    numbers, sizes = np.flatnonzero(chosen).tolist(), right_pairs(read)
    several_sizes = by_size and len(np.unique(sizes[numbers])) > 1
    names = _names(read, numbers, by_task)
    found: dict[str, list[int]] = {}
    for number in sorted(numbers, key=lambda run: sizes[run]) if several_sizes else numbers:
        parts = [names[number]] if names[number] else []
        if several_sizes:
            parts.append(f"{sizes[number]:,.0f} pairs")
        found.setdefault(", ".join(parts) or EVERY, []).append(number)
    return {name: np.array(runs) for name, runs in found.items()}


def _names(read: Reading, numbers: list[int], by_task: bool) -> dict[int, str]:
    if read.record.study == "varma/ungrokking":
        from groklab.studies.varma._ungrokking import arm

        return {number: arm(read.runs[number]) for number in numbers}
    told = {number: _told(read.runs[number], by_task) for number in numbers}
    paths = list(dict.fromkeys(path for settings in told.values() for path in settings))
    varied = [path for path in paths if len({repr(settings.get(path)) for settings in told.values()}) > 1]
    return {
        number: ", ".join(words for path in varied if (words := _words(path, settings.get(path))))
        for number, settings in told.items()
    }


def _told(run: Run, by_task: bool) -> dict[str, Any]:
    """The settings by which runs are told apart."""
    found: dict[str, Any] = {"task": Task.of(run.task).name} if by_task else {}
    found["network"] = "MLP" if isinstance(run.model, MLPSettings) else "transformer"
    flat = run.flat()
    found |= {path: value for path, value in flat.items() if path not in SEEDS and not path.startswith(FOLDED)}
    found["start"] = "from random weights" if run.start is None else "continued"
    found["intervention"] = "" if run.intervention is None else run.intervention.name
    found["split.noise"] = "wrong labels" if run.split.noise > 0 else ""
    return found


def _words(path: str, value: Any) -> str:
    if path == "split.labels":
        return f"{value} labels"
    if path in ("task", "network", "start", "intervention", "split.noise"):
        return str(value)
    name = WORDS.get(path, path.rpartition(".")[2].replace("_", " "))
    if value is None or isinstance(value, bool):
        return name if value else ""
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
