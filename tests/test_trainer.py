"""The trainer against the plain loop, against itself in other batches, and against its own interruptions."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.losses import margin_loss
from groklab.measures import View, built_in
from groklab.models import Inputs, MLPSettings, Model, TransformerSettings, answer_logits, named_parameters
from groklab.tasks import Split, SplitSettings, Task, TaskSettings
from groklab.training import Batch, OptimiserSettings, Run, Schedule, Status, Tick, Trainer
from groklab.training import trainer as trainer_file
from groklab.training.backend import Backend
from groklab.training.state import data_of, initial_model
from groklab.training.step import advancing, measuring, objective
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


@pytest.fixture(autouse=True, scope="module")
def compile_once() -> Iterator[None]:
    """Trainers of runs of one shape share what they compile; it reads nothing in which these runs differ.

    And it is compiled in half the time, with few of XLA's optimisations.
    """

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
        jax.config.update("jax_disable_most_optimizations", True)
        yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()


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


def test_a_diverged_run_leaves_at_the_next_checkpoint_and_the_others_go_on(uninterrupted: MemorySink) -> None:
    assert uninterrupted.commits[0] == 20
    assert uninterrupted.commits[-1] == 100
    left = np.array(uninterrupted.steps) > 20
    alone = trained(ENDING[1])[0]
    for name in NAMES:
        assert np.all(np.isnan(uninterrupted.of(name, 12)[left]))
        np.testing.assert_allclose(uninterrupted.of(name, 11), alone.of(name, 10), rtol=1e-4, atol=1e-9)
    assert {step for run, step in uninterrupted.checkpoints if run == 12} == {0, 20}
    # It stands still from the step at which it diverged.
    assert np.isfinite(uninterrupted.checkpoints[12, 20]["embed.W_E"]).all()


def assert_same(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> None:
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


# What is drawn during training


DRAWING = MLPSettings(d_embed=8, d_mlp=32)


def drawing(number: int, **more: Any) -> Run:
    return dataclasses.replace(small(number), model=DRAWING, steps=30).replace({"checkpoints.every": 30} | more)


def one_run(run: Run, padding: int = 0) -> tuple[Model, Task, Any]:
    """A run's network, task and data without a run axis, its training set padded by so many examples."""
    task = Task.of(run.task)
    split = Split.of(task, run.split, run.data_seed)
    longer = dataclasses.replace(run.split, size=len(split.train) + padding)
    data = data_of((run, run), [split, Split.of(task, longer, run.data_seed)])
    return initial_model(run), task, jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), data)


def objectives(run: Run, model: Model, task: Task, data: Any, keys: jax.Array) -> np.ndarray:
    """The objective for each key, (key,)."""
    return np.asarray(jax.jit(jax.vmap(lambda key: objective(model, run, task, data, key)))(keys))


KEYS = jax.random.split(jax.random.key(1), 400)


def test_a_minibatch_is_drawn_without_replacement_and_never_from_the_padding() -> None:
    run = drawing(0, size=5, batch_size=2)
    model, task, data = one_run(run, padding=3)
    assert data.weight.tolist() == pytest.approx([0.2] * 5 + [0.0] * 3)
    rows = Inputs(data.a, data.b, task.template)
    singles = np.asarray(margin_loss(jax.jit(answer_logits)(model, rows), data.answer))
    pairs = {(i, j): (singles[i] + singles[j]) / 2 for i, j in itertools.combinations(range(5), 2)}
    assert np.diff(sorted(pairs.values())).min() > 1e-4
    counts = dict.fromkeys(pairs, 0)
    for value in objectives(run, model, task, data, KEYS):
        near = min(pairs, key=lambda pair: abs(pairs[pair] - value))
        assert value == pytest.approx(pairs[near], abs=1e-5)
        counts[near] += 1
    # Chi-squared with 9 degrees of freedom: above 27.9 once in a thousand.
    assert sum((count - 40) ** 2 / 40 for count in counts.values()) < 27.9
    whole = objectives(run.replace({"batch_size": 5}), model, task, data, KEYS[:1])
    assert whole == pytest.approx(singles[:5].mean(), rel=1e-6)


