"""Sequence tasks in training: the loss against a slow loop, what is measured, a store and what is read off it."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import groklab as gl
from groklab.cli_circuit import circuit_of
from groklab.engines import preparing
from groklab.errors import Mistake
from groklab.measures import built_in, view_of
from groklab.models import Transformer, TransformerSettings, named_parameters
from groklab.studies import Study
from groklab.tasks import DigitsSettings, SequenceTask, SubsequencesSettings, TrigramsSettings, problem_of
from groklab.training import Batch, OptimiserSettings, Run, Schedule, Trainer
from groklab.training.applicable import applicable
from groklab.training.backend import backend
from groklab.training.memory import demand, generous
from groklab.training.problem_data import batch_data, seen_at
from groklab.training.state import initial_model, take
from groklab.training.step import measuring, objective
from memory_sink import MemorySink


def small(task: Any, layers: int = 1, d_mlp: int = 0, **more: Any) -> Run:
    return Run(
        task=task,
        model=TransformerSettings(layers=layers, d_model=8, heads=2, d_mlp=d_mlp, classes=task.classes),
        optimiser=OptimiserSettings(learning_rate=1e-2, weight_decay=0.1),
        steps=20,
        logging=Schedule(every=5, growth=1.0),
        checkpoints=Schedule(every=10, growth=1.0),
    ).replace(more)


DIGITS = small(DigitsSettings(digits=2, examples=9, test=12), d_mlp=8)
BLOCKS = small(SubsequencesSettings(tokens=7, sequence=9, block=3, examples=8, test=12), layers=2)
TRIGRAMS = small(TrigramsSettings(firsts=2, seconds=3, noise=4, sequence=6, examples=10, test=12))
EVERY = (DIGITS, BLOCKS, TRIGRAMS)
FEW = {
    "train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "matrix_norm", "trig_share",
    "embedding_norm", "restricted_loss", "loss_by_digit", "prefix_matching", "previous_token", "copying",
}  # fmt: skip
"""Measures of all kinds of tasks, and of each kind some of its own."""


def unlimited(run: Run) -> Run:
    return run.replace({"task.examples": None, "batch_size": 5})


def task_of(run: Run) -> SequenceTask:
    problem = problem_of(run.task)
    assert isinstance(problem, SequenceTask)
    return problem


def loss_of(run: Run) -> Any:
    """The compiled objective of a run: of a model, its data and a key."""
    return jax.jit(lambda model, data, key: objective(model, run, task_of(run), data, key))


def slow_loss(model: Transformer, task: SequenceTask, examples: Any) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over the answers that count, one at a time in float64."""
    losses: list[float] = []
    right: list[bool] = []
    every = np.asarray(jax.jit(type(model).__call__)(model, examples.tokens), np.float64)[:, -task.settings.positions :]
    for logits, answers, counts in zip(every, np.asarray(examples.answers), np.asarray(examples.counts), strict=True):
        for row, answer, counted in zip(logits, answers, counts, strict=True):
            if counted:
                losses.append(float(np.log(np.sum(np.exp(row - row[answer])))))
                right.append(int(row.argmax()) == answer)
    return float(np.mean(losses)), float(np.mean(right))


