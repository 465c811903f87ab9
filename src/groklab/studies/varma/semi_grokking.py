"""Semi-grokking: just above the critical size some networks settle half-way, for a time or for good (P4)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
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
from groklab.studies.varma._ends import of_number, sizes
from groklab.studies.varma._runs import network
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Varma et al. 2023, sections 4.3 and 5.3, figures 1c, 5 and 6"
CLAIMS = (
    Claim(
        identifier="varma.semi-grokking",
        source=SOURCE,
        claim="Just above the critical size some networks go to middling test accuracy long after they memorised.",
        published="some of 200",
        how="Share of all networks with a plateau (docs/phases.md) of the accuracy on test pairs without trained "
        "mirror, between 0.05 and 0.95, begun after twice the step of memorisation; Clopper-Pearson interval.",
        criterion="The 95% interval lies above 0.05.",
    ),
    Claim(
        identifier="varma.semi-lasting",
        source=SOURCE,
        claim="In some of them that lasts to the end.",
        published="some of 200",
        how="Share of all networks with such a plateau that lasts to the last step.",
        criterion="The 95% interval lies above 0.",
    ),
    Claim(
        identifier="varma.semi-transient",
        source=SOURCE,
        claim="Often it is transient: the network hovers and then generalises further.",
        published="often",
        how="Of the networks with such a plateau, the share of those with one that is left upwards.",
        criterion="At least 80% of these networks; partly from half of them on.",
    ),
    Claim(
        identifier="varma.semi-spikes",
        source=SOURCE,
        claim="While a network semi-groks its test accuracy has spikes.",
        published="several in the run shown",
        how="Of the networks with such a plateau, the share with at least two spikes of the same accuracy after "
        "memorisation, of 0.1 or more.",
        criterion="At least 80% of these networks; partly from half of them on.",
    ),
    Claim(
        identifier="varma.semi-oscillation",
        source=SOURCE,
        claim="Meanwhile the train loss fluctuates within a band.",
        published="in the run shown",
        how="Of the networks with such a plateau, the share whose log10 train loss over the last half of the steps "
        "fluctuates about its trend by 0.3 to 2 decades (5th to 95th percentile).",
        criterion="At least 80% of these networks; partly from half of them on.",
    ),
)
SIZES: dict[Scale, tuple[int, ...]] = {
    "laptop": (700, 740, 780, 820, 860, 900),
    "paper": tuple(round(1500 + 550 * place / 19) for place in range(20)),
}
STEPS = {"laptop": 200_000, "paper": 2_000_000}


@dataclass(frozen=True, kw_only=True)
class _Course:
    """What a network does after it memorised."""

    plateaus: tuple[Plateau, ...]
    spikes: int
    swing: Oscillation | None


def analyse(record: "Record") -> Analysis:
    """Plateaus, spikes and oscillations of every network, by rule."""
    read = Reading(record)
    courses = [_course(read, run) for run in range(len(read.runs))]
    half = [course for course in courses if course.plateaus]
    lasting = sum(any(one.fate == "lasting" for one in course.plateaus) for course in half)
    begun = int(np.sum(read.lasted > 0))
    share, stays = clopper_pearson(len(half), begun), clopper_pearson(lasting, begun)
    rose = np.array([any(one.fate == "rose" for one in course.plateaus) for course in half], dtype=bool)
    spiky = np.array([course.spikes >= 2 for course in half], dtype=bool)
    band = np.array([course.swing is not None and 0.3 <= course.swing.decades <= 2 for course in half], dtype=bool)
    swings = [course.swing.decades for course in half if course.swing is not None]
    among = f"of the {len(half)} networks with a plateau"
    groups = (
        (CLAIMS[2], rose, f"{among} {int(rose.sum())} have one that is left upwards"),
        (CLAIMS[3], spiky, f"{among} {int(spiky.sum())} have at least two spikes"),
        (
            CLAIMS[4],
            band,
            f"{among} {int(band.sum())} have a train loss within such a band; the median width is "
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
                sentence=f"{lasting} of {begun} networks are on one at the last step: {in_words(stays)}",
            ),
            *(
                by_seeds(claim, holds, contrary=~holds, scale=read.scale, sentence=sentence)
                for claim, holds, sentence in groups
            ),
        ],
        tables=[_by_size(read, courses), _plateaus(read, courses)],
        charts=[_chart(read, courses)],
        remarks=[f"{count_of(read.has_grokked)} networks grokked within the budget."],
    )


def _course(read: Reading, run: int) -> _Course:
    """Plateaus and spikes of the accuracy on pairs without trained mirror, and the train loss, after memorisation."""
    memorised = read.memorised[run]
    if math.isnan(memorised):
        return _Course(plateaus=(), spikes=0, swing=None)
    after = (read.steps >= memorised) & (read.steps <= read.lasted[run])
    steps = read.steps[after]
    accuracy, loss = (read.curve(name)[run][after] for name in ("mirror_accuracy_untrained", "train_loss"))
    found = [one for one in accuracy_plateaus(steps, accuracy) if one.begin >= 2 * memorised]
    enough = np.sum(~np.isnan(loss) & (steps >= (steps[0] + steps[-1]) / 2)) >= 8
    return _Course(
        plateaus=tuple(found),
        spikes=len(accuracy_spikes(steps, accuracy)),
        swing=train_oscillation(steps, loss) if enough else None,
    )


def _by_size(read: Reading, courses: list[_Course]) -> Table:
    at, last = sizes(read), read.last("mirror_accuracy_untrained")
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
    note = "Accuracies are those on test pairs without trained mirror."
    return Table(title="Plateaus by size", columns=[*columns, "last accuracy, mean"], rows=rows, note=note)


def _plateaus(read: Reading, courses: list[_Course]) -> Table:
    rows = [
        [read.runs[run].split.size, read.runs[run].seed, one.begin, one.end, one.level, one.fate, course.spikes,
         None if course.swing is None else course.swing.decades]
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
        "spikes of the run",
        "decades of train loss",
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
        values = read.curve("mirror_accuracy_untrained")[run]
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
    laptop="48 networks, P = 59, up to 200,000 steps: at most an hour and a quarter on two cores",
    paper="160 networks, P = 113, up to 2,000,000 steps: days on a GPU",
    seeds=8,
    claims=CLAIMS,
    choices=(
        "Laptop scale: eight seeds of six sizes, below the least one that grokked within 25,000 steps in trials with "
        "another seed (900; 800 did not). Paper scale: the paper's twenty sizes, with its ten seeds when asked for "
        "(--seeds 10); it went on for up to 2e7 steps.",
        "Accuracy is that on test pairs whose mirror is not trained on, so that a memoriser that knows a + b = b + a "
        "does not count as half-way.",
        "Plateaus, spikes and oscillation are found by rule, with the rules' own constants; a run ends 20,000 steps "
        "after it grokked.",
    ),
    reads=("train_accuracy", "test_accuracy", "train_loss", "mirror_accuracy_untrained"),
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
