"""How runs are packed into batches, and what is refused before any training."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.models import MLPSettings, TransformerSettings
from groklab.tasks import Split, SplitSettings, Task, TaskSettings
from groklab.training import Run, plan, with_parents
from groklab.training.plan import check

SMALL = Run(
    task=TaskSettings(modulus=7),
    split=SplitSettings(size=20),
    model=TransformerSettings(d_model=8, heads=2, d_mlp=8),
    steps=10,
)


def of(**changes: Any) -> Run:
    return SMALL.replace(changes)


roots = st.builds(
    lambda size, seed, rate, steps, width: of(size=size, seed=seed, learning_rate=rate, steps=steps, d_mlp=width),
    st.integers(3, 49),
    st.integers(0, 9),
    st.sampled_from([1e-3, 1e-2]),
    st.sampled_from([10, 20]),
    st.sampled_from([0, 8]),
)
children = st.builds(
    lambda parent, seed, size: dataclasses.replace(parent, start=parent, seed=seed).replace({"size": size}),
    roots,
    st.integers(0, 3),
    st.integers(3, 49),
)
families = st.lists(roots | children, min_size=1, max_size=30).map(with_parents)


def size_of(run: Run) -> int:
    return len(Split.of(Task.of(run.task), run.split, run.data_seed).train)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(families, st.integers(1, 9))
def test_batches_hold_every_run_once_in_equal_shapes_parents_first(runs: tuple[Run, ...], largest: int) -> None:
    batches = plan(runs, largest)
    assert sorted(number for batch in batches for number in batch.members) == list(range(len(runs)))
    place = {run: number for number, batch in enumerate(batches) for run in batch.runs}
    for batch in batches:
        assert batch.runs == tuple(runs[number] for number in batch.members)
        assert len(batch.runs) <= largest
        sizes = [size_of(run) for run in batch.runs]
        assert max(sizes) <= 1.5 * min(sizes)
        first = batch.runs[0]
        for run in batch.runs:
            assert (run.steps, run.model, run.task) == (first.steps, first.model, first.task)
            assert run.start is None or place[run.start] < place[run]
    assert len({batch.name for batch in batches}) == len(batches)
    assert plan(runs, largest) == batches
    assert [batch.name for batch in plan(tuple(map(copied, runs)), largest)] == [b.name for b in batches]


def copied(run: Run) -> Run:
    back = Run.from_json(run.to_json())
    assert isinstance(back, Run)
    return back


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(roots | children, max_size=12))
def test_parents_stand_before_their_children_and_nobody_twice(runs: list[Run]) -> None:
    ordered = with_parents(runs)
    assert set(ordered) == set(runs) | {run.start for run in runs if run.start is not None}
    assert len(set(ordered)) == len(ordered)
    for number, run in enumerate(ordered):
        assert run.start is None or run.start in ordered[:number]
    assert with_parents(ordered) == ordered


def test_three_generations() -> None:
    old = of()
    middle = dataclasses.replace(old, start=old)
    young = dataclasses.replace(old, start=middle)
    assert with_parents([young, old]) == (old, middle, young)
    assert [batch.runs for batch in plan((young, middle, old))] == [(old,), (middle,), (young,)]


def test_what_may_differ_in_a_batch() -> None:
    together = [
        {"seed": 5}, {"learning_rate": 0.5}, {"weight_decay": 0.5}, {"init_scale": 2.0}, {"size": 25},
        {"labels": "random"}, {"noise": 0.1}, {"split.seed": 4}, {"held_out": 0.2},
    ]  # fmt: skip
    apart = [
        {"steps": 11}, {"d_mlp": 16}, {"operation": "subtract"}, {"beta2": 0.9}, {"batch_size": 3},
        {"dropout": 0.1}, {"loss": "log_softmax"}, {"logging.every": 7}, {"stop.seconds": 3}, {"l1": 0.1},
    ]  # fmt: skip
    assert len(plan((SMALL, *(of(**change) for change in together)), largest=20)) == 1
    assert len(plan((SMALL, *(of(**change) for change in apart)), largest=20)) == 1 + len(apart)
    mlp = dataclasses.replace(SMALL, model=MLPSettings())
    assert len(plan((SMALL, mlp, mlp.replace({"init_scale": 0.5})))) == 2


def test_padding_and_the_largest_batch() -> None:
    def sizes(*given: int, largest: int = 8) -> list[list[int]]:
        runs = tuple(of(size=size, seed=number) for number, size in enumerate(given))
        return [[size_of(run) for run in batch.runs] for batch in plan(runs, largest)]

    assert sizes(30, 20) == [[20, 30]]
    assert sizes(31, 20) == [[20], [31]]
    assert sizes(40, 10, 14, 11, 45, 15, 16) == [[10, 11, 14, 15], [16], [40, 45]]
    assert sizes(*[20] * 17) == [[20] * 8, [20] * 8, [20]]
    assert sizes(20, 21, 22, largest=2) == [[20, 21], [22]]
    assert plan(()) == []


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (of(batch_size=21), "batch_size 21 is above the training set's 20 examples; give at most 20"),
        (of(size=50), "split.size is 50, but add:7 has only 49 pairs"),
        (of(operation="divide", modulus=8), "divide needs a prime modulus, not 8; the nearest primes are 7 and 11"),
        (of(operation="ad"), "no operation is called 'ad'; did you mean add"),
        (of(classes=6), "model.classes is 6, but add:7 has 7 answers; give at least 7"),
        (
            dataclasses.replace(SMALL, start=of(modulus=11)),
            "a run of add:7 cannot start from one of add:11: their tokens differ",
        ),
        (
            dataclasses.replace(SMALL, start=of(layout="a op b =")),
            "a run of add:7 cannot start from one of add:7:op: their tokens differ",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(run: Run, said: str) -> None:
    for ask in (check, plan):
        with pytest.raises(Mistake) as refused:
            ask((SMALL, run))
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)


def test_a_batch_size_of_the_whole_set_and_a_start_from_another_operation_are_fine() -> None:
    check((of(batch_size=20), dataclasses.replace(SMALL, start=of(operation="subtract"))))
