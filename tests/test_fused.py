import dataclasses
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.models import TransformerSettings, named_parameters, with_parameters
from groklab.tasks import Split, SplitSettings, Task, TaskSettings, catalogue
from groklab.tasks.domain import PERMUTATIONS
from groklab.training import OptimiserSettings, Run, fused
from groklab.training.backend import backend
from groklab.training.state import Data, State, data_of, outline, take, to_arrays
from groklab.training.step import advancing, objective
from quick_compiling import QUICK

SMALL = TransformerSettings(d_model=12, heads=2, d_head=5, d_mlp=19)
RUN = Run(
    task=TaskSettings(operation="add", modulus=7),
    split=SplitSettings(size=20),
    model=SMALL,
    optimiser=OptimiserSettings(learning_rate=1e-2, warmup=4, cooldown=5),
    steps=40,
)
LONG = RUN.replace({"task.modulus": 11, "steps": 200, "optimiser.learning_rate": 1e-3})
OPERATIONS = {name: 7 if operation.domain is not PERMUTATIONS else 3 for name, operation in catalogue().items()}


def batch(*runs: Run, double: bool = False, seed: int = 0) -> tuple[Task, State, Data]:
    """A batch with weights as large as initial ones, biases that are not 0, and fresh moments; drawn on the host."""
    task = Task.of(runs[0].task)
    data = data_of(runs, [Split.of(task, run.split, run.data_seed) for run in runs])
    state = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), outline(runs))
    draw, settings = np.random.default_rng(seed), runs[0].model
    assert isinstance(settings, TransformerSettings)

    def drawn(zero: np.ndarray) -> np.ndarray:
        spread = settings.init_scale * settings.d_model**-0.5 if zero.ndim > 2 else 0.1
        return (spread * draw.standard_normal(zero.shape)).astype(zero.dtype)

    none: Any = np.full(len(runs), -1, np.int32)
    state = dataclasses.replace(state, model=jax.tree.map(drawn, state.model), diverged=none)
    if double:
        state, data = jax.tree.map(
            lambda leaf: leaf.astype("float64") if leaf.dtype == "float32" else leaf, (state, data)
        )
    return task, state, data


def copied(state: State) -> State:
    return jax.tree.map(lambda leaf: leaf.copy(), state)


def same_bits(one: State, other: State) -> bool:
    mine, yours = to_arrays(one), to_arrays(other)
    return all(np.array_equal(mine[name], yours[name], equal_nan=True) for name in mine)


def close(one: State, other: State, tolerance: float) -> None:
    mine, yours = to_arrays(one), to_arrays(other)
    for name in mine:
        size = np.abs(yours[name]).max(initial=1e-30)
        assert mine[name].dtype == yours[name].dtype
        np.testing.assert_allclose(mine[name] / size, yours[name] / size, atol=tolerance, rtol=0, err_msg=name)


@cache
def general(run: Run) -> Callable[[State, Data, int], State]:
    """The general step, compiled once for all batches of a shape."""
    return advancing(run, Task.of(run.task))  # type: ignore[return-value]


@cache
def grading(run: Run, template: tuple[int, ...]) -> Callable[..., Any]:
    """Loss and gradient of every run of a batch; of the task, the objective reads the template alone."""
    task = SimpleNamespace(template=template)
    loss = jax.value_and_grad(lambda m, d: objective(m, run, task, d, jax.random.key(0)))
    return jax.jit(jax.vmap(loss), compiler_options=QUICK)


def losses(run: Run, task: Task, state: State, data: Data) -> np.ndarray:
    return np.asarray(grading(run, task.template)(state.model, data)[0])


