"""What happens to loss and accuracy when parts are kept or removed, beside the same with random frequencies.

Nanda et al. 2023, section 4.4 and appendix C.1. The null of an ablation at the key frequencies is the same
ablation at as many frequencies drawn from the others.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from groklab.circuits.anatomy import Anatomy
from groklab.circuits.attention import Attention
from groklab.circuits.changes import Change
from groklab.circuits.scoring import Score, Scorer, median_and_range
from groklab.circuits.surgery import Surgery
from groklab.machine import cores

DRAWS = 200

AT_FREQUENCIES = {
    "keep_sums": "logits: mean and sum directions of the key frequencies kept",
    "keep_products": "logits: mean and 2x2 products of the key frequencies kept",
    "keep_terms": "logits: mean and 8 terms of each key frequency kept",
    "without_sums": "logits: sum directions of the key frequencies removed",
    "without_cosines": "logits: the cosines of a+b-c of the key frequencies removed",
    "neurons_keep_terms": "neurons: mean and 8 terms of each key frequency kept",
    "neurons_without_terms": "neurons: 8 terms of each key frequency removed",
    "neurons_on_directions": "neurons: projected on the W_L directions of the key frequencies",
    "neurons_off_directions": "neurons: projected on the rest",
}
"""Ablations that take a choice of frequencies, by their name in `Surgery`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Null:
    """The same ablation at random frequencies that are not key."""

    draws: int
    """How many choices; for a single frequency, all of them."""
    frequencies: int
    """How many frequencies a choice has."""
    median: Score
    """The median of every entry."""
    least: Score
    """The least."""
    largest: Score
    """The largest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ablation:
    """One ablation."""

    name: str
    """Its name."""
    words: str
    """What was done."""
    score: Score
    """Loss and accuracy after it."""
    null: Null | None = None
    """The same at random frequencies; nothing where the ablation has none or too few frequencies are left."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ByFrequency:
    """Every frequency removed alone: mean loss over all pairs."""

    frequencies: tuple[int | str, ...]
    """The labels."""
    logits: Float[np.ndarray, " k"]
    """After its sum directions are removed from the logits."""
    neurons: Float[np.ndarray, " k"] | None
    """After its 8 terms are removed from every neuron."""


def at_frequencies(
    surgery: Surgery, key: Bool[np.ndarray, " k"], scorer: Scorer, rng: np.random.Generator
) -> Iterator[Ablation]:
    """All key frequencies at once, each way beside its null. Nothing without key frequencies."""
    if not key.any():
        return
    choices = draws(key, rng)
    for name, words in AT_FREQUENCIES.items():
        if name.startswith("neurons") and surgery.through is None:
            continue
        way: Callable[[Bool[np.ndarray, " k"]], Change] = getattr(surgery, name)
        score, *scores = _at_once(lambda choice, way=way: scorer(way(choice)), [key, *choices])
        yield Ablation(name=name, words=words, score=score, null=_null(scores, int(key.sum())))


def one_by_one(surgery: Surgery, key: Bool[np.ndarray, " k"], scorer: Scorer) -> tuple[list[Ablation], ByFrequency]:
    """Every frequency removed alone; the key ones in full, all others together as their null."""
    found: list[Ablation] = []
    losses: dict[str, np.ndarray] = {}
    ways = {"without_sums": "logits: sum directions of {} removed"}
    if surgery.through is not None:
        ways["neurons_without_terms"] = "neurons: 8 terms of {} removed"
    for name, words in ways.items():
        way: Callable[[Bool[np.ndarray, " k"]], Change] = getattr(surgery, name)
        scores = _at_once(lambda one, way=way: scorer(way(one)), list(np.eye(len(key)) > 0))
        losses[name] = np.array([score.loss for score in scores])
        null = _null([score for score, is_key in zip(scores, key, strict=True) if not is_key], 1)
        for k in np.flatnonzero(key):
            label = surgery.basis.labels[k]
            described = words.format(f"frequency {label}")
            found.append(Ablation(name=f"{name}_{label}", words=described, score=scores[k], null=null))
    return found, ByFrequency(
        frequencies=surgery.basis.labels,
        logits=losses["without_sums"],
        neurons=losses.get("neurons_without_terms"),
    )


def of_parts(anatomy: Anatomy, attention: Attention | None, scorer: Scorer) -> Iterator[Ablation]:
    """Ablations that need no frequencies: the path around the neurons, attention, heads."""
    if anatomy.linear_readout and not _is_constant(around := anatomy.around):
        zeroed = scorer(anatomy.through_neurons)
        yield Ablation(name="around_zero", words="path around the neurons: set to 0", score=zeroed)
        around[:] = around.mean(axis=0)
        around += anatomy.through_neurons
        yield Ablation(name="around_mean", words="path around the neurons: set to its mean", score=scorer(around))
        del around
    if attention is None:
        return
    pattern, columns = attention.pattern, anatomy.classes
    line = attention.logits(attention.linearised(), columns)
    yield Ablation(name="attention_linear", words="attention: sigmoid replaced by its best line", score=scorer(line))
    heads = tuple(range(pattern.shape[1]))
    for head in heads:
        rest = attention.logits(pattern, columns, off=(head,))
        yield Ablation(name=f"head_off_{head}", words=f"head {head} removed", score=scorer(rest))
    none = attention.logits(pattern, columns, off=heads)
    yield Ablation(name="heads_off", words="all heads removed", score=scorer(none))
    alone = attention.logits(pattern, columns, direct=False)
    yield Ablation(name="heads_alone", words="path around attention removed", score=scorer(alone))


def draws(key: Bool[np.ndarray, " k"], rng: np.random.Generator) -> Bool[np.ndarray, "draw k"]:
    """Random choices of as many frequencies that are not key; none when too few are left."""
    others, count = np.flatnonzero(~key), int(key.sum())
    if len(others) < count:
        return np.zeros((0, len(key)), bool)
    chosen = np.zeros((DRAWS, len(key)), bool)
    for draw in chosen:
        draw[rng.choice(others, count, replace=False)] = True
    return chosen


def _at_once(
    score: Callable[[Bool[np.ndarray, " k"]], Score], choices: Sequence[Bool[np.ndarray, " k"]]
) -> list[Score]:
    """The scores of choices of frequencies, one for each processor at a time: numpy lets threads run."""
    first = score(choices[0])  # What all choices share is computed here, once.
    with ThreadPoolExecutor(min(8, cores())) as pool:
        return [first, *pool.map(score, choices[1:])]


def _null(scores: list[Score], frequencies: int) -> Null | None:
    if not scores:
        return None
    median, least, largest = median_and_range(scores)
    return Null(draws=len(scores), frequencies=frequencies, median=median, least=least, largest=largest)


def _is_constant(around: Float[np.ndarray, "pair c"]) -> bool:
    """Whether nothing but a bias goes around the neurons."""
    least, most = around.min(axis=0), around.max(axis=0)
    return bool((most - least).max() <= 1e-4 * (1 + max(most.max(), -least.min())))
