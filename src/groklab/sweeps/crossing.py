"""From a sweep's file to the runs: those of a study, crossed with arms and grid."""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from groklab.errors import Mistake
from groklab.studies import Experiment, Study, find
from groklab.sweeps.file import Sweep, load, naming
from groklab.training.plan import check, with_parents
from groklab.training.settings import Run

MOST = 10_000
"""Runs that one sweep may have."""
GROUP = "sweeps"
"""What stands before a sweep's name in the store, where a study's paper stands."""


def read(path: str | os.PathLike[str]) -> Study:
    """The study that a sweep's file describes, with every run made and checked; nothing heavy is imported.

    Its name is `sweeps/NAME`, so that its runs answer no claims of the study that they vary. The runs go through arms,
    then the grid (its last field changes fastest), then the study's own runs. Raises `Mistake`, naming the file and
    the key, for a file that cannot be read, keys, fields and studies that are not known, values that do not fit, tasks
    and training sets that cannot be, and runs that would be the same.
    """
    path = Path(path)
    sweep = load(path)
    with naming(path):
        experiment = find(sweep.study)
        base = _runs(experiment, sweep)
        settings = list(_settings(sweep, base[0]))
        count = len(settings) * len(base)
        if count > MOST:
            raise Mistake(f"{count:,} runs are asked for, and a sweep has at most {MOST:,}; make it several files")
        runs = [run for values in settings for run in _made(values, base)]
        if len(set(runs)) < len(runs):
            raise _same(experiment, base, settings)
    return Study(name=f"{GROUP}/{sweep.name}", scale="paper" if sweep.scale == "paper" else "laptop", runs=tuple(runs))


def _runs(experiment: Experiment, sweep: Sweep) -> tuple[Run, ...]:
    """The study's own runs, at the seeds asked for."""
    if sweep.seeds is None or isinstance(sweep.seeds, int):
        return experiment(sweep.scale, sweep.seeds).runs
    one = experiment(sweep.scale, 1).runs
    with naming("seeds"):
        return tuple(_seeded(run, seed) for run in one for seed in sweep.seeds)


def _seeded(run: Run, seed: int) -> Run:
    """The run with another seed, and so the one that it starts from."""
    return replace(run, seed=seed, start=None if run.start is None else _seeded(run.start, seed))


def _settings(sweep: Sweep, like: Run) -> Iterator[dict[str, Any]]:
    """The fields of each setting by full path: those that all have, of an arm, and of a point of the grid."""
    fixed = _fitted("set", sweep.fixed, like)
    axes = {
        path: [_value(f"grid.{name}", like, path, value) for value in values]
        for name, values in sweep.grid.items()
        for path in (_path("grid", name, like),)
    }
    arms = [_fitted(f"arm {number}", arm, like) for number, arm in enumerate(sweep.arms, start=1)]
    _must_be_apart({"[set]": fixed, "[grid]": axes} | {f"[[arm]] {n}": arm for n, arm in enumerate(arms, start=1)})
    if len(axes) < len(sweep.grid):
        raise Mistake(f"[grid] gives a field twice, under two names: {', '.join(sweep.grid)}")
    for path, values in axes.items():
        for value in values:
            if values.count(value) > 1:
                raise Mistake(f"grid.{path} has {value!r} twice; give each value once")
    if math.prod(map(len, axes.values())) * len(arms) > MOST:
        raise Mistake(
            f"the grid has {math.prod(map(len, axes.values())) * len(arms):,} settings, and a sweep at most {MOST:,} "
            "runs; make it several files"
        )
    for arm in arms:
        for point in product(*axes.values()):
            yield fixed | arm | dict(zip(axes, point, strict=True))


def _fitted(where: str, fields: Mapping[str, Any], like: Run) -> dict[str, Any]:
    """Fields by full path, with values in the fields' types."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        path = _path(where, name, like)
        if path in found:
            raise Mistake(f"{where} gives {path} twice; give it once")
        found[path] = _value(f"{where}.{name}", like, path, value)
    return found


def _path(where: str, name: str, like: Run) -> str:
    with naming(where):
        path = like.resolve(name)
        if path == "seed":
            raise Mistake("seeds stand at the top of the file, seeds = 5 or seeds = [0, 1, 2]; leave seed out here")
        return path


def _value(key: str, like: Run, path: str, value: Any) -> Any:
    """A value in its field's type; the word "null", where it can be no value, stands for nothing."""
    try:
        return like.fitted(path, value)
    except Mistake as mistake:
        if value == "null":
            with suppress(Mistake):
                return like.fitted(path, None)
        several = "; several values stand under [grid]" if isinstance(value, list) and key.startswith("set.") else ""
        raise Mistake(f"{key}{str(mistake).removeprefix(path)}{several}") from None


def _must_be_apart(parts: Mapping[str, Iterable[str]]) -> None:
    """Raises `Mistake` for a field that two parts of the file give, different arms excepted."""
    first: dict[str, str] = {}
    for where, paths in parts.items():
        for path in paths:
            other = first.setdefault(path, where)
            if other != where and not (other.startswith("[[arm]]") and where.startswith("[[arm]]")):
                raise Mistake(f"{path} stands in {other} and in {where}; give it once")


def _made(values: Mapping[str, Any], base: Iterable[Run]) -> list[Run]:
    """The study's runs at a setting. Raises `Mistake`, saying which setting it is, for runs that cannot be."""
    words = ", ".join(f"{path} = {'null' if value is None else value}" for path, value in values.items())
    with naming(f"with {words}") if words else naming():
        runs = [run.replace(values) for run in base]
        check(with_parents(runs))
        return runs


def _same(experiment: Experiment, base: tuple[Run, ...], settings: list[dict[str, Any]]) -> Mistake:
    """Why some of the runs are the same, as far as it can be told."""
    for path in settings[0]:
        if len({repr(run.flat().get(path)) for run in base}) > 1:
            return Mistake(
                f"{experiment.name} varies {path} itself, so that some runs are the same once it is given here; "
                "leave it out, or take a study that keeps it"
            )
    return Mistake(f"some of the {len(settings) * len(base)} runs are the same; give each setting and each seed once")