def first_moment_is_the_gradient(run: Run, task: Task, state: State, data: Data) -> None:
    """In float64; after one step from zero moments the first moment is 0.1 of the gradient."""
    mine = fused.advancing(run, task)(state, data, 1).optimiser[0].mu
    _, wanted = grading(run, task.template)(state.model, data)
    for (path, found), gradient in zip(jax.tree_util.tree_leaves_with_path(mine), jax.tree.leaves(wanted), strict=True):
        found, gradient = np.asarray(found) / (1 - run.optimiser.beta1), np.asarray(gradient)
        np.testing.assert_allclose(found, gradient, rtol=1e-9, atol=1e-12, err_msg=str(path))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    operation, modulus = draw(st.sampled_from(tuple(OPERATIONS.items())))
    biases = st.booleans()
    return Run(
        task=TaskSettings(operation=operation, modulus=modulus, layout=draw(st.sampled_from(("a b =", "a op b =")))),
        split=SplitSettings(fraction=draw(st.sampled_from((0.2, 0.7, 1.0))), noise=draw(st.sampled_from((0.0, 0.5)))),
        model=TransformerSettings(
            d_model=draw(st.integers(1, 40)), heads=draw(st.integers(1, 5)), d_head=draw(st.integers(1, 20)),
            d_mlp=draw(st.integers(1, 70)), attention_biases=draw(biases), mlp_biases=draw(biases),
            unembedding_bias=draw(biases), classes=draw(st.sampled_from((None, 9))), init_scale=2.0,
        ),
        optimiser=OptimiserSettings(
            warmup=draw(st.integers(0, 3)), weight_decay=draw(st.floats(0, 2)), l1=draw(st.sampled_from((0.0, 0.01)))
        ),
        loss=draw(st.sampled_from(("margin", "log_softmax"))),
        seed=draw(st.integers(0, 99)),
    )  # fmt: skip


@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(run=runs())
def test_the_gradient_is_that_of_autodiff_in_float64(run: Run) -> None:
    with jax.enable_x64(True):
        first_moment_is_the_gradient(run, *batch(run, double=True))


@pytest.mark.parametrize("modulus", sorted(set(OPERATIONS.values())))
def test_the_gradient_of_every_operation(modulus: int) -> None:
    named = [name for name in OPERATIONS if OPERATIONS[name] == modulus]
    members = [RUN.replace({"task.operation": name, "task.modulus": modulus}) for name in named]
    with jax.enable_x64(True):
        _, state, _ = batch(members[0], double=True)
        for member in members:
            task = Task.of(member.task)
            data = data_of((member,), [Split.of(task, member.split, member.data_seed)])
            data = dataclasses.replace(data, weight=data.weight.astype("float64"))
            first_moment_is_the_gradient(RUN, task, state, data)


def padded(*, double: bool) -> tuple[Task, State, Data]:
    """Three runs of one shape that differ in the size of the training set, in rates and in seed."""
    members = (
        LONG.replace({"split.size": 15}),
        LONG.replace({"seed": 3, "optimiser.weight_decay": 2.0}),
        LONG.replace({"seed": 4, "optimiser.learning_rate": 3e-4}),
    )
    # A seed at which no rounding of float32 grows until neurons switch: at some the general step's do.
    return batch(*members, double=double, seed=5)


@pytest.mark.parametrize("double", [True, False])
def test_two_hundred_steps_of_padded_runs_agree_with_xla_in_float64_and_float32(double: bool) -> None:
    with jax.enable_x64(double):
        task, state, data = padded(double=double)
        mine = fused.advancing(LONG, task)(copied(state), data, 200)
        exact = losses(LONG, task, general(LONG)(copied(state), data, 200), data)
        np.testing.assert_allclose(losses(LONG, task, mine, data), exact, rtol=1e-5)


def test_the_bits_do_not_depend_on_threads_batch_or_how_steps_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    from groklab.training.fused import engine

    run = RUN.replace({"task.modulus": 53, "split.size": 700, "model.d_mlp": 40})
    task, state, data = batch(run, run.replace({"seed": 5}), run.replace({"seed": 6}))
    whole = fused.advancing(run, task, threads=1)(state, data, 12)
    cut = fused.advancing(run, task, threads=2)
    assert same_bits(cut(cut(state, data, 5), data, 7), whole)
    assert same_bits(fused.advancing(run, task, threads=7)(state, data, 12), whole)
    monkeypatch.setattr(engine, "SHARED_WORK", 0)
    one = np.array([1])
    shared = fused.advancing(run, task, threads=2)(take(state, one), take(data, one), 12)
    assert same_bits(shared, take(whole, one))


def test_either_back_end_goes_on_from_the_other() -> None:
    with jax.enable_x64(True):
        task, state, data = padded(double=True)
        mine, xla = fused.advancing(LONG, task), general(LONG)
        there = xla(mine(copied(state), data, 15), data, 185)
        back = mine(xla(copied(state), data, 15), data, 185)
        pure = xla(copied(state), data, 200)
        close(there, pure, 1e-6)
        close(back, pure, 1e-6)


