"""Records of studies without training: each run's measures made up from its settings."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from fake_record import FakeRecord
from groklab.record import TABLE
from groklab.studies import Scale, find
from groklab.training.plan import with_parents
from groklab.training.settings import Run
from groklab.training.status import Status
from groklab.training.train_size import train_size

Values = Mapping[str, float | np.ndarray]
STEPS = np.arange(0, 1001, 20)
ZERO = (
    "train_accuracy", "test_accuracy", "train_loss", "test_loss", "sum_of_squares", "trig_share", "gen_logit",
    "mem_logit", "gen_lead", "mem_lead", "train_margin", "mirror_accuracy_trained", "mirror_accuracy_untrained",
)  # fmt: skip


def made_up(
    name: str,
    values: Callable[[Run], Values],
    *,
    seeds: int = 3,
    path: Path = Path("runs/none"),
    steps: np.ndarray = STEPS,
    scale: Scale = "laptop",
) -> FakeRecord:
    """A record of a study's own runs; what `values` leaves out is 1 for train accuracy and 0 for everything else."""
    runs = with_parents(find(name)(scale, seeds).runs)
    measures = [{"train_accuracy": 1.0} | dict(values(run)) for run in runs]
    names = dict.fromkeys([*ZERO, *(key for one in measures for key in one)])
    arrays: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for key in names:
        if any(np.ndim(one.get(key, 0.0)) == 2 for one in measures) or key == "key_frequency":
            arrays[key] = (
                ("run", "frequency") if key == "key_frequency" else ("run", "step", "frequency"),
                np.stack([np.asarray(one[key], float) for one in measures]),
            )
        else:
            arrays[key] = (
                ("run", "step"),
                np.stack([np.broadcast_to(np.asarray(one.get(key, 0.0), float), len(steps)) for one in measures]),
            )
    dataset = xr.Dataset(
        arrays,
        {
            "run": np.arange(len(runs)),
            "step": steps,
            "seed": ("run", [run.seed for run in runs]),
            "train_size": ("run", [train_size(run) for run in runs]),
            "weight_decay": ("run", [run.optimiser.weight_decay for run in runs]),
        },
    )
    # A kept result has no more than this.
    experiment = find(name)
    if experiment.reads:
        dataset = dataset[[key for key in dataset.data_vars if key in (*experiment.reads, *TABLE)]]
    if "frequency" in dataset.dims:
        dataset = dataset.assign_coords(frequency=np.arange(1, dataset.sizes["frequency"] + 1))
    statuses = tuple(Status(state="finished", step=int(steps[-1]), sentence="made up") for _ in runs)
    # Nothing was computed of networks that were not trained.
    together = None if experiment.derived is None else xr.Dataset(coords={"network": np.zeros(0, int)})
    return FakeRecord(
        path=path, dataset=dataset, runs=runs, statuses=statuses, study=name, scale=scale, together=together
    )


def rise(size: float, half: float, width: float = 2.0) -> float:
    """A logistic function of log size, from a tenth to nine tenths over a factor `width`."""
    return float(1 / (1 + (half / size) ** (2 * np.log(9) / np.log(width))))
