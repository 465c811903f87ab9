"""Interventions in training: when they are made, and that all before them is as without them, bit for bit."""

import dataclasses
from collections.abc import Iterator
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from groklab.groups import spectrum
from groklab.measures import built_in
from groklab.models import (
    named_parameters,
)
from groklab.tasks import Split, Task
from groklab.training import Batch, Fork, Intervention, Run, Status, Trainer
from groklab.training import trainer as trainer_file
from groklab.training.backend import backend
from groklab.training.changing import change
from groklab.training.state import data_of, from_arrays, initial_model, initial_state, take, to_arrays
from groklab.training.step import measuring
from intervened import CHANGES, DECAY, KEY, KEYS, ORDER, STEPS, small
from memory_sink import MemorySink

AT = 30
MEASURES = tuple(m for m in built_in() if m.name in ("train_loss", "train_accuracy", "test_accuracy", "sum_of_squares"))


@pytest.fixture(autouse=True, scope="module")
def compile_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_file, "measuring", cache(measuring))
        yield


def forks_of(runs: tuple[Run, ...], at: int | None = AT) -> list[Fork | None]:
    fork = Fork(step=at, key=KEY, reason="" if at is not None else "it has none")
    return [None if run.intervention is None else fork for run in runs]


def trainer(sink: MemorySink, batch: Batch, at: int | None = AT, **more: Any) -> Trainer:
    models = lambda: [initial_model(run) for run in batch.runs]  # noqa: E731
    forks = forks_of(batch.runs, at)
    return Trainer(batch, MEASURES, models, sink, session={"device": "test"}, forks=forks, **more)


def trained(*runs: Run, at: int | None = AT, **more: Any) -> tuple[MemorySink, list[Status]]:
    batch = Batch(name="test", members=tuple(range(len(runs))), runs=runs)
    sink = MemorySink(batch)
    return sink, trainer(sink, batch, at, **more).train()


def stopped_at(step: int, sink: MemorySink, batch: Batch, at: int = AT, **more: Any) -> Trainer:
    """A trainer that is interrupted once it has come to a step."""
    made: list[Trainer] = []
    made.append(trainer(sink, batch, at, interrupted=lambda: bool(made) and made[0].step >= step, **more))
    return made[0]


@pytest.fixture(scope="module")
def reference() -> MemorySink:
    return trained(small(), small(seed=4))[0]


@pytest.fixture(scope="module")
def forked() -> tuple[MemorySink, list[Status]]:
    return trained(*(small(one) for one in CHANGES))


def test_the_fused_step_trains_these() -> None:
    assert backend(small(), Task.of(small().task)).name == "fused"


def test_up_to_the_change_all_is_as_without_it_bit_for_bit_and_then_not(
    reference: MemorySink, forked: tuple[MemorySink, list[Status]]
) -> None:
    """In a batch of other size and company."""
    sink, statuses = forked
    steps = np.array(sink.steps)
    assert steps.tolist() == reference.steps
    for run, (intervention, status) in enumerate(zip(CHANGES, statuses, strict=True)):
        for measure in MEASURES:
            one, other = sink.of(measure.name, run), reference.of(measure.name, 0)
            np.testing.assert_array_equal(one[steps < AT], other[steps < AT])
        for name, leaf in reference.checkpoints[0, 20].items():
            np.testing.assert_array_equal(sink.checkpoints[run, 20][name], leaf)
        assert status.changed == AT
        assert status.state == "finished"
        assert status.sentence.startswith(f"{intervention.words} at step 30; ")
    ends = [sink.checkpoints[run, STEPS]["embed.W_E"].tobytes() for run in range(len(CHANGES))]
    assert len({reference.checkpoints[0, STEPS]["embed.W_E"].tobytes(), *ends}) == 1 + len(CHANGES)


def test_the_null_arm_differs_by_rounding_alone(reference: MemorySink, forked: tuple[MemorySink, list[Status]]) -> None:
    run = CHANGES.index(ORDER)
    one, other = forked[0].checkpoints[run, STEPS]["embed.W_E"], reference.checkpoints[0, STEPS]["embed.W_E"]
    assert np.mean(one != other) > 0.05
    np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(forked[0].of("train_loss", run), reference.of("train_loss", 0), rtol=1e-4)