def with_first(array: Any, value: float) -> np.ndarray:
    changed = np.array(array)
    changed[0] = value
    return changed


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_run_that_diverges_stands_still_and_its_neighbour_does_not(bad: float) -> None:
    task, state, data = padded(double=False)
    sick = dataclasses.replace(
        state, model=jax.tree.map(lambda w: with_first(w, bad) if w.ndim == 3 else w, state.model)
    )
    mine = fused.advancing(LONG, task)(copied(sick), data, 6)
    other = general(LONG)(copied(sick), data, 6)
    assert mine.diverged.tolist() == other.diverged.tolist() == [0, -1, -1]
    assert int(mine.step) == 6
    healthy = fused.advancing(LONG, task)(copied(state), data, 6)
    leaves = (jax.tree.leaves((one.model, one.optimiser)) for one in (mine, sick, healthy))
    for found, before, wanted in zip(*map(list, leaves), strict=True):
        np.testing.assert_array_equal(found[0], np.asarray(before)[0])
        np.testing.assert_array_equal(np.asarray(found)[1:], np.asarray(wanted)[1:])


def wide_margins(times: float) -> tuple[Run, Task, State, Data]:
    """A network trained until its margins are wide, its logits then spread that many times as far; fresh moments."""
    run = RUN.replace({"split.size": 6, "optimiser.cooldown": 0})
    task, state, data = batch(run)
    trained = fused.advancing(run, task)(copied(state), data, 600)
    parameters = {name: np.asarray(leaf) for name, leaf in named_parameters(trained.model).items()}
    parameters["unembed.W_U"] = times * parameters["unembed.W_U"]
    return run, task, dataclasses.replace(state, model=with_parameters(trained.model, parameters)), data


def agrees_in_float32(run: Run, task: Task, state: State, data: Data) -> float:
    """That the fused step's gradient is the general one's; gives the loss."""
    loss, wanted = grading(run, task.template)(state.model, data)
    mine = fused.advancing(run, task)(copied(state), data, 1).optimiser[0].mu
    for found, gradient in zip(jax.tree.leaves(mine), jax.tree.leaves(wanted), strict=True):
        size = np.abs(gradient).max()
        np.testing.assert_allclose(found / size, 0.1 * gradient / size, atol=1e-4)
    return float(loss[0])


def test_losses_far_below_the_rounding_of_float32_keep_their_gradient() -> None:
    assert 0 < agrees_in_float32(*wide_margins(5)) < 1e-12


def test_the_usual_form_loses_what_the_usual_form_loses() -> None:
    run, task, state, data = wide_margins(2.5)
    usual = run.replace({"loss": "log_softmax"})
    assert agrees_in_float32(usual, task, state, data) != agrees_in_float32(run, task, state, data)
    # The right answers' slopes have been rounded to 0, so that those of a pair's logits do not sum to 0.
    right, lost = (
        np.asarray(grading(form, task.template)(state.model, data)[1].unembed.W_U, np.float64) for form in (run, usual)
    )
    assert np.abs(right.sum(axis=-1)).max() < 1e-3 * np.abs(right).max()
    assert np.abs(lost.sum(axis=-1)).max() > 0.1 * np.abs(lost).max()


def test_the_choice_of_a_back_end_and_its_reason() -> None:
    task = Task.of(RUN.task)
    assert backend(RUN, task).name == "fused"
    assert backend(RUN, task, "xla").name == "xla"
    for change, word in (
        ({"model.layers": 2}, "2 layers"),
        ({"model.d_mlp": 0}, "attention only"),
        ({"model.layer_norm": True}, "LayerNorm"),
        ({"model.activation": "gelu"}, "gelu"),
        ({"optimiser.name": "sgd"}, "sgd"),
        ({"batch_size": 3}, "minibatches"),
        ({"dropout": 0.1}, "dropout"),
    ):
        chosen = backend(RUN.replace(change), task)
        assert chosen.name == "xla"
        assert word in chosen.why
        with pytest.raises(Mistake, match=word):
            backend(RUN.replace(change), task, "fused")
