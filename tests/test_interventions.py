"""Changes in the middle of training: what they are, when they are made, and that all before them is as without them."""

import dataclasses
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.groups import spectrum
from groklab.measures import built_in
from groklab.models import (
    Inputs,
    Learner,
    MLPSettings,
    Transformer,
    TransformerSettings,
    answer_logits,
    named_parameters,
    skeleton,
    with_parameters,
)
from groklab.models.closed_form import trigonometric_transformer
from groklab.settings import Settings
from groklab.tasks import Split, SplitSettings, Task, TaskSettings
from groklab.training import (
    Batch,
    Fork,
    Intervention,
    OptimiserSettings,
    Run,
    Schedule,
    Status,
    Trainer,
    plan,
    with_parents,
)
from groklab.training import trainer as trainer_file
from groklab.training.backend import backend
from groklab.training.changing import as_large, change
from groklab.training.plan import check
from groklab.training.state import data_of, from_arrays, initial_model, initial_state, take, to_arrays
from groklab.training.step import measuring
from memory_sink import MemorySink

ORDER, DECAY, MEMORY, KEYS, DOUBLED, KICK = CHANGES = (
    Intervention(change="order"),
    Intervention(change="decay"),
    Intervention(change="memory"),
    Intervention(change="keys"),
    Intervention(change="keys", factor=2.0),
    Intervention(change="keys", control=True),
)
KEY = np.array([0, 1, 1, 0, 0, 0], np.float32)
AT, STEPS = 30, 60
MEASURES = tuple(m for m in built_in() if m.name in ("train_loss", "train_accuracy", "test_accuracy", "sum_of_squares"))


def small(intervention: Intervention | None = None, **more: Any) -> Run:
    run = Run(
        task=TaskSettings(operation="add", modulus=13),
        split=SplitSettings(size=70),
        model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
        optimiser=OptimiserSettings(learning_rate=3e-3, weight_decay=0.5),
        seed=3,
        steps=STEPS,
        logging=Schedule(every=7, growth=1),
        checkpoints=Schedule(every=20, growth=1),
    ).replace(more)
    return dataclasses.replace(run, intervention=intervention)


# What it says.


def test_the_run_without_its_change_is_its_reference_whatever_is_set() -> None:
    run = small(DOUBLED)
    assert run.reference == small()
    assert run.reference is not None
    assert run.reference.digest == small().digest != run.digest
    assert run.parents == (small(),)
    assert small().reference is None
    assert small().parents == ()
    started = dataclasses.replace(run, start=small(seed=4))
    assert started.parents == (small(seed=4), dataclasses.replace(small(), start=small(seed=4)))
    changed = run.replace({"weight_decay": 0.1, "steps": 80, "factor": 3.0})
    assert changed.reference == small(weight_decay=0.1, steps=80)
    assert changed.intervention == Intervention(change="keys", factor=3.0)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.sampled_from(CHANGES), st.sampled_from(["circuit formation", 0, 7, 59]))
def test_it_goes_to_json_and_back(intervention: Intervention, at: Any) -> None:
    run = small(dataclasses.replace(intervention, at=at))
    back = Settings.from_json(json.loads(json.dumps(run.to_json())))
    assert back == run
    assert back.digest == run.digest


@pytest.mark.parametrize(
    ("intervention", "words"),
    [
        (ORDER, "order of summation changed"),
        (DECAY, "weight decay off"),
        (Intervention(change="decay", factor=0.5), "weight decay times 0.5"),
        (MEMORY, "memory projected out"),
        (KEYS, "key frequencies of the embedding removed"),
        (DOUBLED, "key frequencies of the embedding times 2"),
        (KICK, "random change as large as with key frequencies of the embedding removed"),
    ],
)
def test_it_is_said_in_words(intervention: Intervention, words: str) -> None:
    assert intervention.words == words


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Intervention(change="keys", factor=-1), "intervention.factor must be 0 or more, not -1"),
        (lambda: Intervention(change="keys", factor=float("inf")), "Intervention.factor takes a number"),
        (lambda: Intervention(change="order", factor=2), "leave it at 0"),
        (lambda: Intervention(change="decay", control=True), "for changes of weights, memory and keys, not decay"),
        (lambda: Intervention(change="keys", at=-1), "must be a step from 0 on, or 'circuit formation', not -1"),
        (
            lambda: Intervention.from_json(KEYS.to_json() | {"at": "clean-up"}),
            "Intervention.at takes a whole number or one of circuit",
        ),
        (
            lambda: Intervention.from_json(KEYS.to_json() | {"change": "head"}),
            "Intervention.change takes one of order, decay, memory, keys",
        ),
        (lambda: small(Intervention(change="keys", at=STEPS)), "must be below the run's 60 steps, not 60"),
        (lambda: small(ORDER, d_mlp=0), "needs neurons to sum over"),
        (lambda: check([small(KEYS, operation="squares")]), "has no group, hence no key frequencies; give order or"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Any, said: str) -> None:
    with pytest.raises(Mistake) as refused:
        make()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_references_are_trained_once_and_before_their_forks_which_share_batches() -> None:
    runs = with_parents([small(one, seed=seed) for seed in (1, 2) for one in CHANGES])
    assert len(runs) == 2 * (1 + len(CHANGES))
    batches = plan(runs, largest=20)
    assert [len(batch.runs) for batch in batches] == [2, 2 * len(CHANGES)]
    assert all(run.intervention is None for run in batches[0].runs)


