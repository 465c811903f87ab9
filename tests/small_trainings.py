"""Small runs for the trainer's tests, and trainers of them that share what they compile."""

import dataclasses
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from groklab.measures import built_in
from groklab.models import MLPSettings, Model, TransformerSettings
from groklab.tasks import SplitSettings, Task, TaskSettings
from groklab.training import Batch, OptimiserSettings, Run, Schedule, Status, Trainer
from groklab.training import trainer as trainer_file
from groklab.training.backend import Backend
from groklab.training.state import initial_model
from groklab.training.step import advancing, measuring
from memory_sink import MemorySink

STEPS = 200
SIZES = (24, 20, 25, 17, 22, 19, 23, 21)
NAMES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares")
MEASURES = tuple(m for m in built_in() if m.name in NAMES)


def small(number: int = 0, **more: Any) -> Run:
    """One of eight small runs that differ in all that the runs of a batch may differ in."""
    return Run(
        task=TaskSettings(operation="add", modulus=7),
        split=SplitSettings(size=SIZES[number]),
        model=TransformerSettings(d_model=8, heads=2, d_mlp=16, init_scale=1 + number % 2 / 4),
        optimiser=OptimiserSettings(
            learning_rate=[1e-3, 3e-3, 2e-3, 5e-3][number % 4], weight_decay=[1.0, 0.3, 0.0][number % 3]
        ),
        seed=number,
        steps=STEPS,
        logging=Schedule(every=50, growth=2),
        checkpoints=Schedule(every=STEPS, growth=1),
    ).replace(more)


EIGHT = tuple(small(number) for number in range(8))
DRAWING = MLPSettings(d_embed=8, d_mlp=32)


def drawing(number: int, **more: Any) -> Run:
    return dataclasses.replace(small(number), model=DRAWING, steps=30).replace({"checkpoints.every": 30} | more)


@pytest.fixture(autouse=True, scope="module")
def compile_once() -> Iterator[None]:
    """Trainers of runs of one shape share what they compile; it reads nothing in which these runs differ."""

    @cache
    def advancing_once(run: Run, task: Task) -> Any:
        return advancing(run, task)

    def shared(run: Run, task: Task) -> Backend:
        blank = Run()
        same = {"seed": 0, "learning_rate": 1e-3, "weight_decay": 1.0}
        if "model.init_scale" in run.flat():
            same["init_scale"] = 1.0
        shape = dataclasses.replace(
            run,
            split=blank.split,
            start=None,
            logging=blank.logging,
            checkpoints=blank.checkpoints,
            stop=blank.stop,
            steps=run.steps if run.optimiser.cooldown else 0,
        )
        return Backend(name="xla", why="shared by these tests", advance=advancing_once(shape.replace(same), task))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_file, "backend", shared)
        patch.setattr(trainer_file, "backend_like", lambda run, task, former: shared(run, task))
        patch.setattr(trainer_file, "measuring", cache(measuring))
        yield


def batch_of(*runs: Run) -> Batch:
    return Batch(name="test", members=tuple(range(10, 10 + len(runs))), runs=runs)


def trainer(batch: Batch, sink: MemorySink, starts: list[Model] | None = None, **more: Any) -> Trainer:
    models = lambda: starts or [initial_model(run) for run in batch.runs]  # noqa: E731
    return Trainer(batch, MEASURES, models, sink, session={"device": "test"}, **more)


def trained(*runs: Run, **more: Any) -> tuple[MemorySink, list[Status]]:
    """Trains the runs as one batch without interruption."""
    batch = batch_of(*runs)
    sink = MemorySink(batch)
    return sink, trainer(batch, sink, **more).train()


def assert_same(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> None:
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


def assert_same_sinks(one: MemorySink, two: MemorySink) -> None:
    """Everything but how it was cut into sessions, bit for bit."""
    assert one.steps == two.steps
    for name in one.measures:
        np.testing.assert_array_equal(one.values(name), two.values(name), err_msg=name)
    assert one.checkpoints.keys() == two.checkpoints.keys()
    for key in one.checkpoints:
        assert_same(one.checkpoints[key], two.checkpoints[key])
    assert_same(one.state().arrays, two.state().arrays)
    assert one.state().meta["statuses"] == two.state().meta["statuses"]
