"""A study that is not in the catalogue, and stores of it that nobody trained: curves in closed form."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from groklab.findings import Analysis, Chart, Claim, Table, by_interval, by_seeds
from groklab.record import Record
from groklab.store import Folder, Manifest, Variable
from groklab.studies import Experiment, catalogue
from groklab.tasks.settings import TaskSettings
from groklab.training.settings import Run

NAME = "fake/small"
STEPS = np.array([0, 1, 2, 4, 8, 16, 32, 50, 100, 150, 200, 250, 300])
GROKS = Claim(
    identifier="fake.groks",
    source="Nobody 2020, section 1",
    claim="Networks grok | suddenly.",
    published="all",
    how="Share of the networks with test accuracy above 0.99",
    criterion="At least 80% of them.",
)
LOSS = Claim(
    identifier="fake.loss",
    source="Nobody 2020, figure 2",
    claim="The last test loss is near one millionth.",
    published=None,
    how="Mean of the last test losses.",
    criterion="The interval lies between 1e-7 and 1e-5.",
)
SESSION = {
    "versions": {"python": "3.11.9", "groklab": "0.1.0", "torch": None},
    "commit": {"hash": "0123456789abcdef", "dirty": True},
    "platform": "Linux",
    "cpu": "A processor",
    "cores": 2,
    "device": "cpu",
    "started": "2026-01-02T03:04:05+00:00",
    "seconds": 75.0,
    "compiling_seconds": 15.0,
    "measuring_seconds": 5.0,
    "run_steps": 600,
    "steps_per_second": 8.0,
}
VARIABLES = {
    "train_loss": ((), "nats", "Mean cross-entropy on the train pairs."),
    "test_loss": ((), "nats", "Mean cross-entropy on the test pairs."),
    "test_accuracy": ((), "1", "Share of right answers: ½ ≤ all."),
    "norms": (("irrep",), "1", "Norm by irrep ρ."),
}


def analyse(record: Record) -> Analysis:
    metrics = record.metrics()
    known = [values[~np.isnan(values)] for values in metrics["test_loss"].values]
    last = np.array([values[-1] for values in known if len(values)])
    groks = (metrics["test_accuracy"] > 0.99).any("step").values
    points = {
        f"run {run}": [(float(s), float(v)) for s, v in zip(metrics["step"], values, strict=True)]
        for run, values in enumerate(metrics["test_loss"].values)
    }
    findings = (
        by_seeds(GROKS, groks, scale=record.scale, sentence=f"{groks.sum()} of {len(groks)} networks grok"),
        by_interval(
            LOSS,
            float(last.mean()),
            (float(last.min()), float(last.max())),
            allowed=(1e-7, 1e-5),
            units="nats",
            seeds=len(last),
            scale=record.scale,
            sentence="as low as claimed",
        ),
    )
    rows = [
        (run, status.step, float(loss)) for run, (status, loss) in enumerate(zip(record.statuses, last, strict=False))
    ]
    table = Table(
        title="Every run", columns=("run", "step", "test loss (nats)"), rows=[*rows, (9, None, None)], note="Made up"
    )
    charts = [
        Chart(title="Test loss", x="step", y="test loss (nats)", series=points, log_y=True),
        Chart(title="Nothing", x="x", y="y", series={"none": [(0.0, float("nan"))]}),
    ]
    return Analysis(findings=findings, tables=[table], charts=charts, remarks=["Nothing else was seen"])


def runs(scale: str, seeds: int) -> Iterator[Run]:
    for seed in range(seeds):
        yield Run(task=TaskSettings(modulus=5), seed=seed, steps=300 if scale == "laptop" else 600)


def experiment(name: str = NAME) -> Experiment:
    return Experiment(
        name=name,
        source="Nobody 2020",
        summary="A study of nothing.",
        costs={"laptop": "nothing", "paper": "a little"},
        seeds=3,
        claims=(GROKS, LOSS),
        choices=("Nothing was chosen",),
        reads=("test_loss", "test_accuracy"),
        runs=runs,
        analysis=analyse,
    )


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The study, in the catalogue for the time of a test."""
    monkeypatch.setitem(sys.modules, "groklab.studies.fake", ModuleType("fake", "Studies of nothing."))
    monkeypatch.setitem(catalogue(), NAME, experiment())
    return catalogue()[NAME]


def store(
    path: Path,
    *,
    study: str = NAME,
    scale: str = "laptop",
    count: int = 3,
    ended: int = 3,
    variables: Sequence[str] = tuple(VARIABLES),
    diverges: int = 1,
) -> Path:
    """Writes a store of two batches, the last run in the second; only the first `ended` runs have begun and ended.

    One run diverges at step 100.
    """
    settings = tuple(runs(scale, count))
    manifest = Manifest(
        study=study,
        scale=scale,
        runs=[run.to_json() for run in settings],
        batches={"a": list(range(count - 1)), "b": [count - 1]},
        labels={"seed": [run.seed for run in settings], "task": ["add:5"] * count},
    )
    described = [
        Variable(name=name, dims=dims, units=units, description=words)
        for name, (dims, units, words) in VARIABLES.items()
        if name in variables
    ]
    coords = {"irrep": np.array(["trivial", "ρ₁ ⊗ sign"])} if "norms" in variables else {}
    with Folder(path, manifest) as folder:
        for name, members in manifest.batches.items():
            writer = folder.batch(name, described, coords)
            if members[-1] >= ended:
                continue
            value = np.exp(-STEPS / 20)[None] + 1e-6 * (1 + np.array(members)[:, None])
            values = {"train_loss": value / 2, "test_loss": value, "test_accuracy": np.where(value < 1e-2, 1.0, 0.1)}
            values["norms"] = value[..., None] * np.array([1.0, 2.0])
            for array in values.values():
                array[np.outer(np.array(members) == diverges, STEPS > 100)] = np.nan
            statuses = [
                {"state": "diverged", "step": 100, "sentence": "diverged at step 100"}
                if run == diverges
                else {"state": "finished", "step": 300, "sentence": "grokked at step 100"}
                for run in members
            ]
            writer.commit(
                step=300,
                logged_steps=STEPS,
                measures={one.name: values[one.name].astype(np.float32) for one in described},
                checkpoints={300: {"w": np.ones((len(members), 2), np.float32)}},
                state={},
                meta={"statuses": statuses, "sessions": [SESSION]},
            )
    return path
