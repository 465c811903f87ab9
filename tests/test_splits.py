"""Splits, nested subsets and label noise against loops written from the definitions."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.errors import Mistake
from groklab.tasks import Split, SplitSettings, Task, parse_task


def task_of(name: str) -> Task:
    return Task.of(parse_task(name))


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
