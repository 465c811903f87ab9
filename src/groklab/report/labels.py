"""What runs are called on the page, and which of them are one arm: alike in all but their seeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from groklab.style import arm_numbers, run_colours

if TYPE_CHECKING:
    from groklab.record import Record

SEEDS = ("seed", "data_seed")
"""Settings that only say which of several equal networks a run is."""
CHANGE = "what is changed in training"
"""The name under which a run's intervention is told, in its own words."""

Settings = Sequence[Mapping[str, Any]]


def labelled(record: "Record") -> xr.Dataset:
    """The record's dataset, with each run's colour and, in a sweep, its name (`label`) and that of its arm (`arm`).

    A record is a sweep where its runs differ in more than seeds. An arm's name says what sets it apart from the usual:
    the settings that more than half of the runs share go without saying, unless nothing else is left. The colour
    (`colour`) and the arm's number (`arm_number`) stay with a run when some runs are chosen.
    """
    metrics = record.metrics()
    kinds = [
        {
            "network": type(run.model).__name__.removesuffix("Settings"),
            CHANGE: None if run.intervention is None else run.intervention.name,
        }
        for run in record.runs
    ]
    differing = telling([kind | run.flat() for kind, run in zip(kinds, record.runs, strict=True)])
    if not differing:
        return _coloured(metrics)
    arms = _arms(list(zip(*differing, strict=True)), [_usual(words) for words in differing])
    seeds = [run.seed for run in record.runs]
    names = [
        f"run {run} · {arm}" + (f" · seed {seed}" if len(set(seeds)) > 1 else "")
        for run, arm, seed in zip(metrics["run"].values.tolist(), arms, seeds, strict=True)
    ]
    return _coloured(metrics.assign_coords(label=("run", names), arm=("run", arms)))


def telling(runs: Settings) -> list[list[str]]:
    """Each setting that differs between runs and is no seed, in words for every run: `weight decay 0.5`.

    Of settings that change together in all runs, the first alone is named.
    """
    found: list[list[str]] = []
    partitions: list[list[int]] = []
    for name in dict.fromkeys(name for settings in runs for name in settings):
        last = name.rpartition(".")[2]
        if last in SEEDS or name.startswith(("start.", "intervention")):
            continue
        values = [repr(settings.get(name)) for settings in runs]
        order = list(dict.fromkeys(values))
        partition = [order.index(value) for value in values]
        if len(order) > 1 and partition not in partitions:
            partitions.append(partition)
            found.append([_words(last, settings.get(name)) for settings in runs])
    return found


def _arms(runs: Sequence[tuple[str, ...]], usual: Sequence[str | None]) -> list[str]:
    """Each run's arm by name, from what its settings and the usual ones are in words; arms that differ differ in it."""
    whole = {run: " · ".join(filter(None, run)) or "the others" for run in runs}
    short = {
        run: " · ".join(one for one, other in zip(run, usual, strict=True) if one and one != other) or whole[run]
        for run in runs
    }
    names = short if len(set(short.values())) == len(short) else whole
    return [names[run] for run in runs]


def _usual(words: Sequence[str]) -> str | None:
    """What more than half of the runs have; nothing where there is no such."""
    ((most, count),) = Counter(words).most_common(1)
    return most if 2 * count > len(words) else None


def _coloured(metrics: xr.Dataset) -> xr.Dataset:
    return metrics.assign_coords(colour=("run", run_colours(metrics)), arm_number=("run", arm_numbers(metrics)))


def _words(name: str, value: Any) -> str:
    """A setting in words; nothing where it is not set."""
    if value is None or value == ():
        return ""
    spaced = name.replace("_", " ")
    if name in ("network", CHANGE) or (isinstance(value, str) and ":" in value):
        return str(value)
    if isinstance(value, bool):
        return spaced if value else f"no {spaced}"
    if isinstance(value, float):
        return f"{spaced} {value:.4g}"
    if isinstance(value, tuple | list):
        return f"{spaced} {' '.join(map(str, value))}"
    return f"{spaced} {value}"
