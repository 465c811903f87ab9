"""The trainer against the plain loop, and against itself in other batches, with other commits and in two sessions."""

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.measures import View
from groklab.models import named_parameters
from groklab.tasks import Split, Task
from groklab.training import Run, Status, Tick, Trainer
from groklab.training import trainer as trainer_file
from groklab.training.state import initial_model
from memory_sink import MemorySink
from small_trainings import (
    EIGHT,
    MEASURES,
    NAMES,
    STEPS,
    assert_same,
    assert_same_sinks,
    batch_of,
    compile_once,  # noqa: F401
    drawing,
    small,
    trained,
    trainer,
)


@pytest.fixture(scope="module")
def eight() -> tuple[MemorySink, list[Status]]:
    return trained(*EIGHT)


def test_commits_do_not_wait_for_the_next_logged_step(eight: tuple[MemorySink, list[Status]]) -> None:
    batch = batch_of(*(run.replace({"logging.every": STEPS, "logging.growth": 1.0}) for run in EIGHT))
    sink = MemorySink(batch)
    trainer(batch, sink, commit_seconds=0.0).train()
    assert len(sink.commits) > 3
    assert sink.commits[-1] == STEPS
    wanted, found = eight[0].state(), sink.state()
    assert wanted is not None
    assert found is not None
    for name, values in wanted.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], values, err_msg=name)


def plain_loop(run: Run) -> dict[str, list[float]]:
    """The same training written out: one run, one step at a time, float64, the usual cross-entropy, AdamW."""
    task = Task.of(run.task)
    split = Split.of(task, run.split, run.data_seed)
    rows, tests = split.train, np.flatnonzero(split.test)
    setting, scale = run.optimiser, np.sqrt(run.model.head_width)  # type: ignore[union-attr]

    def logits_of(w: dict[str, jax.Array], tokens: np.ndarray) -> jax.Array:
        x = w["embed.W_E"][tokens] + w["pos_embed.W_pos"]
        outputs = 0
        for W_Q, W_K, W_V, W_O in zip(*(w[f"blocks.0.attn.W_{c}"] for c in "QKVO"), strict=True):
            scores = (x @ W_Q) @ (x @ W_K).swapaxes(1, 2) / scale
            scores = jnp.where(np.tril(np.ones((3, 3), bool)), scores, -jnp.inf)
            outputs += jax.nn.softmax(scores) @ (x @ W_V) @ W_O
        x = x + outputs
        hidden = jnp.maximum(x @ w["blocks.0.mlp.W_in"] + w["blocks.0.mlp.b_in"], 0)
        x = x + hidden @ w["blocks.0.mlp.W_out"] + w["blocks.0.mlp.b_out"]
        return (x @ w["unembed.W_U"])[:, -1]

    def loss_of(w: dict[str, jax.Array], rows: np.ndarray) -> jax.Array:
        logits = logits_of(w, task.tokens[rows])
        own = logits[np.arange(len(rows)), split.labels[rows]]
        return jnp.mean(jax.nn.logsumexp(logits, axis=1) - own)

    @jax.jit
    def slope_and_losses(w: dict[str, jax.Array]) -> Any:
        train, slope = jax.value_and_grad(loss_of)(w, rows)
        return slope, train, loss_of(w, tests)

    found: dict[str, list[float]] = {"train_loss": [], "test_loss": [], "sum_of_squares": []}
    with jax.enable_x64(True):
        w = {name: np.asarray(leaf, np.float64) for name, leaf in named_parameters(initial_model(run)).items()}
        m, v = ({name: np.zeros_like(leaf) for name, leaf in w.items()} for _ in range(2))
        for step in range(run.steps + 1):
            slope, train, test = slope_and_losses(w)
            if step in run.logging.steps(run.steps):
                found["train_loss"].append(float(train))
                found["test_loss"].append(float(test))
                found["sum_of_squares"].append(float(sum((leaf**2).sum() for leaf in w.values())))
            rate = setting.learning_rate * min(1, (step + 1) / setting.warmup)
            for name in w:
                g = np.asarray(slope[name])
                m[name] = setting.beta1 * m[name] + (1 - setting.beta1) * g
                v[name] = setting.beta2 * v[name] + (1 - setting.beta2) * g * g
                first = m[name] / (1 - setting.beta1 ** (step + 1))
                second = v[name] / (1 - setting.beta2 ** (step + 1))
                move = first / (np.sqrt(second) + setting.eps) + setting.weight_decay * w[name]
                w[name] = w[name] - rate * move
    return found


