"""A record without a store: what five grokking runs measure, made up in closed form."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from groklab.findings import Analysis
from groklab.settings import Settings
from groklab.studies import find
from groklab.training.status import Status


@dataclass
class FakeRecord:
    path: Path
    dataset: xr.Dataset
    runs: tuple[Settings, ...]
    statuses: tuple[Status, ...]
    study: str = "nanda/mainline"
    scale: str = "laptop"
    together: xr.Dataset | None = None
    provenance: list[dict[str, Any]] = field(
        default_factory=lambda: [{"started": "2026-01-02T03:04:05", "versions": {"groklab": "0.1.0", "jax": "0.10"}}]
    )

    def metrics(self) -> xr.Dataset:
        return self.dataset

    def derived(self) -> xr.Dataset:
        assert self.together is not None
        return self.together

    def table(self) -> list[dict[str, Any]]:
        last = self.dataset.isel(step=-1)
        rows: list[dict[str, Any]] = []
        for run, status in enumerate(self.statuses):
            row: dict[str, Any] = {"run": run, "seed": run, "task": "add:53", "train_size": 1123}
            row |= {"weight_decay": 1.0, "learning_rate": 3e-3, "state": status.state, "step": status.step}
            row |= {"status": status.sentence, "memorised": None if status.bad else 300}
            row |= {"grokked": None if status.bad else 2000 + run}
            names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "trig_share")
            row |= {name: float(last[name][run]) if name in last else None for name in names}
            rows.append(row)
        return rows

    def analysis(self) -> Analysis:
        return Analysis()

    def report(self, path: str | Path) -> Path:
        from groklab.report import write_page

        return write_page([self], path)


def fake_record(
    path: Path = Path("runs/fake"),
    *,
    runs: int = 5,
    points: int = 121,
    group: bool = True,
    diverged: int | None = None,
) -> FakeRecord:
    """`points` logged steps, 50 apart; no Fourier variables without a group; one run may diverge."""
    rng = np.random.default_rng(0)
    step = np.arange(points) * 50
    when = 2000 + 400 * rng.standard_normal((runs, 1))
    learnt = 1 / (1 + np.exp(-(step - when) / 250))
    memorised = 1 - np.exp(-step / 80.0)
    variables = {
        "train_loss": (4 * np.exp(-step / 60.0) + 1e-7 * (1.1 + np.sin(step / 300 + when)), "nats"),
        "test_loss": (4 + 8 * memorised - (12 - 1e-4) * learnt, "nats"),
        "train_accuracy": (np.broadcast_to(memorised, learnt.shape), "1"),
        "test_accuracy": (0.05 + 0.3 * memorised * (1 - learnt) + 0.95 * learnt, "1"),
        "sum_of_squares": (600 + 2500 * memorised * (1 - 0.7 * learnt), "1"),
        "test_margin": (-6 + 20 * learnt, "nats"),
        "train_margin": (15 * memorised + 2 * learnt, "nats"),
        "mirror_accuracy_trained": (0.5 * memorised + 0.5 * learnt, "1"),
        "mirror_accuracy_untrained": (learnt, "1"),
        "train_margin_spread": (1 + memorised + 0 * learnt, "nats"),
        "test_margin_spread": (1 + learnt, "nats"),
    }
    if group:
        variables["trig_share"] = (0.95 * learnt, "1")
        variables["gini_embedding"] = (0.1 + 0.6 * learnt, "1")
        variables["gini_neuron_logit"] = (0.2 + 0.6 * learnt, "1")
    arrays = {
        name: (
            ("run", "step"),
            values.astype(np.float32),
            {"units": units, "description": f"The {name}, made up."},
        )
        for name, (values, units) in variables.items()
    }
    dataset = xr.Dataset(arrays, {"run": np.arange(runs), "step": step, "seed": ("run", np.arange(runs))})
    matrices = ["embed.W_E", "blocks.0.mlp.W_in", "unembed.W_U"]
    norms = np.sqrt(dataset["sum_of_squares"].values[..., None] * [0.5, 0.3, 0.2])
    dataset["matrix_norm"] = (
        ("run", "step", "matrix"),
        norms.astype(np.float32),
        {"units": "1", "description": "Norm."},
    )
    dataset = dataset.assign_coords(matrix=matrices)
    if group:
        frequency = np.arange(1, 27)
        keys = np.stack([np.isin(frequency, rng.choice(frequency, 5, replace=False)) for _ in range(runs)])
        grown = 1 + learnt[..., None] * (6 * keys[:, None, :] - 0.9)
        dataset = dataset.assign_coords(frequency=frequency)
        for name in ("embedding_norm", "neuron_logit_norm"):
            attributes = {"units": "1", "description": f"The {name} by frequency."}
            dataset[name] = (("run", "step", "frequency"), grown.astype(np.float32), attributes)
    statuses = [Status(state="finished", step=int(step[-1]), sentence="grokked at step 2,000") for _ in range(runs)]
    if diverged is not None:
        sentence = "diverged at step 812: the loss was not a number"
        statuses[diverged] = Status(state="diverged", step=812, sentence=sentence)
        for values in dataset.data_vars.values():
            values[diverged, step > 812] = np.nan
    settings = find("nanda/mainline")("laptop", runs).runs
    return FakeRecord(path=path, dataset=dataset, runs=settings, statuses=tuple(statuses))