@pytest.mark.parametrize("intervention", CHANGES)
def test_it_is_the_change_and_nothing_else(intervention: Intervention, forked: tuple[MemorySink, list[Status]]) -> None:
    """Against the same steps taken by hand: some, the change, the others."""
    run = small(intervention)
    task = Task.of(run.task)
    data = take(data_of((run,), [Split.of(task, run.split, run.data_seed)]), np.array([0]))
    advance = backend(run, task).advance
    state = advance(take(initial_state((run,), [initial_model(run)]), np.array([0])), data, AT)
    arrays = {path: np.array(values) for path, values in to_arrays(state).items()}
    change(arrays, 0, run, Fork(step=AT, key=KEY))
    if intervention is DECAY:
        data = dataclasses.replace(data, weight_decay=jnp.zeros(1))
    state = advance(take(from_arrays(state, arrays), np.array([0])), data, STEPS - AT)
    kept = forked[0].checkpoints[CHANGES.index(intervention), STEPS]
    for name, leaf in named_parameters(state.model).items():
        np.testing.assert_array_equal(np.asarray(leaf)[0], kept[name], err_msg=name)


@pytest.mark.parametrize("ahead", [False, True])
def test_interrupted_before_at_and_after_the_change_it_goes_on_bit_for_bit(
    ahead: bool, forked: tuple[MemorySink, list[Status]]
) -> None:
    """Each time another trainer goes on with what was committed."""
    sink, statuses = forked
    batch = Batch(name="test", members=tuple(range(len(CHANGES))), runs=tuple(small(one) for one in CHANGES))
    other, found = MemorySink(batch), list[Status]()
    for stop in (13, AT, 41, STEPS):
        one = stopped_at(stop, other, batch, ahead=ahead)
        found = one.train()
    assert AT in other.commits
    assert min(other.commits) < AT
    assert any(AT < step < STEPS for step in other.commits)
    assert found == statuses
    assert other.steps == sink.steps
    for name in other.measures:
        np.testing.assert_array_equal(other.values(name), sink.values(name))
    assert other.checkpoints.keys() == sink.checkpoints.keys()
    for key, leaves in other.checkpoints.items():
        for name, leaf in leaves.items():
            np.testing.assert_array_equal(leaf, sink.checkpoints[key][name], err_msg=f"{key} {name}")
    assert other.saved is not None
    assert sink.saved is not None
    for path, values in other.saved.arrays.items():
        np.testing.assert_array_equal(values, sink.saved.arrays[path], err_msg=path)


def test_what_is_logged_and_kept_at_the_step_of_the_change_is_the_changed_run(reference: MemorySink) -> None:
    sink, _ = trained(small(KEYS), small(DECAY), at=20)
    before = reference.checkpoints[0, 20]["embed.W_E"]
    group = Task.of(small().task).group
    assert group is not None
    norms = spectrum(group.group, sink.checkpoints[0, 20]["embed.W_E"][:13])
    np.testing.assert_allclose(norms[KEY == 1], 0, atol=1e-6)
    np.testing.assert_array_equal(sink.checkpoints[1, 20]["embed.W_E"], before)
    place = sink.steps.index(20)
    assert sink.of("sum_of_squares", 0)[place] < reference.of("sum_of_squares", 0)[place]


def test_at_step_0_the_initial_weights_are_changed() -> None:
    sink, (status, _) = trained(small(KEYS), small(DECAY), at=0)
    group = Task.of(small().task).group
    assert group is not None
    norms = spectrum(group.group, sink.checkpoints[0, 0]["embed.W_E"][:13])
    np.testing.assert_allclose(norms[KEY == 1], 0, atol=1e-6)
    assert status.changed == 0
    never = trained(small(weight_decay=0.0))[0]
    for name, leaf in never.checkpoints[0, STEPS].items():
        np.testing.assert_array_equal(sink.checkpoints[1, STEPS][name], leaf)


def test_what_cannot_be_forked_is_not_trained_and_says_so() -> None:
    sink, statuses = trained(small(KEYS), small(DECAY), at=None)
    assert [status.step for status in statuses] == [0, 0]
    assert statuses[0].sentence == (
        "not forked, so not trained (key frequencies of the embedding removed): it has none"
    )
    assert all(status.ended and not status.bad and status.changed is None for status in statuses)
    assert sink.steps == [0]


def test_before_its_change_a_run_says_nothing_of_it() -> None:
    batch = Batch(name="test", members=(0,), runs=(small(DECAY),))
    (status,) = stopped_at(45, MemorySink(batch), batch, at=55).train()
    assert status.step == 40
    assert status.changed is None
    assert "decay" not in status.sentence


def test_a_trainer_is_told_of_every_fork() -> None:
    batch = Batch(name="test", members=(0,), runs=(small(DECAY),))
    with pytest.raises(ValueError, match="a fork is given for every run with an intervention"):
        Trainer(batch, MEASURES, lambda: [initial_model(batch.runs[0])], MemorySink(batch), session={})
