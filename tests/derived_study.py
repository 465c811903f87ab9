"""A study with forks that computes something of its networks together, here and in processes elsewhere."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from groklab.models import TransformerSettings
from groklab.record import Record
from groklab.studies import Experiment, Study, catalogue
from groklab.tasks import SplitSettings, TaskSettings
from groklab.training import Intervention, Run, Schedule

NAME = "test/derived"
REFERENCE = Run(
    task=TaskSettings(operation="add", modulus=7),
    split=SplitSettings(fraction=0.6),
    model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
    steps=3000,
    logging=Schedule(every=100, growth=1),
    checkpoints=Schedule(every=500, growth=1),
)
FORKS = tuple(
    replace(REFERENCE, intervention=change)
    for change in (Intervention(change="order", at=1000), Intervention(change="decay", at=1234))
)
STUDY = Study(name=NAME, scale="laptop", runs=(REFERENCE, *FORKS, replace(REFERENCE, seed=1, steps=2500)))
LOST = "the process that derived it was killed"
"""A file beside a store: the first process on a cluster that derives anything there makes it, and dies."""


def distances(record: Record) -> xr.Dataset:
    """How far each last network's embedding is from the first one's, run by run."""
    lost = Path(record.path).parent / LOST
    if b"ray::" in Path("/proc/self/cmdline").read_bytes() and not lost.exists():
        lost.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    weights: list[Any] = [np.asarray(record.model(run).W_E) for run in range(len(record.runs))]
    found = [float(np.linalg.norm(one - weights[0])) for one in weights]
    said = {"units": "1", "description": "Distance from the first run's embedding."}
    return xr.Dataset({"distance": ("run", np.array(found), said)}, {"run": np.arange(len(found))})


class Known:
    """Has every process that it is sent to know the study."""

    def __reduce__(self) -> tuple[Any, ...]:
        return arrived, ()


def arrived() -> Known:
    catalogue()[NAME] = experiment()
    return Known()


def experiment(derived: Any = distances) -> Experiment:
    """The study, as it is known."""
    return Experiment(
        name=NAME,
        source="Nobody 2020",
        summary="Forks, and how far they go.",
        costs={"laptop": "nothing", "paper": "nothing"},
        seeds=1,
        runs=lambda scale, seeds: iter(STUDY.runs),
        derived=derived,
    )
