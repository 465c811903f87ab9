"""Made-up records of a sweep, and with all three phases."""

import numpy as np

from fake_record import FakeRecord, fake_record


def with_excluded_loss(record: FakeRecord) -> FakeRecord:
    """The record with an excluded loss that falls with the train loss and rises before the test loss falls."""
    step = record.dataset["step"].values
    curve = 4 * np.exp(-step / 60) + 0.01 + 5 / (1 + np.exp(-(step - 1500) / 150))
    record.dataset["excluded_loss"] = (
        ("run", "step"),
        np.broadcast_to(curve, (len(record.runs), len(step))).astype(np.float32),
        {"units": "nats", "description": "Excluded loss, made up."},
    )
    return record


def sweep() -> FakeRecord:
    """Two weight decays, two seeds each."""
    record = fake_record(runs=4)
    decays, seeds = (0.5, 0.5, 1.0, 1.0), (0, 1, 0, 1)
    record.runs = tuple(
        run.replace({"optimiser.weight_decay": decay, "seed": seed})
        for run, decay, seed in zip(record.runs, decays, seeds, strict=True)
    )
    record.dataset = record.dataset.assign_coords(weight_decay=("run", list(decays)), seed=("run", list(seeds)))
    return record
