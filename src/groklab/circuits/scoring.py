"""Loss and accuracy of any table of logits, on the train, the test and all pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.circuits.changes import SLAB, Change


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy in nats (margin form, float32) and share of right answers; NaN without such pairs."""

    train_loss: float
    """On the train pairs, against the labels trained on."""
    test_loss: float
    """On the test pairs."""
    loss: float
    """On all pairs."""
    train_accuracy: float
    """Share of the train pairs whose label has the largest logit."""
    test_accuracy: float
    """The same on the test pairs."""
    accuracy: float
    """The same on all pairs."""


class Scorer:
    """Scores logits over the pairs that are looked at. `chance` is the loss of uniform guessing."""

    def __init__(
        self,
        labels: Int[np.ndarray, " pair"],
        classes: int,
        train: Bool[np.ndarray, " pair"] | None = None,
        test: Bool[np.ndarray, " pair"] | None = None,
    ) -> None:
        none = np.zeros(len(labels), bool)
        self.chance = float(np.log(classes))
        self.train = none if train is None else train
        self.test = none if test is None else test
        self.labels = labels
        # A label outside the group's answers cannot be right or wrong here: its pair counts nowhere.
        self._masks = np.stack([self.train, self.test, ~none]) & (labels >= 0)
        self._own = np.maximum(labels, 0)

    def __call__(self, logits: Float[np.ndarray, "*pair c"] | Change) -> Score:
        """The score of logits over the pairs, in the order of the labels."""
        slabs = logits.slabs() if isinstance(logits, Change) else _slabs(logits.reshape(len(self.labels), -1))
        sums = np.zeros((2, len(self._masks)))
        for pairs, slab in slabs:
            sums += _losses(slab, self._own[pairs]) @ self._masks[:, pairs].T
        with np.errstate(invalid="ignore"):
            means = sums / self._masks.sum(axis=1)
        return Score(*means.reshape(-1).tolist())


def _slabs(logits: Float[np.ndarray, "pair c"]) -> Iterator[tuple[slice, Float[np.ndarray, "pair c"]]]:
    for start in range(0, len(logits), SLAB):
        pairs = slice(start, start + SLAB)
        yield pairs, logits[pairs].astype(np.float32)


def _losses(logits: Float[np.ndarray, "pair c"], labels: Int[np.ndarray, " pair"]) -> Float[np.ndarray, "2 pair"]:
    """Each pair's loss, as `groklab.losses.margin_loss`, and whether its answer is right. Writes on the logits."""
    pair = np.arange(len(labels))
    logits -= logits[pair, labels][:, None]
    logits[pair, labels] = -np.inf
    with np.errstate(over="ignore"):
        # Without the largest taken out first: the sum mostly says who is ahead, and seldom overflows.
        rest = np.exp(logits).sum(axis=1)
    loss, right = np.log1p(rest), rest < 1
    unsure = np.flatnonzero(~right & (rest < logits.shape[1] - 1))
    if len(unsure):
        right[unsure] = logits[unsure].max(axis=1) < 0
    far = np.flatnonzero(np.isinf(rest))
    if len(far):
        most = logits[far].max(axis=1)
        loss[far] = most + np.log(np.exp(logits[far] - most[:, None]).sum(axis=1))
    return np.stack([loss, right]).astype(np.float64)


def median_and_range(scores: Sequence[Score]) -> tuple[Score, Score, Score]:
    """The median, the least and the largest of every entry of several scores."""
    names = list(Score.__dataclass_fields__)
    values = np.array([[getattr(score, name) for name in names] for score in scores])
    ways = (np.median, np.min, np.max)
    return tuple(Score(*way(values, axis=0).tolist()) for way in ways)  # pyright: ignore[reportReturnType]