def test_a_run_is_the_same_alone_in_a_batch_of_eight_and_in_the_plain_loop(eight: Any) -> None:
    number = 3
    together, alone = eight[0], trained(EIGHT[number])[0]
    assert together.steps == alone.steps == EIGHT[number].logging.steps(STEPS).tolist()
    for name in NAMES:
        np.testing.assert_allclose(
            together.of(name, 10 + number), alone.of(name, 10), rtol=1e-4, atol=1e-9, err_msg=name
        )
    for name, wanted in plain_loop(EIGHT[number]).items():
        np.testing.assert_allclose(alone.of(name, 10), wanted, rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(together.of(name, 10 + number), wanted, rtol=1e-4, err_msg=name)
    assert alone.of("train_loss", 10)[-1] < 0.5 * alone.of("train_loss", 10)[0]


def test_every_commit_has_statuses_sessions_and_the_steps_in_order(eight: Any) -> None:
    sink, statuses = eight
    assert sink.commits == [STEPS]
    assert set(sink.checkpoints) == {(10 + number, step) for number in range(8) for step in (0, STEPS)}
    assert {status.state for status in statuses} == {"finished"}
    assert all(status.sentence.endswith(" within 200 steps") and status.step == STEPS for status in statuses)
    meta = sink.state().meta
    assert [Status(**status) for status in meta["statuses"]] == statuses
    (session,) = meta["sessions"]
    assert session["device"] == "test"
    assert session["run_steps"] == 8 * STEPS
    assert session["seconds"] > 0


def with_wild_third() -> tuple[Run, ...]:
    return tuple(run.replace({"learning_rate": 1e30}) if n == 3 else run for n, run in enumerate(EIGHT))


def test_a_run_that_diverges_ends_alone_and_its_neighbours_are_the_same_bit_for_bit(eight: Any) -> None:
    sink, statuses = trained(*with_wild_third())
    assert [status.state for status in statuses] == ["finished"] * 3 + ["diverged"] + ["finished"] * 4
    assert statuses[3].step == 1
    assert statuses[3].sentence == "diverged at step 1: the loss or its gradient was not finite"
    assert statuses[3].bad
    for number in set(range(8)) - {3}:
        assert statuses[number] == eight[1][number]
        for name in NAMES:
            np.testing.assert_array_equal(sink.of(name, 10 + number), eight[0].of(name, 10 + number))
        for kept in (0, STEPS):
            assert_same(sink.checkpoints[10 + number, kept], eight[0].checkpoints[10 + number, kept])


def fake_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Tick], None]:
    """A clock that goes on by ten seconds at every tick of training and stands still otherwise."""
    now = [100.0]
    monkeypatch.setattr(trainer_file, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def watch(tick: Tick) -> None:
        now[0] += 10 if tick.doing == "training" else 0

    return watch


def test_a_budget_of_seconds_ends_the_batch_also_over_two_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [small(n, **{"stop.seconds": 35.0, "logging.growth": 1.0, "logging.every": 5}) for n in range(8)]
    batch = batch_of(*runs)
    whole, halves = MemorySink(batch), MemorySink(batch)
    statuses = trainer(batch, whole, watch=fake_clock(monkeypatch)).train()
    assert whole.steps[-1] == statuses[0].step == 25
    assert {status.state for status in statuses} == {"out of time"}
    assert statuses[0].sentence == "not memorised, not grokked in the time given; stopped at step 25"
    assert set(whole.checkpoints) == {(10 + n, step) for n in range(8) for step in (0, 25)}
    assert [s["seconds"] for s in whole.state().meta["sessions"]] == [40]

    watch, seen = fake_clock(monkeypatch), []
    trainer(
        batch,
        halves,
        watch=lambda t: (seen.append(t), watch(t)),
        interrupted=lambda: bool(seen) and seen[-1].done >= 80,
    ).train()
    assert halves.steps[-1] < 25
    assert {s["state"] for s in halves.state().meta["statuses"]} == {"running"}
    assert trainer(batch, halves, watch=watch).train() == statuses
    assert_same_sinks(whole, halves)


def test_no_steps_at_all() -> None:
    sink, statuses = trained(small(0, steps=0))
    assert statuses == [Status(state="finished", step=0, sentence="not memorised, not grokked within 0 steps")]
    assert sink.steps == [0]
    assert sink.checkpoints.keys() == {(10, 0)}


def test_measures_that_are_computed_afterwards_are_left_out() -> None:
    def fail(view: View) -> jax.Array:
        raise AssertionError("computed at a logged step")

    later = dataclasses.replace(MEASURES[0], name="later", compute=fail, afterwards=True)
    batch = batch_of(drawing(0))
    sink = MemorySink(batch)
    Trainer(batch, (*MEASURES, later), lambda: [initial_model(batch.runs[0])], sink, session={}).train()
    assert set(sink.measures) == set(NAMES)
