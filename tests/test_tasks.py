"""Tables, tokens and splits against loops written from the definitions."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.tasks import Split, SplitSettings, Task, TaskSettings, catalogue, find_operation, parse_task

Permutation = tuple[int, ...]


def task_of(name: str) -> Task:
    return Task.of(parse_task(name))


def divided(x: int, y: int, p: int) -> int:
    """The z with z y = x, by trying them all."""
    return next(z for z in range(p) if z * y % p == x)


ARITHMETIC: dict[str, Callable[[int, int, int], int]] = {
    "add": lambda x, y, p: x + y,
    "subtract": lambda x, y, p: x - y,
    "multiply": lambda x, y, p: x * y,
    "divide": divided,
    "divide_or_subtract": lambda x, y, p: divided(x, y, p) if y % 2 else x - y,
    "squares": lambda x, y, p: x * x + y * y,
    "quadratic": lambda x, y, p: x * x + x * y + y * y,
    "quadratic_plus_x": lambda x, y, p: x * x + x * y + y * y + x,
    "cubic": lambda x, y, p: x * x * x + x * y,
    "cubic_plus_y": lambda x, y, p: x * x * x + x * y * y + y,
}


def after(x: Permutation, y: Permutation) -> Permutation:
    return tuple(x[i] for i in y)


def undone(x: Permutation) -> Permutation:
    return tuple(x.index(i) for i in range(len(x)))


PERMUTATIONS: dict[str, Callable[[Permutation, Permutation], Permutation]] = {
    "compose": after,
    "conjugate": lambda x, y: after(after(x, y), undone(x)),
    "sandwich": lambda x, y: after(after(x, y), x),
}


def test_every_operation_of_power_et_al_is_there_and_has_an_oracle_here() -> None:
    assert catalogue().keys() == ARITHMETIC.keys() | PERMUTATIONS.keys()
    assert all(name == operation.name for name, operation in catalogue().items())
    assert len({operation.formula for operation in catalogue().values()}) == 13


@pytest.mark.parametrize("prime", [2, 3, 13])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_against_its_definition(name: str, prime: int) -> None:
    task = task_of(f"{name}:{prime}")
    pairs = [(a, b) for a, b in itertools.product(range(prime), repeat=2) if name != "divide" or b]
    assert list(zip(task.a.tolist(), task.b.tolist(), strict=True)) == pairs
    assert task.answers.tolist() == [ARITHMETIC[name](a, b, prime) % prime for a, b in pairs]


@pytest.mark.parametrize("degree", [2, 3, 4])
@pytest.mark.parametrize("name", PERMUTATIONS)
def test_permutations_against_their_definition(name: str, degree: int) -> None:
    task = task_of(f"{name}:{degree}")
    permutations = sorted(itertools.permutations(range(degree)))
    pairs = list(itertools.product(permutations, repeat=2))
    assert [(permutations[a], permutations[b]) for a, b in zip(task.a, task.b, strict=True)] == pairs
    assert [permutations[c] for c in task.answers] == [PERMUTATIONS[name](x, y) for x, y in pairs]


def test_large_arithmetic_does_not_overflow() -> None:
    task = task_of("cubic_plus_y:1999")
    row = task.row(1998, 1997)
    assert task.answers[row] == (1998**3 + 1998 * 1997**2 + 1997) % 1999


@pytest.mark.parametrize("name", ["add:10", "squares:10", "compose:5"])
def test_moduli_need_be_prime_only_where_one_divides(name: str) -> None:
    task = task_of(name)
    assert task.pairs == task.elements**2
    assert 0 <= task.answers.min() <= task.answers.max() < task.elements


@pytest.mark.parametrize("name", [f"{name}:13" for name in ARITHMETIC] + [f"{name}:4" for name in PERMUTATIONS])
def test_commutativity_and_mirrors(name: str) -> None:
    task = task_of(name)
    known = {(int(a), int(b)): row for row, (a, b) in enumerate(zip(task.a, task.b, strict=True))}
    assert task.mirror.tolist() == [known.get((b, a), -1) for a, b in known]
    assert all(task.row(a, b) == row for (a, b), row in known.items())
    mirrored = task.mirror >= 0
    same = np.array_equal(task.answers[mirrored], task.answers[task.mirror[mirrored]])
    assert task.operation.commutative == same


@pytest.mark.parametrize("name", ["add:12", "subtract:12", "multiply:13", "divide:13", "multiply:2", "compose:4"])
def test_a_group_structure_explains_every_answer_inside_the_group(name: str) -> None:
    task = task_of(name)
    structure = task.group
    assert structure is not None
    x, y = structure.a_element[task.a], structure.b_element[task.b]
    inside = (x >= 0) & (y >= 0)
    np.testing.assert_array_equal(
        structure.answer_element[task.answers][inside], structure.group.product[x[inside], y[inside]]
    )
    assert inside.sum() == structure.group.order**2
    for of, elements in [
        ("a", structure.a_element),
        ("b", structure.b_element),
        ("answer", structure.answer_element),
    ]:
        order = structure.in_order(of)
        np.testing.assert_array_equal(elements[order], np.arange(structure.group.order))


def test_operations_without_a_group_have_none() -> None:
    with_one = {name for name, operation in catalogue().items() if operation.structure is not None}
    assert with_one == {"add", "subtract", "multiply", "divide", "compose"}
    assert task_of("cubic:7").group is None


def test_three_tokens() -> None:
    task = Task.of(TaskSettings())
    assert (task.name, task.elements, task.classes, task.vocabulary, task.length) == (
        "add:113",
        113,
        113,
        114,
        3,
    )
    assert task.operand_positions == (0, 1)
    row = task.row(7, 110)
    assert row == 7 * 113 + 110
    assert task.tokens[row].tolist() == [7, 110, 113]
    assert task.answers[row] == 4


def test_four_tokens() -> None:
    task = Task.of(TaskSettings(layout="a op b ="))
    assert (task.name, task.classes, task.vocabulary, task.length) == ("add:113:op", 113, 115, 4)
    assert task.operand_positions == (0, 2)
    assert task.tokens[task.row(7, 110)].tolist() == [7, 113, 110, 114]


@pytest.mark.parametrize("layout", ["a b =", "a op b ="])
def test_operands_stand_where_the_task_says(layout: str) -> None:
    task = Task.of(TaskSettings(operation="divide", modulus=7, layout=layout))
    first, second = task.operand_positions
    assert task.tokens.shape == (42, task.length)
    np.testing.assert_array_equal(task.tokens[:, first], task.a)
    np.testing.assert_array_equal(task.tokens[:, second], task.b)
    assert (task.tokens[:, -1] == task.vocabulary - 1).all()


def test_a_task_is_made_once_and_its_arrays_are_small_and_read_only() -> None:
    task = task_of("divide:13")
    assert task is task_of("divide:13")
    for array in (task.a, task.b, task.answers, task.tokens, task.mirror, task.row_table):
        assert array.dtype == np.int32
        assert not array.flags.writeable


@pytest.mark.parametrize("name", ["add:113", "compose:5:op", "divide_or_subtract:97"])
def test_names_are_read_back(name: str) -> None:
    assert task_of(name).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("add", "operation:modulus, such as add:113 .*, not 'add'"),
        ("", "operation:modulus"),
        ("add:", "operation:modulus"),
        ("add:x", "operation:modulus"),
        ("add:-3", "operation:modulus"),
        ("add:5:ip", "operation:modulus"),
        ("add:5:op:op", "operation:modulus"),
        ("ad:113", "no operation is called 'ad'; did you mean add"),
        ("zzz:113", "known: add, compose"),
        ("divide:100", "divide needs a prime modulus, not 100; the nearest primes are 97 and 101$"),
        ("multiply:4", "the nearest primes are 3 and 5$"),
        ("multiply:1", "multiply needs a prime modulus from 2 to 2000, not 1$"),
        ("add:1", "add needs a modulus from 2 to 2000, not 1$"),
        ("add:100000", "from 2 to 2000, not 100000"),
        ("compose:113", "compose permutes 2 to 5 things, not 113"),
    ],
)
def test_what_is_no_task(text: str, said: str) -> None:
    with pytest.raises(Mistake, match=said) as caught:
        parse_task(text)
    assert "\n" not in str(caught.value)


def test_a_task_refuses_its_settings_mistakes() -> None:
    with pytest.raises(Mistake, match="no operation is called"):
        Task.of(TaskSettings(operation="plus"))
    with pytest.raises(Mistake, match="prime"):
        Task.of(TaskSettings(operation="divide_or_subtract", modulus=9))
    with pytest.raises(Mistake, match=r"divide:7 has no answer for \(3, 0\)"):
        task_of("divide:7").row(3, 0)
    with pytest.raises(Mistake, match="operands are 0 to 6"):
        task_of("add:7").row(7, 0)


split_settings = st.fixed_dictionaries(
    {
        "labels": st.sampled_from(["true", "random"]),
        "noise": st.sampled_from([0.0, 0.3]),
        "held_out": st.sampled_from([0.0, 0.2]),
    }
)
split_tasks = st.sampled_from(["add:11", "divide:11", "compose:3:op", "conjugate:4"])


@settings(deadline=None, max_examples=60, derandomize=True)
@given(name=split_tasks, parts=split_settings, size=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_the_parts_of_a_split(name: str, parts: dict[str, Any], size: int, seed: int) -> None:
    task = task_of(name)
    held_out = int(parts["held_out"] * task.pairs)
    size = min(size, task.pairs - held_out)
    chosen = SplitSettings(size=size, **parts)
    split = Split.of(task, chosen, seed)
    train, test = set(split.train.tolist()), set(np.flatnonzero(split.test).tolist())
    assert len(train) == len(split.train) == size
    assert train == set(np.flatnonzero(split.train_mask).tolist())
    assert not train & test
    assert len(test) == (held_out or task.pairs - size)

    same = Split.of(task, chosen, seed)
    np.testing.assert_array_equal(same.train, split.train)
    np.testing.assert_array_equal(same.labels, split.labels)

    np.testing.assert_array_equal(split.labels[~split.train_mask], task.answers[~split.train_mask])
    assert 0 <= split.labels.min() <= split.labels.max() < task.classes
    assert split.labels.dtype == split.train.dtype == np.int32
    if chosen.labels == "true" and chosen.noise == 0:
        np.testing.assert_array_equal(split.labels, task.answers)

    for row in range(task.pairs):
        mirror_seen = row in test and (task.b[row], task.a[row]) in {(task.a[t], task.b[t]) for t in train}
        assert split.mirror_trained[row] == mirror_seen
        assert split.mirror_untrained[row] == (row in test and not mirror_seen)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    name=split_tasks,
    parts=split_settings,
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(st.integers(1, 28), st.integers(1, 28)),
)
def test_smaller_training_sets_lie_in_larger_ones(
    name: str, parts: dict[str, Any], seed: int, sizes: tuple[int, int]
) -> None:
    small, large = (Split.of(task_of(name), SplitSettings(size=size, **parts), seed) for size in sorted(sizes))
    np.testing.assert_array_equal(small.train, large.train[: len(small.train)])
    np.testing.assert_array_equal(small.labels[small.train], large.labels[small.train])
    if parts["held_out"]:
        np.testing.assert_array_equal(small.test, large.test)


def test_the_published_fraction_rounds_down() -> None:
    split = Split.of(task_of("add:113"), SplitSettings(fraction=0.3), 0)
    assert len(split.train) == 3830
    assert split.test.sum() == 8939


def test_permutations_are_uniform_over_seeds() -> None:
    task = task_of("add:2")
    firsts = [tuple(Split.of(task, SplitSettings(size=2), seed).train) for seed in range(1200)]
    pairs, counts = np.unique(firsts, axis=0, return_counts=True)
    assert len(pairs) == 12
    # Each count is binomial with mean 100 and standard deviation 9.6.
    assert counts.min() > 60
    assert counts.max() < 140


def test_permutation_labels_and_noise_are_independent_streams() -> None:
    task = task_of("add:53")
    whole = {"fraction": 1.0}
    plain, noisy, random, both = (
        Split.of(task, SplitSettings(**whole, **more), 5)
        for more in ({}, {"noise": 0.2}, {"labels": "random"}, {"noise": 0.2, "labels": "random"})
    )
    for split in (noisy, random, both):
        np.testing.assert_array_equal(split.train, plain.train)
    # Noise falls on the same rows, whatever the labels were.
    np.testing.assert_array_equal(noisy.labels != plain.labels, both.labels != random.labels)
    position = np.argsort(plain.train)
    for one, other in itertools.combinations([position, random.labels, noisy.labels != plain.labels], 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(task.pairs)


def test_random_labels_are_uniform_and_say_nothing_of_the_answer() -> None:
    task = task_of("add:53")
    labels = Split.of(task, SplitSettings(fraction=1.0, labels="random"), 1).labels
    counts = np.bincount(labels, minlength=53)
    chi_squared = ((counts - 53) ** 2 / 53).sum()
    assert 20 < chi_squared < 100  # 52 degrees of freedom
    right = np.count_nonzero(labels == task.answers)
    assert abs(right - 53) < 4 * np.sqrt(53)


def test_noise_replaces_its_share_by_wrong_labels_and_grows_with_it() -> None:
    task = task_of("add:53")
    wrong = [Split.of(task, SplitSettings(fraction=1.0, noise=noise), 2).labels != task.answers for noise in (0.1, 0.2)]
    for share, rows in zip((0.1, 0.2), wrong, strict=True):
        assert abs(rows.mean() - share) < 4 * np.sqrt(share * (1 - share) / task.pairs)
    assert (wrong[1] >= wrong[0]).all()
    shift = (Split.of(task, SplitSettings(fraction=1.0, noise=0.99), 2).labels - task.answers) % 53
    assert set(shift.tolist()) == set(range(53))


def test_seeds_differ() -> None:
    task, chosen = task_of("add:53"), SplitSettings(size=100)
    assert set(Split.of(task, chosen, 0).train) != set(Split.of(task, chosen, 1).train)


def test_what_a_seed_draws_stays_the_same_in_every_version() -> None:
    split = Split.of(task_of("add:113"), SplitSettings(size=6, labels="random", noise=0.5), 0)
    assert split.train.tolist() == [10029, 1778, 9177, 11165, 10928, 5382]
    assert split.labels[split.train].tolist() == [15, 62, 67, 28, 48, 60]


def test_given_rows_are_trained_on_in_the_order_given() -> None:
    task = task_of("add:5")
    split = Split.of(task, SplitSettings(indices=(7, 3, 24)), 0)
    assert split.train.tolist() == [7, 3, 24]
    assert np.flatnonzero(~split.test).tolist() == [3, 7, 24]
    assert np.flatnonzero(split.mirror_trained).tolist() == [task.row(2, 1), task.row(3, 0)]


def test_training_on_everything_leaves_no_test() -> None:
    split = Split.of(task_of("add:5"), SplitSettings(fraction=1.0), 0)
    assert split.train_mask.all()
    assert not split.test.any()
    assert not split.mirror_untrained.any()


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"size": 26}, "split.size is 26, but add:5 has only 25 pairs to train on$"),
        ({"size": 21, "held_out": 0.2}, "21, but add:5 has only 20 pairs to train on beside the 5 held out"),
        ({"fraction": 1.0, "held_out": 0.2}, "split.fraction 1.0 of the 25 pairs of add:5 is 25, but .* 20"),
        ({"fraction": 0.01}, "split.fraction 0.01 of the 25 pairs of add:5 is 0: an empty training set"),
        ({"size": 3, "held_out": 0.01}, "split.held_out 0.01 of the 25 pairs of add:5 is none"),
        ({"indices": (3, 25)}, "split.indices has row 25, but add:5 has rows 0 to 24"),
        ({"indices": (-1,)}, "split.indices has row -1"),
        ({"indices": (4, 3, 4)}, "split.indices has row 4 2 times; give each row once"),
        ({"indices": tuple(range(25)), "held_out": 0.2}, "that split.held_out keeps for the test, 5 of them"),
    ],
)
def test_what_is_no_split(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(Mistake, match=said) as caught:
        Split.of(task_of("add:5"), SplitSettings(**chosen), 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({}, "exactly one of fraction, size and indices; none given"),
        ({"fraction": 0.3, "size": 5}, "fraction and size given"),
        ({"fraction": 1.5}, "split.fraction must be above 0 and at most 1, not 1.5"),
        ({"size": 0}, "split.size is 0: an empty training set"),
        ({"indices": ()}, "split.indices is empty"),
        ({"size": 3, "noise": 1.0}, "split.noise must be at least 0 and below 1, not 1.0"),
        ({"size": 3, "held_out": -0.1}, "split.held_out must be at least 0"),
    ],
)
def test_what_are_no_split_settings(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(Mistake, match=said):
        SplitSettings(**chosen)


def test_seeds_are_not_negative() -> None:
    with pytest.raises(Mistake, match=r"split.seed must be 0 or more, not -1"):
        Split.of(task_of("add:5"), SplitSettings(size=3), -1)


def test_a_misspelt_operation_costs_no_heavy_import() -> None:
    code = """
import sys
from groklab.errors import Mistake
from groklab.tasks import parse_task
try:
    parse_task("ad:113")
except Mistake as mistake:
    print(mistake)
print(sorted({"jax", "equinox", "xarray", "zarr", "plotly", "scipy"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["no operation is called 'ad'; did you mean add?", "[]"]


def test_find_operation_imports_the_one_that_is_asked_for() -> None:
    assert find_operation("add").formula == "x + y mod P"
    with pytest.raises(Mistake, match="did you mean"):
        find_operation("multipy")
