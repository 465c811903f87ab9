"""Semi-grokking: just above the critical size some networks settle half-way, for a time or for good (P4)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import (
    Oscillation,
    Plateau,
    accuracy_plateaus,
    accuracy_spikes,
    clopper_pearson,
    train_oscillation,
)
from groklab.findings import Analysis, Chart, Table, by_seeds
from groklab.findings.claim import Claim
from groklab.studies.reading import Reading, count_of, in_words, mean_of
from groklab.studies.study import Scale, experiment
from groklab.studies.varma._ends import RULE, ends, of_number, settled, sizes
from groklab.studies.varma._runs import network
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Varma et al. 2023, sections 4.3 and 5.3, figures 1c, 5 and 6"
UNDER_WAY = "Put more exactly on 2026-11-22 while the runs were under way, before any of them was looked at."
CLAIMS = (
    Claim(
        identifier="varma.semi-grokking",
        source=SOURCE,
        claim="Just above the critical size some networks go to middling test accuracy long after they memorised.",
        published="some of 200",
        how="Share of all networks with a plateau (docs/phases.md) of the accuracy on test pairs without trained "
        "mirror, between 0.05 and 0.95, begun after twice the step of memorisation, on the curve up to where the "
        "network grokked; Clopper-Pearson interval.",
        criterion="The 95% interval lies above 0.05.",
        since=UNDER_WAY,
    ),
    Claim(
        identifier="varma.semi-lasting",
        source=SOURCE,
        claim="In some of them that lasts to the end.",
        published="some of 200",
        how="Share of all networks that do not grok within their budget and have such a plateau that lasts: the "
        "accuracy after it, if any is left, is on average within 0.1 of the plateau's.",
        criterion="The 95% interval lies above 0: one network is enough.",
        since=UNDER_WAY,
    ),
    Claim(
        identifier="varma.semi-transient",
        source=SOURCE,
        claim="Often it is transient: the network hovers and then generalises further.",
        published="often",
        how="Of the networks with such a plateau, the share of those with one that is left upwards: it ends by "
        "grokking, or the accuracy after it is on average more than 0.1 above the plateau's.",
        criterion="At least 80% of these networks; partly from half of them on.",
        since=UNDER_WAY,
    ),
    Claim(
        identifier="varma.semi-spikes",
        source=SOURCE,
        claim="While a network semi-groks its test accuracy has spikes.",
        published="several in the run shown",
        how="Of the networks with such a plateau, the share with at least two spikes of the same accuracy, of 0.1 or "
        "more, that have their peak on one.",
        criterion="At least 80% of these networks; partly from half of them on.",
        since=UNDER_WAY,
    ),
    Claim(
        identifier="varma.semi-oscillation",
        source=SOURCE,
        claim="Meanwhile the train loss fluctuates within a band.",
        published="in the run shown",
        how="Of the networks with such a plateau, the share whose log10 train loss on the longest of them fluctuates "
        "about its trend by 0.3 to 2 decades (5th to 95th percentile).",
        criterion="At least 80% of these networks; partly from half of them on.",
        since=UNDER_WAY,
    ),
)
ACCURACY = "mirror_accuracy_untrained"
"""The accuracy that is looked at: that on test pairs whose mirror is not trained on."""
SIZES: dict[Scale, tuple[int, ...]] = {
    "laptop": (700, 740, 780, 820, 860, 900),
    "paper": tuple(round(1500 + 550 * place / 19) for place in range(20)),
}
STEPS = {"laptop": 200_000, "paper": 2_000_000}


@dataclass(frozen=True, kw_only=True)
class _Course:
    """What a network does after it memorised, and before it grokked."""

    plateaus: tuple[Plateau, ...]
    """Those that begin late enough."""
    spikes: int
    """On its plateaus; all of them where it has none."""
    swing: Oscillation | None
    """On its longest plateau; over the last half of the steps where it has none."""

    @property
    def spiky(self) -> bool:
        """Whether it has spikes, more than one."""
        return self.spikes >= 2

    @property
    def banded(self) -> bool:
        """Whether its train loss fluctuates within a band."""
        return self.swing is not None and 0.3 <= self.swing.decades <= 2


def analyse(record: "Record") -> Analysis:
    """Plateaus, spikes and oscillations of every network, by rule."""
    read = Reading(record)
    courses = [_course(read, run) for run in range(len(read.runs))]
    half = [course for course in courses if course.plateaus]
    lasting = sum(any(one.fate == "lasting" for one in course.plateaus) for course in half)
    begun = int(np.sum(read.lasted > 0))
    share, stays = clopper_pearson(len(half), begun), clopper_pearson(lasting, begun)
    rose = np.array([any(one.fate == "rose" for one in course.plateaus) for course in half], dtype=bool)
    spiky = np.array([course.spiky for course in half], dtype=bool)
    band = np.array([course.banded for course in half], dtype=bool)
    swings = [course.swing.decades for course in half if course.swing is not None]
    among = f"of the {len(half)} networks with a plateau"
    groups = (
        (CLAIMS[2], rose, f"{among} {int(rose.sum())} have one that is left upwards"),
        (CLAIMS[3], spiky, f"{among} {int(spiky.sum())} have at least two spikes on one"),
        (
            CLAIMS[4],
            band,
            f"{among} {int(band.sum())} have a train loss within such a band there; the median width is "
            f"{float(np.median(swings)) if swings else math.nan:.3g} decades",
        ),
    )
    return Analysis(
        findings=[
            of_number(
                CLAIMS[0],
                share,
                read,
                allowed=(0.05, 1),
                units="share of networks",
                sentence=f"{len(half)} of {begun} networks have a plateau half-way: {in_words(share)}",
            ),
            of_number(
                CLAIMS[1],
                stays,
                read,
                allowed=(np.nextafter(0, 1), 1),
                units="share of networks",
                sentence=f"{lasting} of {begun} networks have one that lasts: {in_words(stays)}",
            ),
            *(
                by_seeds(claim, holds, contrary=~holds, scale=read.scale, sentence=sentence)
                for claim, holds, sentence in groups
            ),
        ],
        tables=[_by_size(read, courses), _plateaus(read, courses)],
        charts=[_chart(read, courses)],
        remarks=_remarks(read, courses),
    )


def _remarks(read: Reading, courses: list[_Course]) -> list[str]:
    """What other rules would say, and the same of networks without a plateau."""
    level = ends(read, ACCURACY)
    resting = (level > 0.1) & (level < 0.9) & settled(read, ACCURACY) & ~read.has_grokked
    middle = [any(0.1 <= one.level <= 0.9 for one in course.plateaus) for course in courses]
    shorter = [bool(_course(read, run, share=0.04).plateaus) for run in range(len(courses))]
    others = [course for course in courses if not course.plateaus]
    return [
        f"{count_of(read.has_grokked)} networks grokked within the budget.",
        f"Without the plateaus' rule: {count_of(resting)} networks have not grokked and rest at an accuracy between "
        "0.1 and 0.9, the same over the last quarter of the steps as over the quarter before.",
        f"{count_of(middle)} networks have a plateau at a level between 0.1 and 0.9; {count_of(shorter)} have one if "
        "it need take only 4% of the logarithm of steps.",
        f"Networks without a plateau, from memorisation on: {count_of([one.spiky for one in others])} have at least "
        f"two spikes, {count_of([one.banded for one in others])} a train loss within the band over the last half.",
    ]


def _course(read: Reading, run: int, share: float = 0.05) -> _Course:
    """Plateaus and spikes of the accuracy on pairs without trained mirror, and the train loss, in between."""
    memorised = read.memorised[run]
    if math.isnan(memorised):
        return _Course(plateaus=(), spikes=0, swing=None)
    # Afterwards a network that grokked may well rest below 1 until it is stopped: that is not half-way.
    between = (read.steps >= memorised) & (read.steps <= read.time[run])
    steps = read.steps[between]
    accuracy, loss = (read.curve(name)[run][between] for name in (ACCURACY, "train_loss"))
    late = [one for one in accuracy_plateaus(steps, accuracy, share=share) if one.begin >= 2 * memorised]
    found = [replace(one, fate="rose") if read.has_grokked[run] and one.fate == "lasting" else one for one in late]
    spikes = accuracy_spikes(steps, accuracy)
    if found:
        spikes = [one for one in spikes if any(where.begin <= one.peak <= where.end for where in found)]
    longest = max(found, key=lambda one: one.share, default=None)
    begin, end = (longest.begin, longest.end) if longest else ((steps[0] + steps[-1]) / 2, steps[-1])
    there = (steps >= begin) & (steps <= end) & ~np.isnan(loss)
    swing = train_oscillation(steps[there], loss[there], since=begin) if np.sum(there) >= 8 else None
    return _Course(plateaus=tuple(found), spikes=len(spikes), swing=swing)


def _by_size(read: Reading, courses: list[_Course]) -> Table:
    at, last = sizes(read), ends(read, ACCURACY)
    rows: list[list[str | int | float | None]] = []
    for size in np.unique(at).tolist():
        runs = np.flatnonzero(at == size).tolist()
        fates = [{one.fate for one in courses[run].plateaus} for run in runs]
        rows.append(
            [
                int(size),
                len(runs),
                int(read.has_grokked[runs].sum()),
                sum(bool(found) for found in fates),
                *(sum(fate in found for found in fates) for fate in ("lasting", "rose", "fell")),
                mean_of(last[runs]),
            ]
        )
    columns = ["pairs", "networks", "grokked", "with plateau", "lasting", "left upwards", "left downwards"]
    note = (
        "Accuracies are those on test pairs without trained mirror. Curves end where a network grokked, which "
        "leaves its last plateau upwards."
    )
    return Table(title="Plateaus by size", columns=[*columns, "accuracy at convergence, mean"], rows=rows, note=note)


def _plateaus(read: Reading, courses: list[_Course]) -> Table:
    rows = [
        [read.runs[run].split.size, read.runs[run].seed, one.begin, one.end, one.level, one.fate, course.spikes,
         *((None, None) if course.swing is None else (course.swing.decades, course.swing.turns))]
        for run, course in enumerate(courses)
        for one in course.plateaus
    ]  # fmt: skip
    columns = [
        "pairs",
        "seed",
        "from step",
        "to step",
        "accuracy",
        "fate",
        "spikes on plateaus",
        "decades of train loss, longest plateau",
        "turns over noise's",
    ]
    return Table(title="Each plateau", columns=columns, rows=rows)


def _chart(read: Reading, courses: list[_Course]) -> Chart:
    """The six networks with the longest plateaus."""
    longest = sorted(
        (run for run, course in enumerate(courses) if course.plateaus),
        key=lambda run: -max(one.share for one in courses[run].plateaus),
    )[:6]
    series: dict[str, list[tuple[float, float]]] = {}
    for run in longest:
        values = read.curve(ACCURACY)[run]
        known = ~np.isnan(values) & (read.steps > 0)
        thin = slice(None, None, max(1, int(known.sum()) // 300))
        points = list(zip(read.steps[known][thin].tolist(), values[known][thin].tolist(), strict=True))
        series[f"{read.runs[run].split.size} pairs, seed {read.runs[run].seed}"] = points
    return Chart(
        title="The longest plateaus",
        x="step",
        y="accuracy on test pairs without trained mirror",
        series=series,
        log_x=True,
    )


@experiment(
    source=SOURCE,
    laptop="48 networks, P = 59, up to 200,000 steps: about an hour and a half on two cores",
    paper="160 networks, P = 113, up to 2,000,000 steps: days on a GPU",
    seeds=8,
    claims=CLAIMS,
    choices=(
        "Laptop scale: eight seeds of six sizes, below the least one that grokked within 25,000 steps in trials with "
        "another seed (900; 800 did not). Paper scale: the paper's twenty sizes, with its ten seeds when asked for "
        "(--seeds 10); its figure 6 shows a run of more than 1.8e7 steps.",
        "In units of 1 / (learning rate * weight decay), in which unused weights decay, laptop scale goes on for 600 "
        "and paper scale for 2,000; the plateau of the paper's figure 6 begins at 8,000. So a share of 0 at laptop "
        "scale says little of semi-grokking that takes as long as that.",
        "Accuracy is that on test pairs whose mirror is not trained on, so that a memoriser that knows a + b = b + a "
        "does not count as half-way.",
        RULE,
        "Plateaus, spikes and oscillation are found by rule, with the rules' own constants; a run ends 20,000 steps "
        "after it grokked.",
    ),
    reads=("train_accuracy", "test_accuracy", "train_loss", ACCURACY),
    analysis=analyse,
)
def semi_grokking(scale: Scale, seeds: int) -> Iterator[Run]:
    """From scratch just above the critical size, many seeds, very long."""
    for size in SIZES[scale]:
        for seed in range(seeds):
            steps = STEPS[scale]
            changes: dict[str, object] = {
                "after_grokking": 20_000,
                "checkpoints.every": 10_000,
                "logging.every": steps // 1000,
            }
            yield network(scale, seed, size=size, steps=steps, **changes)
