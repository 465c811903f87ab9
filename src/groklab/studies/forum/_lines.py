"""Pairs of networks, and the loss along the line between the two of each."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from groklab.training.milestones import grokked

if TYPE_CHECKING:
    import xarray

    from groklab.record import Record

Pair = tuple[int, int]
Kind = Literal["no common frequency", "equal sets", "children of one network", "shuffled copies"]
"""What the two networks of a pair have in common."""
KINDS: tuple[Kind, ...] = get_args(Kind)
ALIGNMENTS = ("nothing", "neurons and heads", "permutations", "rotations")
"""What the second network is aligned by; see `groklab.circuits.alignment`."""
PARTS = ("all", "train")
"""All pairs of the table, and those that both networks were trained on."""
SHARES = np.linspace(0, 1, 21)
"""Shares of the second network along the line, both ends among them."""
COPIES = 5
"""Networks of each task that are held against a shuffled copy of themselves."""


def key_sets(record: "Record") -> list[frozenset[int]]:
    """The key frequencies of each run's last network; nothing where it was not found."""
    key = record.metrics()["key_frequency"]
    labels = key["frequency"].values
    return [frozenset(labels[row == 1].tolist()) for row in key.values]


def learnt(record: "Record") -> list[int]:
    """The runs that answer over 99% of their test pairs at the end, and have key frequencies."""
    sets, curves = key_sets(record), record.metrics()["test_accuracy"].values
    good: list[int] = []
    for run, (status, curve) in enumerate(zip(record.statuses, curves, strict=True)):
        known = curve[~np.isnan(curve)]
        if not status.bad and len(known) and bool(grokked(known[-1])) and sets[run]:
            good.append(run)
    return good


def kind_of(record: "Record", sets: Sequence[frozenset[int]], pair: Pair) -> Kind:
    """What the two networks of a pair have in common."""
    one, other = pair
    if one == other:
        return "shuffled copies"
    if record.runs[one].start is not None:
        return "children of one network"
    return "equal sets" if sets[one] == sets[other] else "no common frequency"


def pairs_of(record: "Record") -> list[Pair]:
    """The pairs to look at, the same for the same networks: of each kind no network is in two pairs.

    Networks from random weights, task by task, in the order of the runs, each with the next that is free and fits; a
    network and itself; and two children of one network, whose sets are equal.
    """
    sets, good = key_sets(record), learnt(record)
    found: list[Pair] = []
    for task in dict.fromkeys(record.runs[run].task for run in good):
        alone = [run for run in good if record.runs[run].task == task and record.runs[run].start is None]
        found += matched(alone, lambda one, other: not sets[one] & sets[other])
        found += matched(alone, lambda one, other: sets[one] == sets[other])
        found += [(run, run) for run in alone[:COPIES]]
    children = [run for run in good if record.runs[run].start is not None]
    together = matched(children, lambda one, other: record.runs[one].start == record.runs[other].start)
    return found + [(one, other) for one, other in together if sets[one] == sets[other]]


def matched(runs: Sequence[int], fits: Callable[[int, int], bool]) -> list[Pair]:
    """Pairs that fit, no run in two of them: each run with the next one that is free."""
    free, found = list(runs), list[Pair]()
    while free:
        one = free.pop(0)
        other = next((run for run in free if fits(one, run)), None)
        if other is not None:
            free.remove(other)
            found.append((one, other))
    return found


def lines(record: "Record") -> "xarray.Dataset":
    """Loss and accuracy along the line between the networks of each pair, the second one aligned in each way.

    The second network of a shuffled copy has its neurons and heads in a random order at first.
    """
    import xarray
    from threadpoolctl import threadpool_limits

    from groklab.circuits import align, cosine, on_the_line, shuffled
    from groklab.models import Transformer

    def network(run: int) -> Transformer:
        model = record.model(run)
        assert isinstance(model, Transformer)
        return model

    pairs = pairs_of(record)
    loss = np.full((len(pairs), len(ALIGNMENTS), len(PARTS), len(SHARES)), np.nan, np.float32)
    accuracy = np.full((len(pairs), len(ALIGNMENTS), len(SHARES)), np.nan, np.float32)
    angle = np.full((len(pairs), len(ALIGNMENTS)), np.nan, np.float32)
    for row, (one, other) in enumerate(pairs):
        a, b = network(one), network(other)
        b = shuffled(b, seed=one) if one == other else b
        both = record.split(one).train_mask & record.split(other).train_mask
        for column, by in enumerate(ALIGNMENTS):
            # Of many small products and decompositions threads cost more than they save, far more on a busy machine.
            with threadpool_limits(1, "blas"):
                laid = align(a, b, by)
            losses, right = on_the_line(a, laid, record.task(one), SHARES)
            loss[row, column, 0] = losses.mean(axis=1, dtype=np.float64)
            loss[row, column, 1] = losses[:, both].mean(axis=1, dtype=np.float64)
            accuracy[row, column] = right.mean(axis=1)
            angle[row, column] = cosine(a, laid)

    def said(units: str, words: str) -> dict[str, str]:
        return {"units": units, "description": words}

    return xarray.Dataset(
        {
            "one": ("pair", np.array([one for one, _ in pairs], np.int64), said("1", "number of the first run")),
            "other": ("pair", np.array([other for _, other in pairs], np.int64), said("1", "number of the second run")),
            "line_loss": (
                ("pair", "alignment", "part", "share"),
                loss,
                said("nats", "Mean cross-entropy of the network at that share of the second."),
            ),
            "line_accuracy": (
                ("pair", "alignment", "share"),
                accuracy,
                said("1", "Share of pairs answered right."),
            ),
            "cosine": (("pair", "alignment"), angle, said("1", "Cosine between the weights of both networks.")),
        },
        {
            "pair": np.arange(len(pairs)),
            "alignment": list(ALIGNMENTS),
            "part": list(PARTS),
            "share": SHARES,
        },
    )