def test_l1_adds_the_absolute_weights_and_their_signs() -> None:
    run = drawing(2)
    model, task, data = one_run(run)

    @jax.jit
    def both(model: Model) -> Any:
        key = jax.random.key(0)
        runs = (run, run.replace({"l1": 0.01}))
        return [jax.value_and_grad(objective)(model, r, task, data, key) for r in runs]

    (without, slope), (penalised, pushed) = both(model)
    weights = {name: np.asarray(leaf) for name, leaf in named_parameters(model).items()}
    absolute = sum(float(np.abs(leaf).sum()) for leaf in weights.values())
    assert float(penalised - without) == pytest.approx(0.01 * absolute, rel=1e-4)
    slopes = named_parameters(slope)
    for name, leaf in named_parameters(pushed).items():
        # 0 for the biases, which are 0.
        push = np.asarray(leaf) - np.asarray(slopes[name])
        np.testing.assert_allclose(push, 0.01 * np.sign(weights[name]), atol=1e-6, err_msg=name)


def test_dropout_drops_a_share_and_scales_the_rest() -> None:
    """Its losses are those of networks with neurons and embeddings cut out by hand."""
    run = drawing(1, size=1, dropout=0.5)
    model = initial_model(run.replace({"d_embed": 1, "d_mlp": 2}))
    _, task, data = one_run(run)
    w = {name: np.asarray(leaf, np.float64) for name, leaf in named_parameters(model).items()}
    possible = set()
    for kept in itertools.product((0, 2), repeat=4):
        pair = np.array([w["embed.W_E"][data.a[0], 0], w["embed.W_E"][data.b[0], 0]]) * kept[:2]
        logits = (np.maximum(pair @ w["mlp.W_in"], 0) * kept[2:]) @ w["mlp.W_out"]
        possible.add(round(float(np.log(np.exp(logits).sum()) - logits[data.answer[0]]), 4))
    found = {round(float(value), 4) for value in objectives(run, model, task, data, KEYS)}
    assert len(possible) > 3
    for value in found:
        assert min(abs(value - other) for other in possible) < 2e-4
    for value in possible:
        assert min(abs(value - other) for other in found) < 2e-4


@pytest.mark.parametrize(
    "more",
    [
        {"batch_size": 8, "dropout": 0.2, "optimiser.l1": 1e-3},
        {"optimiser.name": "sgd", "cooldown": 10, "loss": "log_softmax"},
    ],
)
def test_what_is_drawn_is_the_same_alone_and_in_a_batch(more: dict[str, Any]) -> None:
    runs = (drawing(3, **more), drawing(1, **more))
    together, alone = trained(*runs)[0], trained(runs[0])[0]
    for name in NAMES:
        np.testing.assert_allclose(together.of(name, 10), alone.of(name, 10), rtol=1e-4, atol=1e-9, err_msg=name)


# How runs end


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


def converging(number: int) -> Run:
    more = {"stop.converged": True, "stop.window": 30, "stop.tolerance": 0.9, "checkpoints.every": 20}
    return drawing(number, steps=100, weight_decay=0.0, learning_rate=0.03, size=20, **more)


def test_converged_runs_leave_and_say_so() -> None:
    runs = (converging(0), converging(3).replace({"learning_rate": 1e-5}))
    sink, statuses = trained(*runs)
    assert [status.state for status in statuses] == ["converged", "finished"]
    first = statuses[0].step
    assert first % 20 == 0
    assert 30 <= first < 100
    assert statuses[0].sentence.endswith(f"; converged at step {first}")
    assert np.isnan(sink.of("train_loss", 10)[-1])
    assert (10, first) in sink.checkpoints
    assert max(step for run, step in sink.checkpoints if run == 10) == first


