"""What a run is at convergence, and whether the network it started from was."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.curves import Estimate
from groklab.findings import Claim, Finding, by_interval
from groklab.studies.reading import Reading, count_of

WINDOW = 0.25
"""Last share of a run's steps over which a value at convergence is the median: AdamW kicks converged networks."""
GENERALISES = 0.95**2
"""Trigonometric share of the logits' variance from which on a network is Gen alone: 95% of the norm (the paper's)."""
LEARNT = 0.999
"""Train accuracy at convergence from which on a network counts as trained: a smaller one has not learnt its table."""
OPEN = (0.05, 0.95)
"""Accuracy at which there is something to be told apart."""
RULE = (
    "A value at convergence is the median over the last quarter of a run's steps, since large steps with strong decay "
    "now and then throw a converged network off for some hundred steps. `varma/ungrokking` holds it against a learning "
    "rate that falls to 0."
)
"""The same in words, for a study's choices."""


def ends(read: Reading, name: str, window: float = WINDOW) -> Float[np.ndarray, " run"]:
    """A measure of each run at convergence: its median over the last share `window` of the steps; NaN for none."""
    return within(read, name, 1 - window)


def within(read: Reading, name: str, begin: float, end: float | None = None) -> Float[np.ndarray, " run"]:
    """A measure's median from the share `begin` of each run's steps on, to below the share `end`; NaN for none."""
    values, last, steps = read.curve(name), read.lasted[:, None], read.steps[None, :]
    masks = (steps >= begin * last) & ~np.isnan(values)
    if end is not None:
        masks &= steps < end * last
    return np.array([np.median(row[mask]) if mask.any() else np.nan for row, mask in zip(values, masks, strict=True)])


def settled(read: Reading, name: str = "test_accuracy", tolerance: float = 0.02) -> Bool[np.ndarray, " run"]:
    """Whether a measure's median over the last quarter is that over the quarter before it, up to `tolerance`."""
    return np.abs(ends(read, name) - within(read, name, 0.5, 0.75)) <= tolerance


def up_to(read: Reading, name: str, last: float) -> Float[np.ndarray, " run"]:
    """A measure's median over the last quarter of each run's first `last` steps; NaN for none."""
    values = read.curve(name)
    masks = (read.steps >= (1 - WINDOW) * last) & (read.steps <= last) & ~np.isnan(values)
    return np.array([np.median(row[mask]) if mask.any() else np.nan for row, mask in zip(values, masks, strict=True)])


def how_settled(read: Reading, runs: Bool[np.ndarray, " run"]) -> str:
    """How many of some runs had settled, in a sentence: where the others would end is not known."""
    return (
        f"{count_of(settled(read)[runs])} continued networks had settled: the median of test accuracy over the last "
        "quarter of their steps is that over the quarter before, up to 0.02. The others end where their steps end."
    )


def from_converged(read: Reading) -> Bool[np.ndarray, " run"]:
    """Whether each run started from a network that answered all its train pairs; false from random weights, and where
    that network diverged."""
    known = dict(zip(read.runs, (ends(read, "train_accuracy") > LEARNT).tolist(), strict=True))
    return np.array([run.start is not None and known.get(run.start, False) for run in read.runs], dtype=bool)


def from_gen(read: Reading) -> Bool[np.ndarray, " run"]:
    """Whether each run started from a network that is Gen alone by the trigonometric share of its logits."""
    known = dict(zip(read.runs, (ends(read, "trig_share") > GENERALISES).tolist(), strict=True))
    return np.array([run.start is not None and known.get(run.start, False) for run in read.runs], dtype=bool)


def sizes(read: Reading) -> Float[np.ndarray, " run"]:
    """Pairs that each run is trained on."""
    return read.metrics["train_size"].values.astype(float)


def seeds(read: Reading) -> Int[np.ndarray, " run"]:
    """Each run's seed."""
    return read.metrics["seed"].values


def mixed(read: Reading) -> list[int]:
    """Seeds whose runs started from a network that had learnt its table and is not Gen alone."""
    return sorted({int(seed) for seed in seeds(read)[from_converged(read) & ~from_gen(read)].tolist()})


def named(several: list[int]) -> str:
    """Seeds in words."""
    return f"seed{'s' if len(several) > 1 else ''} {', '.join(map(str, several))}"


def mean_by_size(
    read: Reading, runs: Bool[np.ndarray, " run"], values: Float[np.ndarray, " run"]
) -> list[tuple[float, float]]:
    """The mean of what was measured of some runs at each of their sizes."""
    known = runs & ~np.isnan(values)
    at = sizes(read)
    return [(size, float(values[known & (at == size)].mean())) for size in np.unique(at[known]).tolist()]


def mean_by_seed(label: Int[np.ndarray, " value"], values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " seed"]:
    """The mean of each seed's values, for intervals over seeds: networks of one seed are no independent draws."""
    return np.array([values[label == seed].mean() for seed in np.unique(label)], float)


def norm(read: Reading) -> Float[np.ndarray, " run"]:
    """Each run's parameter norm at convergence."""
    return np.sqrt(ends(read, "sum_of_squares"))


def of_number(
    claim: Claim,
    estimate: Estimate,
    read: Reading,
    *,
    allowed: tuple[float, float],
    contrary: Sequence[tuple[float, float]] = (),
    units: str,
    sentence: str,
) -> Finding:
    """The finding of a claim about a number that was estimated over seeds."""
    return by_interval(
        claim,
        estimate.value,
        (estimate.low, estimate.high),
        allowed=allowed,
        contrary=contrary,
        units=units,
        seeds=estimate.count,
        scale=read.scale,
        sentence=sentence,
    )
