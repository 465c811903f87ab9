"""A study: one experiment of a paper as a function from a scale to runs, found by its file."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Literal, get_args

from groklab.errors import Mistake, unknown
from groklab.findings.claim import Claim
from groklab.training.settings import Run

if TYPE_CHECKING:
    import xarray

    from groklab.findings import Analysis
    from groklab.record import Record

Scale = Literal["laptop", "paper"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """The runs of one experiment at one scale, ready to be trained."""

    name: str
    """Where the experiment stands: `paper/experiment`, such as `nanda/mainline`."""
    scale: Scale
    """`laptop` shows the phenomenon in minutes on two cores; `paper` is the published setting."""
    runs: tuple[Run, ...]
    """One network each."""

    def replace(self, changes: Mapping[str, object]) -> "Study":
        """This study with fields replaced in every run; see `groklab.settings.Settings.replace`."""
        return Study(name=self.name, scale=self.scale, runs=tuple(run.replace(changes) for run in self.runs))


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What a study file defines: called with a scale (and a number of seeds) it gives the `Study`."""

    name: str
    """`paper/experiment`, from the file's place."""
    source: str
    """Paper and figure."""
    summary: str
    """One sentence."""
    costs: Mapping[Scale, str]
    """What each scale costs, in words."""
    seeds: int
    """Runs of each setting when nothing else is asked."""
    claims: tuple[Claim, ...] = ()
    """The claims it tests."""
    choices: tuple[str, ...] = ()
    """What was chosen where the paper is silent or a smaller scale asks for it, a sentence each."""
    runs: Callable[[Scale, int], Iterator[Run]]
    """The runs of a scale for a number of seeds."""
    reads: tuple[str, ...] = ()
    """The variables that its analysis reads; nothing means those without a dimension beyond run and step."""
    analysis: "Callable[[Record], Analysis] | None" = None
    """What reads tables and findings off its runs; nothing where its runs are looked at otherwise."""
    derived: "Callable[[Record], xarray.Dataset] | None" = None
    """What is computed of networks of several runs together, once, when all have ended: kept in the store and in kept
    results, and read with `record.derived()`. The same store must give the same dataset."""
    run_with: str = ""
    """The other paper whose studies it is run and listed with; nothing for its own."""

    @property
    def group(self) -> str:
        """The paper whose studies it is run and listed with."""
        return self.run_with or self.paper

    @property
    def paper(self) -> str:
        """The paper that it is of, such as `nanda`."""
        return self.name.partition("/")[0]

    def __call__(self, scale: str = "laptop", seeds: int | None = None, **changes: object) -> Study:
        """The study at a scale. `changes` replace fields of every run, by their last name: `steps=2000`.

        Raises `Mistake` for a scale that is not known, fewer than one seed, or a field that does not fit.
        """
        if scale not in get_args(Scale):
            raise Mistake(f"no scale is called {scale!r}; known: {', '.join(get_args(Scale))}")
        count = self.seeds if seeds is None else seeds
        if count < 1:
            raise Mistake(f"seeds must be at least 1, not {count}")
        known: Scale = "paper" if scale == "paper" else "laptop"
        return Study(name=self.name, scale=known, runs=tuple(self.runs(known, count))).replace(changes)


def experiment(
    *,
    source: str,
    laptop: str,
    paper: str,
    seeds: int = 5,
    claims: Iterable[Claim] = (),
    choices: Iterable[str] = (),
    reads: Iterable[str] = (),
    analysis: "Callable[[Record], Analysis] | None" = None,
    derived: "Callable[[Record], xarray.Dataset] | None" = None,
    run_with: str = "",
) -> Callable[[Callable[[Scale, int], Iterator[Run]]], Experiment]:
    """Turns a generator of runs into an `Experiment`; its name is its file's, its summary the docstring's first line.

    `laptop` and `paper` say in words what the scales cost; `analysis` reads findings on `claims` off a record, from the
    variables named in `reads`; `derived` computes what needs the networks of several runs; `run_with` is another paper
    whose studies it is run and listed with.
    """

    def wrap(runs: Callable[[Scale, int], Iterator[Run]]) -> Experiment:
        return Experiment(
            name="/".join(runs.__module__.split(".")[-2:]),
            source=source,
            summary=(runs.__doc__ or "").strip().splitlines()[0],
            costs={"laptop": laptop, "paper": paper},
            seeds=seeds,
            claims=tuple(claims),
            choices=tuple(choices),
            reads=tuple(reads),
            runs=runs,
            analysis=analysis,
            derived=derived,
            run_with=run_with,
        )

    return wrap


def experiments_in(package: str, path: Iterable[str]) -> dict[str, Experiment]:
    """The experiments of a package of study files, by the last part of their names."""
    modules = [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(path)]
    found = [value for module in modules for value in _experiments(module)]
    return {value.name.rpartition("/")[2]: value for value in found}


@cache
def catalogue() -> dict[str, Experiment]:
    """Every experiment there is, by name, sorted."""
    studies = importlib.import_module("groklab.studies")
    papers = [info.name for info in pkgutil.iter_modules(studies.__path__) if info.ispkg]
    packages = [importlib.import_module(f"groklab.studies.{paper}") for paper in papers]
    found = [value for package in packages for value in _experiments(package)]
    return {value.name: value for value in sorted(found, key=lambda value: value.name)}


def papers() -> dict[str, str]:
    """The groups of studies by name, each with its package's one line."""
    packages = {
        name: importlib.import_module(f"groklab.studies.{name}") for name in {e.paper for e in catalogue().values()}
    }
    return {name: (packages[name].__doc__ or "").strip().splitlines()[0] for name in sorted(packages)}


def named(name: str) -> tuple[Experiment, ...]:
    """All experiments run with the paper of that name, or the one of that name. Raises `Mistake` where none is."""
    return tuple(value for value in catalogue().values() if value.group == name) or (find(name),)


def find(name: str) -> Experiment:
    """The experiment of that name. Raises `Mistake` with the nearest names, papers too, when there is none."""
    known = catalogue()
    if name in known:
        return known[name]
    group = [value.name for value in known.values() if value.group == name]
    if group:
        raise Mistake(f"{name} is a paper, not a study; its studies are {', '.join(group)}")
    raise unknown("study", name, {*known, *(value.paper for value in known.values())})


def _experiments(module: ModuleType) -> list[Experiment]:
    return [value for value in vars(module).values() if isinstance(value, Experiment)]