# Going on


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


ENDING = (
    converging(0),
    converging(3).replace({"learning_rate": 1e-5}),
    converging(1).replace({"learning_rate": 1e30}),
)


@pytest.fixture(scope="module")
def uninterrupted() -> MemorySink:
    return trained(*ENDING)[0]


@pytest.mark.parametrize("patience", [2, 3, 5, 8, 50, 97])
@pytest.mark.parametrize("commit_seconds", [0.0, 1000.0])
def test_interrupted_at_any_moment_and_gone_on_it_is_the_same_bit_for_bit(
    patience: int, commit_seconds: float, uninterrupted: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every session is interrupted at the `patience`-th question, one optimiser step a question at most."""
    monkeypatch.setattr(trainer_file, "CALL_SECONDS", 0.0)
    batch = batch_of(*ENDING)
    sink = MemorySink(batch)
    interruptions, between_marks = 0, 0
    for _ in range(400):
        questions = itertools.count(1)
        session = trainer(
            batch, sink, interrupted=lambda q=questions: next(q) > patience, commit_seconds=commit_seconds
        )
        statuses = session.train()
        if all(status.ended for status in statuses):
            break
        interruptions += 1
        assert sink.commits, "an interruption commits"
        between_marks += sink.commits[-1] not in sink.steps
    assert [status.state for status in statuses] == ["converged", "finished", "diverged"]
    assert interruptions >= (100 // patience) // 2
    assert between_marks > 0 or patience == 97
    assert_same_sinks(uninterrupted, sink)
    assert len(sink.state().meta["sessions"]) == interruptions + 1
    assert sum(session["run_steps"] for session in sink.state().meta["sessions"]) == sum(
        session["run_steps"] for session in uninterrupted.state().meta["sessions"]
    )


def test_interrupted_exactly_at_a_mark_nothing_is_logged_twice(uninterrupted: MemorySink) -> None:
    """The question turns to yes between the trainer's own and the one before the next steps."""
    batch = batch_of(*ENDING)
    sink, answers = MemorySink(batch), iter([False, True])
    trainer(batch, sink, interrupted=lambda: next(answers, True)).train()
    assert sink.steps == [0]
    trainer(batch, sink).train()
    assert_same_sinks(uninterrupted, sink)


def test_a_finished_batch_is_left_alone(uninterrupted: MemorySink) -> None:
    commits = list(uninterrupted.commits)
    ticks: list[Tick] = []
    again = trainer(batch_of(*ENDING), uninterrupted, watch=ticks.append).train()
    assert all(status.ended for status in again)
    assert uninterrupted.commits == commits
    assert [(tick.done, tick.trained) for tick in ticks] == [(3 * 100, 0)]


def test_measures_that_are_computed_afterwards_are_left_out() -> None:
    def fail(view: View) -> jax.Array:
        raise AssertionError("computed at a logged step")

    later = dataclasses.replace(MEASURES[0], name="later", compute=fail, afterwards=True)
    batch = batch_of(drawing(0))
    sink = MemorySink(batch)
    Trainer(batch, (*MEASURES, later), lambda: [initial_model(batch.runs[0])], sink, session={}).train()
    assert set(sink.measures) == set(NAMES)


def test_ticks_tell_how_far_it_is() -> None:
    ticks: list[Tick] = []
    statuses = trained(*ENDING, watch=ticks.append)[1]
    assert ticks[0].doing == "compiling"
    assert {tick.doing for tick in ticks} == {"compiling", "training", "committing"}
    done = [tick.done for tick in ticks]
    assert done == sorted(done)
    assert done[-1] == 3 * 100
    trained_steps = statuses[0].step + 100 + next(s for s in (20, 40) if s >= statuses[2].step)
    assert ticks[-1].trained == trained_steps
    assert (ticks[0].memorised, ticks[-1].memorised) == (0, 1)
