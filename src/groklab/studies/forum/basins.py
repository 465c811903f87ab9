"""One basin or many: what lies on the line between two networks, with different key frequencies and with the same?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from groklab.findings import Analysis, Chart, Finding, Table, by_seeds
from groklab.findings.claim import Claim
from groklab.findings.verdicts import MOST
from groklab.findings.words import short
from groklab.studies.forum._lines import ALIGNMENTS, KINDS, SHARES, Kind, key_sets, kind_of, learnt, lines
from groklab.studies.nanda.mainline import FRESH, setting
from groklab.studies.reading import count_of
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Forum post of Nanda and Lieberum 2022, comments"
CLAIMS = (
    Claim(
        identifier="forum.basins-different",
        source=SOURCE,
        claim="Networks with different key frequencies lie in different basins that no permutation joins.",
        published=None,
        how="Greatest loss on the line between two networks after the best alignment of neurons and heads, over the "
        "greater loss of its ends; pairs that share no key frequency.",
        criterion="At least 100 in at least 80% of the pairs (partly at most, while the control is not reproduced).",
        since="Changed on 2026-11-22, after a first look, in what is against it: at first a ratio below 100, now one "
        "of at most 10. Later that day it was made partly at most while the control fails: at first that was said in "
        "words only.",
    ),
    Claim(
        identifier="forum.basins-same",
        source=SOURCE,
        claim="Networks with the same key frequencies are joined by a permutation (the control).",
        published=None,
        how="The same for pairs with equal sets of key frequencies.",
        criterion="At most 10 in at least 80% of the pairs.",
        since="Changed on 2026-11-22, after a first look, in what is against it only: at first a ratio above 10, now "
        "nothing, as a search that finds no permutation does not show that there is none.",
    ),
)
PERMUTED = ("nothing", "neurons and heads", "permutations")
"""The alignments that the claims speak of; the best of them counts."""
WALL, FLAT = 100.0, 10.0
"""Ratios from which on a pair is apart, and up to which it is joined."""
SMALL = {"laptop": 23, "paper": 31}
"""A prime with so few frequencies that some networks come by equal sets."""
SHARE = 0.75
SMALL_STEPS = {"laptop": 10_000, "paper": 40_000}
MAIN, PARENTS = 10, 5
"""Networks of the main setting, and networks of the small prime that two others go on from, at most."""
OTHER_PAIRS = 1000
"""Seeds of children's training sets begin here."""


def analyse(record: "Record") -> Analysis:
    """The greatest loss on each line over that of its ends, by what the two networks have in common."""
    derived, sets = record.derived(), key_sets(record)
    pairs = list(zip(derived["one"].values.tolist(), derived["other"].values.tolist(), strict=True))
    kinds: list[Kind] = [kind_of(record, sets, pair) for pair in pairs]
    loss = derived["line_loss"].values.astype(float)
    ratio = loss.max(axis=-1) / np.maximum(loss[..., 0], loss[..., -1])
    accuracy = derived["line_accuracy"].values.astype(float)
    walls = {kind: _Walls.of(record, pairs, kinds, kind, ratio, loss, accuracy) for kind in KINDS[:2]}
    groups = _groups(record, pairs, kinds)
    return Analysis(
        findings=[
            _different(walls["no common frequency"], walls["equal sets"], record.scale),
            _same(walls["equal sets"], walls["no common frequency"], record.scale),
        ],
        tables=[
            _networks(record, sets),
            _walls(groups, ratio, loss, accuracy, derived["cosine"].values),
        ],
        charts=[_chart(name, loss[rows][:, :, 0]) for name, rows in groups.items()],
        remarks=_remarks(kinds, ratio[:, :, 0]),
    )


Groups = Mapping[str, Bool[np.ndarray, " pair"]]


def _groups(record: "Record", pairs: Sequence[tuple[int, int]], kinds: Sequence[Kind]) -> Groups:
    """The pairs of each prime and kind."""
    primes = [record.runs[one].table.modulus for one, _ in pairs]
    here = list(zip(primes, kinds, strict=True))
    return {
        f"P = {prime}, {kind}": np.array([one == (prime, kind) for one in here], dtype=bool)
        for prime in sorted(set(primes))
        for kind in KINDS
        if (prime, kind) in here
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class _Walls:
    """What lies between the two networks of each pair of a kind."""

    kind: Kind
    """What they have in common."""
    primes: tuple[int, ...]
    """The prime of each pair."""
    ratio: Float[np.ndarray, " pair"]
    """Greatest loss over that of the ends, by whatever permutation alignment is best."""
    reached: Mapping[str, tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]]]
    """Greatest loss and least accuracy, by that alignment and by rotations."""

    @classmethod
    def of(
        cls,
        record: "Record",
        pairs: Sequence[tuple[int, int]],
        kinds: Sequence[Kind],
        kind: Kind,
        ratio: Float[np.ndarray, "pair alignment part"],
        loss: Float[np.ndarray, "pair alignment part share"],
        accuracy: Float[np.ndarray, "pair alignment share"],
    ) -> "_Walls":
        rows = [row for row, one in enumerate(kinds) if one == kind]
        permuted = np.array([ALIGNMENTS.index(name) for name in PERMUTED])
        best = permuted[ratio[rows][:, permuted, 0].argmin(axis=1)]
        turned = np.full(len(rows), ALIGNMENTS.index("rotations"))
        return cls(
            kind=kind,
            primes=tuple(record.runs[pairs[row][0]].table.modulus for row in rows),
            ratio=ratio[rows, best, 0],
            reached={
                name: (loss[rows, by, 0].max(axis=-1), accuracy[rows, by].min(axis=-1))
                for name, by in (("by the best permutation", best), ("with rotations", turned))
            },
        )

    def __str__(self) -> str:
        """Number of pairs, of those that are joined, and medians of what lies between them."""
        if not self.primes:
            return f"there is no pair with {self.kind}"
        counts = ", ".join(f"{count} at P = {prime}" for prime, count in sorted(Counter(self.primes).items()))
        medians = ", ".join(
            f"{np.median(loss):.3g} nats and an accuracy of {np.median(right):.3g} {name}"
            for name, (loss, right) in self.reached.items()
        )
        return (
            f"with {self.kind} ({counts}) weight matching joins {count_of(self.ratio <= FLAT)} pairs, the median ratio "
            f"is {_middle(self.ratio)}, and the line at its worst has {medians}"
        )