@pytest.mark.parametrize("run", EVERY)
def test_loss_and_measures_of_a_limited_set_are_those_of_a_slow_loop(run: Run) -> None:
    task, model = task_of(run), initial_model(run)
    assert isinstance(model, Transformer)
    data: Any = jax.tree.map(lambda leaf: leaf[0], take(batch_data([run]), np.array([0])))
    train, test = task.training_set(run.data_seed), task.test_set(run.data_seed)
    loss, accuracy = slow_loss(model, task, train)
    assert float(loss_of(run)(model, data, jax.random.key(0))) == pytest.approx(loss, rel=1e-5)
    models, tables = jax.tree.map(lambda leaf: leaf[None], (model, data.table))
    measured = measuring(task, applicable(run)[0])(models, tables).get()
    found = {name: value[0] for name, value in measured.items()}
    assert float(found["train_loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(found["train_accuracy"]) == pytest.approx(accuracy)
    loss, accuracy = slow_loss(model, task, test)
    assert float(found["test_loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(found["test_accuracy"]) == pytest.approx(accuracy)
    squares = sum(float(jnp.sum(leaf**2)) for leaf in named_parameters(model).values())
    assert float(found["sum_of_squares"]) == pytest.approx(squares, rel=1e-5)


@pytest.mark.parametrize("run", [unlimited(run) for run in EVERY])
def test_with_unlimited_data_the_train_loss_is_that_of_the_next_batch_before_its_step(run: Run) -> None:
    task, model = task_of(run), initial_model(run)
    data = take(batch_data([run]), np.array([0]))
    one: Any = jax.tree.map(lambda leaf: leaf[0], data)
    measure = measuring(task, tuple(one for one in built_in() if one.name == "train_loss"))
    found: list[float] = []
    loss = loss_of(run)
    for step in (0, 7):
        key = jax.random.fold_in(jax.random.wrap_key_data(one.key), step)
        models = jax.tree.map(lambda leaf: leaf[None], model)
        measured = float(measure(models, seen_at(data.table, np.array([step]))).get()["train_loss"][0])
        assert measured == pytest.approx(float(loss(model, one, key)), rel=1e-5)
        found.append(measured)
    assert found[0] != found[1]


def test_the_loss_of_each_digit_is_that_of_its_position() -> None:
    model, task = initial_model(DIGITS), task_of(DIGITS)
    assert isinstance(model, Transformer)
    table: Any = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), batch_data([DIGITS]).table)
    (by_digit,) = [one for one in built_in() if one.name == "loss_by_digit"]
    found = by_digit.compute(view_of(model, task, table))
    test = task.test_set(DIGITS.data_seed)
    logits = np.asarray(model(test.tokens), np.float64)[:, -3:]
    own = np.take_along_axis(logits, np.asarray(test.answers)[..., None], axis=2)[..., 0]
    assert np.allclose(found, np.mean(np.log(np.exp(logits).sum(axis=2)) - own, axis=0), rtol=1e-5)
    assert applicable(DIGITS)[1]["digit"].tolist() == [2, 1, 0]
    assert applicable(BLOCKS)[1]["head"].tolist() == ["0.0", "0.1", "1.0", "1.1"]


def test_measures_of_pairs_groups_and_other_kinds_are_left_out() -> None:
    names = [{one.name for one in applicable(run)[0]} for run in (DIGITS, BLOCKS, TRIGRAMS, Run())]
    pairs = {"gen_lead", "mirror_accuracy_trained", "trig_share", "restricted_loss", "general_weight"}
    assert not any(pairs & found for found in names[:3])
    general = {"train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "matrix_norm"}
    assert all(general <= found for found in names)
    assert [("loss_by_digit" in found, "prefix_matching" in found) for found in names] == [
        (True, False), (False, True), (False, False), (False, False),
    ]  # fmt: skip


def test_a_minibatch_is_of_the_training_set_and_a_step_moves_the_weights() -> None:
    run = DIGITS.replace({"batch_size": 4})
    model = initial_model(run)
    one: Any = jax.tree.map(lambda leaf: leaf[0], take(batch_data([run]), np.array([0])))
    loss, whole = loss_of(run), float(loss_of(DIGITS)(model, one, jax.random.key(0)))
    assert len({float(loss(model, one, jax.random.key(key))) for key in range(4)}) == 4
    mean = np.mean([float(loss(model, one, jax.random.key(key))) for key in range(40)])
    assert mean == pytest.approx(whole, rel=0.1)


def test_an_interruption_leaves_no_trace() -> None:
    run = unlimited(TRIGRAMS)
    runs = (run, run.replace({"seed": 3, "learning_rate": 3e-3}))
    ends: list[dict[tuple[int, int], Any]] = []
    for interrupts in (False, True):
        batch = Batch(name="test", members=(0, 1), runs=runs)
        sink = MemorySink(batch)
        for first in (interrupts, False):
            trainer = Trainer(
                batch,
                applicable(run)[0],
                lambda: [initial_model(one) for one in runs],
                sink,
                session={},
                interrupted=lambda: first and trainer.step >= 7,  # noqa: B023
            )
            trainer.train()
        assert sink.steps == [0, 5, 10, 15, 20]
        ends.append(dict(sink.checkpoints))
    for key, weights in ends[0].items():
        for name, values in weights.items():
            assert np.array_equal(values, ends[1][key][name]), (key, name)
    before, after = ends[0][0, 0], ends[0][0, 20]
    assert not np.array_equal(before["embed.W_E"], after["embed.W_E"])
    assert len(sink.commits) > 1


def test_a_store_of_several_kinds_is_read_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = tuple(one for one in built_in() if one.name in FEW)
    monkeypatch.setattr(preparing, "built_in", lambda: few)
    runs = (DIGITS, BLOCKS, unlimited(TRIGRAMS), Run(task=gl.tasks.TaskSettings(modulus=5), steps=5))
    record = gl.run(Study(name="test/kinds", scale="laptop", runs=runs), tmp_path / "store")
    metrics = record.metrics()
    assert [status.state for status in record.statuses] == ["finished"] * 4
    assert metrics["task"].values.tolist() == ["digits:2", "subsequences:7:9:3", "trigrams:2:3:4:6", "add:5"]
    assert metrics["train_size"].values.tolist() == [9, 8, 0, 7]
    assert metrics["loss_by_digit"].dims == ("run", "step", "digit")
    known = metrics["loss_by_digit"].notnull().any(("step", "digit")).values
    assert known.tolist() == [True, False, False, False]
    assert metrics["prefix_matching"].dims == ("run", "step", "head")
    assert metrics["test_loss"].notnull().any("step").values.all()
    assert metrics["trig_share"].notnull().any("step").values.tolist() == [False, False, False, True]
    for name in metrics.variables:
        assert metrics[name].attrs.get("units"), name
        assert metrics[name].attrs.get("description"), name
    assert {session["why"] for session in record.provenance} >= {"what is learned is no operation's table"}
    for number, name in enumerate(metrics["task"].values.tolist()):
        assert record.problem(number).name == name
        assert record.table()[number]["task"] == name
    for number in range(3):
        with pytest.raises(Mistake, match="is no operation's table"):
            record.task(number)
        with pytest.raises(Mistake, match="is no operation's table"):
            record.split(number)
    assert record.task(3).elements == 5
    with pytest.raises(Mistake, match="digits:2 is no operation's table"):
        circuit_of(record.path, 0, None, None)
    # Measured again of the kept networks: with unlimited data at the same step, so of the same batch.
    again = record.measure(["train_loss", "test_loss", "prefix_matching"], steps=[10, 20])
    for name in ("train_loss", "test_loss", "prefix_matching"):
        mine = metrics[name].sel(step=[10, 20]).values[:3]
        assert np.allclose(again[name].values[:3], mine, rtol=1e-4, equal_nan=True), name
    model = record.model(1)
    assert isinstance(model, Transformer)
    assert len(model.blocks) == 2
    page = record.report(tmp_path / "page.html").read_text()
    assert "Prefix matching" in page
    assert "Loss by digit" in page
    assert gl.open(record.keep(tmp_path / "kept.zip")).metrics()["test_loss"].notnull().any("step").values.all()


def test_users_measures_see_the_network_and_the_task(tmp_path: Path) -> None:
    def longest(model: Any, task: Any) -> Any:
        """Tokens read, by the task and by the network."""
        return jnp.array([task.length, model.pos_embed.W_pos.shape[0]])

    record = gl.run(Study(name="test/own", scale="laptop", runs=(DIGITS,)), tmp_path / "store", measures=[longest])
    assert record.metrics()["longest"].values[0, -1].tolist() == [8, 8]


@pytest.mark.parametrize("run", [DIGITS, BLOCKS, unlimited(TRIGRAMS)])
def test_the_memory_is_asked_of_the_compiler_and_estimated_above(run: Run) -> None:
    needed = demand((run, run.replace({"seed": 1})), applicable(run)[0])
    assert needed > 0
    assert generous(run) > 0
    assert backend(run, task_of(run)).name == "xla"
    with pytest.raises(Mistake, match="no operation's table"):
        backend(run, task_of(run), "fused")
