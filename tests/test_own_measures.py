"""Measures of a user's own in a study: measured, kept, shown, and never lost without a word."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import groklab as gl
from groklab.engines import preparing
from groklab.measures import Measure, View, built_in, measure, measured
from groklab.models import TransformerSettings
from groklab.report import panels
from groklab.report.rows import COLUMNS, columns_of
from groklab.studies import Study
from groklab.tasks import SplitSettings, Task, TaskSettings
from groklab.training import Run, Schedule, trainer

FEW = tuple(
    one for one in built_in() if one.name in ("train_loss", "train_accuracy", "test_accuracy", "sum_of_squares")
)
STUDY = Study(
    name="test/own",
    scale="laptop",
    runs=tuple(
        Run(
            task=TaskSettings(operation="add", modulus=7),
            split=SplitSettings(size=size),
            model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
            steps=40,
            logging=Schedule(every=10, growth=1),
            checkpoints=Schedule(every=20, growth=1),
        )
        for size in (20, 40)
    ),
)
"""Two batches, since their training sets are of too different sizes."""


def largest_embedding(model: Any, task: Task) -> jax.Array:
    """The largest entry of W_E."""
    return jnp.max(model.embed.W_E)


@measured(units="nats", dims=("head",))
def by_head(model: Any, task: Task) -> jax.Array:
    """Sum of squares of each head's query map."""
    return jnp.sum(model.blocks[0].attn.W_Q ** 2, axis=(1, 2))


@measured(afterwards=True)
def tokens(model: Any, task: Task) -> jax.Array:
    """The smallest entry of W_E, and the vocabulary."""
    return jnp.min(model.embed.W_E) + task.vocabulary


@pytest.fixture(autouse=True)
def few_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of the built-in measures, so that little is compiled."""
    monkeypatch.setattr(preparing, "built_in", lambda: FEW)


@pytest.fixture(autouse=True, scope="module")
def compile_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "measuring", cache(trainer.measuring))
        yield


OWN = (largest_embedding, by_head, tokens)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> gl.Record:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "built_in", lambda: FEW)
        return gl.run(STUDY, tmp_path_factory.mktemp("own") / "store", measures=OWN)


def interrupted(folder: Path, measures: tuple[Any, ...], at: int = 2) -> gl.Record:
    """The study interrupted at some tick of training, everything committed."""
    import signal

    ticks: list[gl.engines.Progress] = []

    def watch(progress: gl.engines.Progress) -> None:
        ticks.append(progress)
        if sum(tick.doing == "training" for tick in ticks) == at:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        gl.run(STUDY, folder, measures=measures, watch=watch)
    return gl.open(folder)


def test_they_are_variables_like_the_others(trained: gl.Record) -> None:
    metrics = trained.metrics()
    assert metrics["largest_embedding"].dims == ("run", "step")
    assert metrics["by_head"].dims == ("run", "step", "head")
    assert metrics["head"].values.tolist() == ["0.0", "0.1"]
    assert metrics["by_head"].attrs["units"] == "nats"
    assert metrics["tokens"].attrs["description"] == "The smallest entry of W_E, and the vocabulary."
    for run in (0, 1):
        for step in (0, 20, 40):
            model = trained.model(run, step)
            for function in OWN:
                found = metrics[function.__name__].sel(run=run, step=step)
                np.testing.assert_allclose(found, function(model, trained.task(run)), rtol=1e-5)
    assert metrics["largest_embedding"].notnull().all()
    assert metrics["tokens"].sel(step=[10, 30]).isnull().all()
    assert {name for name in metrics.data_vars if "own" in metrics[name].attrs} == {one.__name__ for one in OWN}


def test_they_are_shown(trained: gl.Record) -> None:
    rows = trained.table()
    assert rows[1]["own"] == ["largest_embedding", "tokens"]
    for name in rows[1]["own"]:
        assert rows[1][name] == trained.metrics()[name].values[1, -1]
        assert name in columns_of(rows)
        assert COLUMNS[name] == (name.replace("_", " "), ".4g")
    drawn = {panel.name for panel in panels(trained.metrics())}
    assert {one.__name__ for one in OWN} <= drawn


def test_the_same_study_without_them_has_no_such_columns(trained: gl.Record) -> None:
    rows = [{name: value for name, value in row.items() if name != "own"} for row in trained.table()]
    assert set(columns_of(rows)) <= set(COLUMNS)


def test_going_on_without_one_is_refused_and_with_them_is_the_same(trained: gl.Record, tmp_path: Path) -> None:
    interrupted(tmp_path / "store", OWN)
    with pytest.raises(
        gl.StoreError, match=r"begun with the measures by_head, tokens of your own; give the same again"
    ):
        gl.run(STUDY, tmp_path / "store", measures=[largest_embedding])
    again = gl.run(STUDY, tmp_path / "store", measures=OWN)
    assert again.metrics().identical(trained.metrics())
    # Nothing is left to measure, so that nothing can be missing.
    assert gl.run(STUDY, tmp_path / "store").metrics().identical(trained.metrics())


def test_a_new_one_is_taken_afterwards_or_not_at_all(trained: gl.Record, tmp_path: Path) -> None:
    record = interrupted(tmp_path / "store", ())
    with pytest.raises(gl.StoreError, match=r"begun without the measure by_head; mark it @measured\(afterwards=True\)"):
        gl.run(STUDY, record.path, measures=[by_head])
    gl.run(STUDY, record.path)
    assert "tokens" not in record.metrics()
    metrics = gl.run(STUDY, record.path, measures=[tokens]).metrics()
    assert metrics["tokens"].identical(trained.metrics()["tokens"])


def test_one_that_was_taken_at_other_times_is_refused(tmp_path: Path) -> None:
    record = interrupted(tmp_path / "store", (largest_embedding, tokens))

    def as_other(function: Any, afterwards: bool) -> Measure:
        import dataclasses

        return dataclasses.replace(Measure.of(function), afterwards=afterwards)

    with pytest.raises(gl.StoreError, match=r"largest_embedding taken at logged steps; mark it so again"):
        gl.run(STUDY, record.path, measures=[as_other(largest_embedding, True), tokens])
    with pytest.raises(gl.StoreError, match=r"tokens taken once the runs have ended; mark it so again"):
        gl.run(STUDY, record.path, measures=[largest_embedding, as_other(tokens, False)])


def test_one_of_another_shape_is_refused(tmp_path: Path) -> None:
    record = interrupted(tmp_path / "store", (largest_embedding,))

    def widened(model: Any, task: Task) -> jax.Array:
        return model.embed.W_E

    widened.__name__ = "largest_embedding"
    with pytest.raises(gl.StoreError, match=r"the store holds largest_embedding by run, step, not by run, step, la"):
        gl.run(STUDY, record.path, measures=[widened])


@measure(units="1")
def train_loss(view: View) -> jax.Array:
    """Not the built-in one."""
    return jnp.float32(0.0)


def breaks(model: Any, task: Task) -> float:
    return float(model.embed.W_E[0, 0])


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ([tokens, tokens], "two measures are called tokens; give one of them another name"),
        ([train_loss], "cannot be called 'train_loss': give it a name that is free"),
        ([breaks], "breaks cannot be compiled by JAX"),
        ([lambda model: 0], "a measure"),
    ],
)
def test_what_is_no_measure_is_refused_before_anything_is_made(own: list[Any], line: str, tmp_path: Path) -> None:
    with pytest.raises(gl.Mistake, match=line) as caught:
        gl.run(STUDY, tmp_path / "store", measures=own)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists()
