"""Which rows of a task are trained on and with which labels, and which are tested on."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.errors import Mistake
from groklab.tasks.settings import SplitSettings
from groklab.tasks.task import Task


class _Draw(IntEnum):
    """What random numbers are drawn for; each has its own stream."""

    ORDER = 0
    LABELS = 1
    NOISE = 2
    WRONG_LABELS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The training and test rows of one run. Made by `Split.of`.

    Axes: pair, the rows of the task's table; size, the training rows. No row is in both train and test.
    """

    train: Int[np.ndarray, " size"]
    """The training rows, in the order of the permutation (or as given), int32."""
    train_mask: Bool[np.ndarray, " pair"]
    """Whether a row is trained on."""
    test: Bool[np.ndarray, " pair"]
    """Whether a row is tested on; nowhere true when the whole table is trained on."""
    labels: Int[np.ndarray, " pair"]
    """The labels: those trained on at the training rows, the right answers elsewhere, int32."""
    mirror_trained: Bool[np.ndarray, " pair"]
    """Test rows (a, b) whose mirror (b, a) is trained on."""
    mirror_untrained: Bool[np.ndarray, " pair"]
    """The other test rows, those with a = b and those without a mirror among them."""

    @staticmethod
    def of(task: Task, settings: SplitSettings, data_seed: int) -> "Split":
        """The split of a task's table. `data_seed` decides the permutation, random labels and noise.

        For each of these every row of the table gets a random number of its own, whatever the other settings:

        - The permutation sorts the rows by theirs. The training set is its beginning, so smaller sets lie in
          larger ones. The held-out test set is its end.
        - A random label is uniform over all n answers; now and then it is the right one.
        - A row is noisy if its number is below `noise`. So a row's label is the same for every size of the
          training set, the rows noisy at 0.1 are noisy at 0.2, and the share of noisy rows is binomial around
          `noise`. A noisy label is uniform over the answers other than the row's label without noise.

        Raises `Mistake` for a training set that is empty or larger than the table without its held-out part,
        rows outside the table, given twice or held out, a held-out part without rows, and a negative seed.
        """
        if data_seed < 0:
            raise Mistake(f"split.seed must be 0 or more, not {data_seed}")
        order = np.argsort(_uniforms(task, data_seed, _Draw.ORDER), kind="stable").astype(np.int32)
        held_out = order[task.pairs - _held_out_size(task, settings) :]
        if settings.indices is not None:
            train = _given_rows(task, settings.indices, held_out)
        else:
            train = order[: _train_size(task, settings, len(held_out))]
        train_mask = _mask(task, train)
        test = _mask(task, held_out) if len(held_out) else ~train_mask
        mirror_trained = test & (task.mirror >= 0) & train_mask[task.mirror]
        return Split(
            train=train,
            train_mask=train_mask,
            test=test,
            labels=np.where(train_mask, _train_labels(task, settings, data_seed), task.answers),
            mirror_trained=mirror_trained,
            mirror_untrained=test & ~mirror_trained,
        )


def _train_labels(task: Task, settings: SplitSettings, data_seed: int) -> Int[np.ndarray, " pair"]:
    """The label every row of the table has if it is trained on."""
    labels = task.answers
    if settings.labels == "random":
        labels = _whole(_uniforms(task, data_seed, _Draw.LABELS), task.classes)
    if settings.noise > 0:
        noisy = _uniforms(task, data_seed, _Draw.NOISE) < settings.noise
        shift = 1 + _whole(_uniforms(task, data_seed, _Draw.WRONG_LABELS), task.classes - 1)
        labels = np.where(noisy, (labels + shift) % task.classes, labels)
    return labels


def _held_out_size(task: Task, settings: SplitSettings) -> int:
    size = int(settings.held_out * task.pairs)
    if settings.held_out > 0 and size == 0:
        raise Mistake(f"split.held_out {settings.held_out} of the {task.pairs} pairs of {task.name} is none")
    return size


def _train_size(task: Task, settings: SplitSettings, held_out: int) -> int:
    if settings.fraction is not None:
        size = int(settings.fraction * task.pairs)
        given = f"split.fraction {settings.fraction} of the {task.pairs} pairs of {task.name} is {size}"
    else:
        size = settings.size or 0
        given = f"split.size is {size}"
    if size == 0:
        raise Mistake(f"{given}: an empty training set; give at least 1 pair")
    if size > task.pairs - held_out:
        beside = f" beside the {held_out} held out" if held_out else ""
        raise Mistake(f"{given}, but {task.name} has only {task.pairs - held_out} pairs to train on{beside}")
    return size


def _given_rows(task: Task, indices: tuple[int, ...], held_out: Int[np.ndarray, " held"]) -> Int[np.ndarray, " size"]:
    outside = [row for row in indices if not 0 <= row < task.pairs]
    if outside:
        raise Mistake(f"split.indices has row {outside[0]}, but {task.name} has rows 0 to {task.pairs - 1}")
    rows, times = np.unique(indices, return_counts=True)
    if times.max() > 1:
        raise Mistake(f"split.indices has row {rows[times.argmax()]} {times.max()} times; give each row once")
    clash = np.intersect1d(rows, held_out)
    if len(clash):
        raise Mistake(
            f"split.indices has rows that split.held_out keeps for the test, {len(clash)} of them, such as "
            f"{clash[0]}; leave them out, or set split.held_out to 0"
        )
    return np.array(indices, dtype=np.int32)


def _mask(task: Task, rows: Int[np.ndarray, " rows"]) -> Bool[np.ndarray, " pair"]:
    mask = np.zeros(task.pairs, dtype=np.bool_)
    mask[rows] = True
    return mask


def _uniforms(task: Task, data_seed: int, draw: _Draw) -> Float[np.ndarray, " pair"]:
    """A number for every row, uniform on [0, 1), from the stream of this seed and purpose."""
    sequence = np.random.SeedSequence(data_seed, spawn_key=(draw,))
    return np.random.Generator(np.random.PCG64(sequence)).random(task.pairs)


def _whole(uniforms: Float[np.ndarray, " pair"], below: int) -> Int[np.ndarray, " pair"]:
    """Uniform whole numbers from 0 to below - 1."""
    return (uniforms * below).astype(np.int32)