# What is changed.


def changed(model: Learner, intervention: Intervention, key: np.ndarray, **more: Any) -> dict[str, np.ndarray]:
    """The parameters by name after the change."""
    run = small(intervention, **more)
    arrays = {path: np.array(values) for path, values in to_arrays(initial_state((run,), [model])).items()}
    change(arrays, 0, run, Fork(step=0, key=key))
    state = from_arrays(initial_state((run,), [model]), arrays)
    return {name: np.asarray(values)[0] for name, values in named_parameters(state.model).items()}


LARGE = 29
TRIGONOMETRIC = trigonometric_transformer(LARGE, {2: 3.0, 3: 3.0}, phases=9)


def both_circuits(task: Task, train: np.ndarray) -> Transformer:
    """Two circuits side by side in one network for addition mod 29: waves of frequencies 2 and 3, and a lookup table.

    The table has a neuron for each train pair, relu(1[a] + 1[b] - 1.35), that writes the answer.
    """
    waves = {name: np.asarray(leaf) for name, leaf in named_parameters(TRIGONOMETRIC).items()}
    width, neurons, count = waves["embed.W_E"].shape[1], waves["blocks.0.mlp.W_in"].shape[1], len(train)
    d, whole = width + 2 * LARGE, neurons + count
    W_E, W_U = np.zeros((LARGE + 1, d)), np.zeros((d, LARGE))
    W_E[:, :width], W_U[:width] = waves["embed.W_E"], waves["unembed.W_U"]
    W_E[:LARGE, width : width + LARGE] = W_U[width + LARGE :] = np.eye(LARGE)
    W_in, W_out, b_in = np.zeros((d, whole)), np.zeros((whole, d)), np.zeros(whole)
    W_in[:width, :neurons], W_out[:neurons, :width] = waves["blocks.0.mlp.W_in"], waves["blocks.0.mlp.W_out"]
    for neuron, pair in enumerate(train, start=neurons):
        W_in[width + task.a[pair], neuron] = W_in[width + task.b[pair], neuron] = 1
        W_out[neuron, width + LARGE + task.answers[pair]], b_in[neuron] = 40.0, -1.35
    model = TransformerSettings(d_model=d, heads=1, d_mlp=whole, classes=LARGE)
    values = {
        "embed.W_E": W_E, "pos_embed.W_pos": np.zeros((3, d)), "blocks.0.attn.W_Q": np.zeros((1, d, d)),
        "blocks.0.attn.W_K": np.zeros((1, d, d)), "blocks.0.attn.W_V": 3 * np.eye(d)[None],
        "blocks.0.attn.W_O": np.eye(d)[None], "blocks.0.mlp.W_in": W_in, "blocks.0.mlp.b_in": b_in,
        "blocks.0.mlp.W_out": W_out, "blocks.0.mlp.b_out": np.zeros(d), "unembed.W_U": W_U,
    }  # fmt: skip
    return with_parameters(skeleton(model, LARGE + 1, 3), values)  # type: ignore[return-value]


def logits_of(model: Any, modulus: int = 13) -> np.ndarray:
    task = Task.of(TaskSettings(modulus=modulus))
    return np.asarray(answer_logits(model, Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)))


def test_without_its_memory_a_network_is_its_general_circuit_and_without_its_keys_its_memory() -> None:
    """A table and waves in one network: the one is taken out, the other stays, and the other way round.

    A table of this kind takes (a, a) for every pair with a, so that those pairs are not asked.
    """
    task = Task.of(TaskSettings(modulus=LARGE))
    split = Split.of(task, SplitSettings(size=200), 0)
    apart = task.a != task.b
    known = split.train[apart[split.train]]
    fresh = split.test & ~split.train_mask[task.mirror] & apart
    whole = both_circuits(task, known)
    model = {"d_model": whole.W_E.shape[1], "heads": 1, "d_mlp": 18 + len(known), "classes": LARGE}
    key = np.isin(np.arange(1, 15), (2, 3)).astype(np.float32)
    alone = logits_of(TRIGONOMETRIC, LARGE)
    assert np.abs(logits_of(whole, LARGE) - alone)[known].max(axis=1).min() > 20
    general = changed(whole, MEMORY, key, modulus=LARGE, **model)
    np.testing.assert_allclose(logits_of(with_parameters(whole, general), LARGE), alone, atol=1e-4)
    table = logits_of(with_parameters(whole, changed(whole, KEYS, key, modulus=LARGE, **model)), LARGE)
    assert np.all(table[known].argmax(axis=1) == task.answers[known])
    assert table[known].max(axis=1).min() > 1
    np.testing.assert_allclose(table[fresh], 0, atol=1e-4)


