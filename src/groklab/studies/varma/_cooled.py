"""What a network's end owes to a learning rate that stays as it is: the rule of convergence beside one that falls to 0.

Over the last quarter of the steps the rate falls linearly, so that both ends stand at the same learning-rate time: the
median of a drift over that quarter is its value after seven eighths of the steps, and a rate that falls over it goes as
far. What is compared is therefore kicks and the noise of large steps, not whether the network had converged: for that
see the settled ones.
"""

import numpy as np
from jaxtyping import Float, Int

from groklab.curves import bootstrap
from groklab.findings import Claim, Finding, Table
from groklab.studies.reading import Reading, count_of, in_words, spread_of
from groklab.studies.varma._ends import OPEN, ends, mean_by_seed, of_number, seeds, settled, sizes

Runs = Int[np.ndarray, " run"]
AWAY = 0.05
"""Distance of an accuracy from the median from which on the two are not the same."""


def cooled_alike(claim: Claim, read: Reading, steady: Runs, cooled: Runs) -> Finding:
    """How far the last accuracy where the learning rate fell is from the median where it did not, by seed."""
    one, other = _twins(read, steady, cooled)
    rule, last = ends(read, "test_accuracy"), read.last("test_accuracy")
    telling = (_open(rule[one]) | _open(last[other])).astype(bool)
    one, other = one[telling], other[telling]
    gaps, still = last[other] - rule[one], settled(read)[one]
    far, signed, at_rest = (
        bootstrap(mean_by_seed(seeds(read)[one][of], values[of]), statistic=np.mean)
        for values, of in ((np.abs(gaps), slice(None)), (gaps, slice(None)), (np.abs(gaps), still))
    )
    caught = np.abs(read.last("test_accuracy")[one] - rule[one]) > AWAY
    return of_number(
        claim,
        far,
        read,
        allowed=(0, AWAY),
        contrary=[(AWAY, 1)],
        units="accuracy",
        sentence=f"with a learning rate that falls to 0 the accuracies of {len(one)} networks differ by "
        f"{in_words(far)} (with their sign by {in_words(signed)}), those of the {int(still.sum())} of them that had "
        f"settled by {in_words(at_rest)}; at a constant rate the last step of {count_of(caught)} was more than "
        f"{AWAY:g} away from the median",
    )


def _open(accuracy: Float[np.ndarray, " run"]) -> np.ndarray:
    return (accuracy > OPEN[0]) & (accuracy < OPEN[1])


def cooled_table(read: Reading, steady: Runs, cooled: Runs) -> Table:
    """Test accuracy and train loss of the same networks at a constant rate and at one that falls, by size."""
    one, other = _twins(read, steady, cooled)
    size = sizes(read)[one]
    columns: list[tuple[str, Float[np.ndarray, " run"]]] = []
    for name in ("test_accuracy", "train_loss"):
        words = name.replace("_", " ")
        columns += [
            (f"{words}, median", ends(read, name)[one]),
            ("at the last step", read.last(name)[one]),
            ("with a falling rate", read.last(name)[other]),
        ]
    rows: list[list[str | int | float | None]] = [
        [int(at), int(np.sum(size == at)), *(spread_of(values[size == at]) for _, values in columns)]
        for at in np.unique(size).tolist()
    ]
    return Table(
        title="Convergence by the rule, and with a learning rate that falls at the end",
        columns=["pairs", "networks", *(name for name, _ in columns)],
        rows=rows,
        note="Mean (least to largest) over seeds. The rate falls linearly to 0 over the quarter of the steps over "
        "which the median is taken at a constant rate. Both ends stand at the same learning-rate time: the comparison "
        "shows kicks and noise, not what more steps would bring.",
    )


def _twins(read: Reading, steady: Runs, cooled: Runs) -> tuple[Runs, Runs]:
    """The networks of which there are both, the same but for how the learning rate ends."""
    place = {(seeds(read)[run], sizes(read)[run]): run for run in steady.tolist()}
    found = [(place[key], run) for run in cooled.tolist() if (key := (seeds(read)[run], sizes(read)[run])) in place]
    return np.array([one for one, _ in found], dtype=int), np.array([run for _, run in found], dtype=int)