def _middle(ratio: np.ndarray) -> str:
    """The median, with the least and the largest."""
    return f"{short(np.median(ratio))} ({short(ratio.min())} to {short(ratio.max())})"


def _different(walls: _Walls, control: _Walls, scale: str) -> Finding:
    """That weight matching finds no permutation speaks for the claim; only a pair that it joins is against it.

    Where it does not join those of the control either, walls do not show what makes them: the claim holds partly then.
    """
    holds = walls.ratio >= WALL
    controlled = len(control.ratio) > 0 and np.mean(control.ratio <= FLAT) >= MOST
    sentence = f"{count_of(holds)} pairs have a ratio of at least {WALL:g}: {walls}; the control: {control}"
    if not controlled:
        sentence += "; so the ratio alone does not show that the key frequencies make the wall"
    found = by_seeds(CLAIMS[0], holds, contrary=walls.ratio <= FLAT, scale=scale, sentence=sentence)
    if found.verdict == "reproduced" and not controlled:
        found = replace(found, verdict="partly")
    return replace(found, units="share of pairs" if len(holds) else found.units)


def _same(walls: _Walls, others: _Walls, scale: str) -> Finding:
    """A search that finds no permutation does not show that there is none, so that nothing contradicts the claim."""
    holds = walls.ratio <= FLAT
    sentence = f"{count_of(holds)} pairs have a ratio of at most {FLAT:g}: {walls}; {others}"
    found = by_seeds(CLAIMS[1], holds, scale=scale, sentence=sentence)
    return replace(found, units="share of pairs" if len(holds) else found.units)


def _networks(record: "Record", sets: Sequence[frozenset[int]]) -> Table:
    """How many networks of each prime grokked, and how their key frequencies are spread."""
    good = set(learnt(record))
    rows: list[list[str | int | float | None]] = []
    arms = [(run.table.modulus, run.start is not None) for run in record.runs]
    for prime, goes_on in dict.fromkeys(arms):
        runs = [run for run, arm in enumerate(arms) if arm == (prime, goes_on)]
        found = [sets[run] for run in runs if run in good]
        counts = [len(one) for one in found]
        rows.append(
            [
                f"P = {prime}" + (", continued" if goes_on else ""),
                len(runs),
                len(found),
                len(set(found)),
                f"{np.mean(counts):.3g} ({min(counts)} to {max(counts)})" if counts else None,
            ]
        )
    return Table(
        title="The networks",
        columns=["networks", "trained", "grokked", "different sets of key frequencies", "key frequencies each"],
        rows=rows,
        note="Only networks that answer over 99% of their test pairs at the end, and have key frequencies, are paired.",
    )


def _walls(
    groups: Groups,
    ratio: Float[np.ndarray, "pair alignment part"],
    loss: Float[np.ndarray, "pair alignment part share"],
    accuracy: Float[np.ndarray, "pair alignment share"],
    cosine: Float[np.ndarray, "pair alignment"],
) -> Table:
    rows: list[list[str | int | float | None]] = []
    for name, pairs in groups.items():
        for column, by in enumerate(ALIGNMENTS):
            ratios = ratio[pairs, column]
            rows.append(
                [
                    name,
                    by,
                    int(pairs.sum()),
                    _middle(ratios[:, 0]),
                    short(np.median(ratios[:, 1])),
                    int(np.sum(ratios[:, 0] <= FLAT)),
                    int(np.sum(ratios[:, 0] >= WALL)),
                    float(np.median(loss[pairs, column, 0].max(axis=-1))),
                    float(np.median(accuracy[pairs, column].min(axis=-1))),
                    float(np.median(cosine[pairs, column])),
                ]
            )
    return Table(
        title="The greatest loss on the line",
        columns=[
            "pairs",
            "aligned by",
            "number",
            "over the greater loss of the ends, all pairs",
            "the same on pairs that both were trained on",
            f"at most {FLAT:g}",
            f"at least {WALL:g}",
            "greatest loss (nats)",
            "least accuracy",
            "cosine of the weights",
        ],
        rows=rows,
        note="Medians over pairs of networks, and (least to largest). A copy has its neurons and heads shuffled first. "
        "Permutations are those of neurons, of heads and inside them, and of the residual stream; rotations are "
        "orthogonal matrices inside heads and of the residual stream, with neurons and heads permuted. Within a kind "
        "no network is in two pairs.",
    )


