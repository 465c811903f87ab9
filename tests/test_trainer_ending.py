"""How runs end and leave their batch, and that an interruption at any moment leaves no trace of itself."""

import itertools

import numpy as np
import pytest

from groklab.training import Run, Tick
from groklab.training import trainer as trainer_file
from memory_sink import MemorySink
from small_trainings import NAMES, assert_same_sinks, batch_of, compile_once, drawing, trained, trainer  # noqa: F401


def converging(number: int) -> Run:
    more = {"stop.converged": True, "stop.window": 30, "stop.tolerance": 0.9, "checkpoints.every": 20}
    return drawing(number, steps=100, weight_decay=0.0, learning_rate=0.03, size=20, **more)


ENDING = (
    converging(0),
    converging(3).replace({"learning_rate": 1e-5}),
    converging(1).replace({"learning_rate": 1e30}),
)


@pytest.fixture(scope="module")
def uninterrupted() -> MemorySink:
    return trained(*ENDING)[0]


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