def test_the_part_is_multiplied_and_nothing_else_is_touched() -> None:
    run = small()
    model = initial_model(run)
    group = Task.of(run.task).group
    assert group is not None
    before = {name: np.asarray(leaf) for name, leaf in named_parameters(model).items()}
    for intervention in (KEYS, DOUBLED, MEMORY, Intervention(change="memory", factor=3.0)):
        after = changed(model, intervention, KEY)
        moved = {name for name in before if not np.array_equal(before[name], after[name])}
        memory = intervention.change == "memory"
        assert moved == ({"embed.W_E", "unembed.W_U"} if memory else {"embed.W_E"})
        for name in moved:
            one, other = (side[name] if name == "embed.W_E" else side[name].T for side in (before, after))
            np.testing.assert_array_equal(one[13:], other[13:], err_msg="the token of = is none of the elements")
            np.testing.assert_allclose(one[:13].mean(axis=0), other[:13].mean(axis=0), atol=1e-6)
            old, new = (spectrum(group.group, side[:13]) for side in (one, other))
            inside = np.equal(KEY, 0 if memory else 1)
            np.testing.assert_allclose(new[inside], intervention.factor * old[inside], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(new[~inside], old[~inside], rtol=1e-5)


def test_where_operands_have_an_embedding_each_both_are_changed() -> None:
    model = MLPSettings(d_embed=5, d_mlp=9, shared_embedding=False)
    run = dataclasses.replace(small(MEMORY), model=model, task=TaskSettings(operation="divide", modulus=7))
    arrays = {path: np.array(v) for path, v in to_arrays(initial_state((run,), [initial_model(run)])).items()}
    before = {path: values.copy() for path, values in arrays.items()}
    change(arrays, 0, run, Fork(step=0, key=np.array([0, 1, 0], np.float32)))
    moved = [path for path in arrays if not np.array_equal(arrays[path], before[path])]
    assert moved == [".model.embed.W_E", ".model.embed_b.W_E", ".model.mlp.W_out"]
    structure = Task.of(run.task).group
    assert structure is not None
    for path, of in zip(moved[:2], ("a", "b"), strict=True):
        order = structure.in_order(of)  # type: ignore[arg-type]
        norms = spectrum(structure.group, arrays[path][0][order])
        assert norms[1] > 0.1
        np.testing.assert_allclose(norms[[0, 2]], 0, atol=1e-6)
        outside = np.setdiff1d(np.arange(8), order)
        np.testing.assert_array_equal(arrays[path][0][outside], before[path][0][outside])


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(2, 9), st.floats(-2, 2))
def test_a_control_moves_as_far_and_to_as_large_a_norm_elsewhere(seed: int, rows: int, columns: int, to: float) -> None:
    rng = np.random.default_rng(seed)
    values, noise = rng.standard_normal((2, rows, columns))
    moved = to * values + noise
    found = as_large(moved, values, rng)
    np.testing.assert_allclose(np.linalg.norm(found), np.linalg.norm(moved))
    np.testing.assert_allclose(np.linalg.norm(values + found), np.linalg.norm(values + moved))
    assert np.linalg.norm(found - moved) > 1e-3


def test_a_control_of_nothing_is_nothing() -> None:
    zero = np.zeros((3, 2))
    np.testing.assert_array_equal(as_large(zero, np.ones((3, 2)), np.random.default_rng(0)), zero)
    np.testing.assert_array_equal(as_large(zero, zero, np.random.default_rng(0)), zero)


@pytest.mark.parametrize("model", [TransformerSettings(d_model=8, heads=2, d_mlp=16, layers=2), MLPSettings(d_mlp=9)])
def test_another_order_of_the_neurons_is_the_same_network_with_its_moments(model: Any) -> None:
    run = dataclasses.replace(small(ORDER), model=model)
    state = initial_state((run, run), [initial_model(run)] * 2)
    arrays = {path: np.array(values) for path, values in to_arrays(state).items()}
    rng = np.random.default_rng(1)
    for path, values in arrays.items():
        if values.ndim > 1:
            arrays[path] = 0.3 * rng.standard_normal(values.shape).astype(np.float32)
    # Each moment is the weights', so that the permutation shows.
    for path in arrays:
        if ".mu" in path or ".nu" in path:
            arrays[path] = arrays[".model" + path.partition("u")[2]].copy()
    before = {path: values.copy() for path, values in arrays.items()}
    change(arrays, 1, run, Fork(step=0))
    for path, values in arrays.items():
        if values.ndim > 1:
            np.testing.assert_array_equal(values[0], before[path][0], err_msg="the other run")
            np.testing.assert_array_equal(np.sort(values[1], axis=None), np.sort(before[path][1], axis=None))
        if ".mu" in path or ".nu" in path:
            np.testing.assert_array_equal(values, arrays[".model" + path.partition("u")[2]])
    into = [path for path in arrays if path.endswith("W_in")]
    assert len(into) >= 3
    assert not any(np.array_equal(arrays[path][1], before[path][1]) for path in into)
    models = [take(from_arrays(state, one).model, np.array(1)) for one in (before, arrays)]
    one, other = (logits_of(model) for model in models)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    assert not np.array_equal(one, other)


# When it is made.


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