def _chart(name: str, loss: Float[np.ndarray, "pair alignment share"]) -> Chart:
    """The median over pairs of the loss along the line."""
    return Chart(
        title=f"Along the line: {name}",
        x="share of the second network",
        y="loss on all pairs (nats), median",
        series={
            by: list(zip(SHARES.tolist(), np.median(loss[:, column], axis=0).tolist(), strict=True))
            for column, by in enumerate(ALIGNMENTS)
        },
        log_y=True,
    )


def _remarks(kinds: Sequence[Kind], ratio: Float[np.ndarray, "pair alignment"]) -> list[str]:
    """What the wider alignment does to both kinds, and whether the search finds what is known to be there."""
    said: list[str] = []
    turned = ALIGNMENTS.index("rotations")
    for kind in KINDS[:2]:
        rows = np.array([one == kind for one in kinds], dtype=bool)
        if rows.any():
            least = ratio[rows].min(axis=1)
            said.append(
                f"With {kind}, rotations allowed, the greatest loss on the line is at most {FLAT:g} times that of the "
                f"ends in {count_of(ratio[rows, turned] <= FLAT)} pairs, and by whatever alignment is best at least "
                f"{WALL:g} times in {count_of(least >= WALL)}"
            )
    copies = np.array([one == "shuffled copies" for one in kinds], dtype=bool)
    if copies.any():
        found = ratio[copies, ALIGNMENTS.index("neurons and heads")]
        said.append(f"Of shuffled copies {count_of(found < 1.01)} are found again, and the line is one point")
    return said


@experiment(
    source=SOURCE,
    laptop="60 networks at P = 23, 10 at P = 59 and 10 continued, up to 10,000 steps: about 4 minutes on two cores",
    paper="60 networks at P = 31, 10 at P = 113 and 10 continued, 40,000 steps: hours on two cores",
    seeds=60,
    claims=CLAIMS,
    choices=(
        "Best of the three permutation alignments, the identity among them, is the one with the least ratio on all "
        "pairs: which favours the control, and is against the first claim.",
        "Networks with equal sets of key frequencies share nothing else: they are found among many seeds at a small "
        "prime, where there are few sets. At the main prime hardly two networks have the same. All of a prime are "
        "trained on the same pairs.",
        "Prime and share of the pairs were chosen by how many networks grok: of twelve other seeds eleven did.",
        "A permutation alignment moves neurons, heads, coordinates inside heads and, in the widest, of the residual "
        "stream. Rotations of the stream and inside heads, which leave the function as it is too but are no "
        "permutations, are shown beside it and are not in the verdicts; nor is any symmetry of the task, such as "
        "x -> m x, which changes the frequencies. Scalings are not searched.",
        "The loss of the ends is about 1e-7 nats, so that the ratio is large wherever the line is not flat: greatest "
        "loss and least accuracy tell more of how far two networks are apart, and stand in each sentence.",
        "Weight matching by SciPy's assignment solver (Ainsworth et al. 2022). With the stream fixed, one assignment "
        "of the neurons and one of the heads are the optimum; with it they are solved in turn.",
        "Two more kinds say whether the method works: a network against its own shuffled copy, and two networks that "
        "went on from one on other pairs.",
        "The line has 21 points, both ends among them.",
        "Key frequencies are those of the last weights by the outlier rule on W_L's spectrum (docs/circuits.md).",
        "A run ends 2,000 steps after it grokked, so that it is cleaned up.",
    ),
    reads=("train_accuracy", "test_accuracy", "key_frequency"),
    analysis=analyse,
    derived=lines,
)
def basins(scale: Scale, seeds: int) -> Iterator[Run]:
    """The line between networks of different and of the same key frequencies, raw and aligned."""
    changes: dict[str, object] = {
        "split.seed": 0,
        "logging.every": 100,
        "checkpoints.every": 500,
        "checkpoints.growth": 1.0,
        "after_grokking": 2000,
    }
    small: dict[str, object] = {"modulus": SMALL[scale], "fraction": SHARE, "steps": SMALL_STEPS[scale]}
    networks = [setting(scale, FRESH + number).replace(changes | small) for number in range(seeds)]
    yield from networks
    for number in range(min(seeds, MAIN)):
        yield setting(scale, FRESH + number).replace(changes)
    for parent in networks[: min(seeds, PARENTS)]:
        for child in range(2):
            seed = OTHER_PAIRS + 2 * parent.seed + child
            yield replace(parent.replace({"split.seed": seed, "steps": 3000, "after_grokking": None}), start=parent)
