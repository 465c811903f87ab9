"""Memorisers that know x + y = y + x: how much of early test accuracy is mirror pairs, and does it vanish again?"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from groklab.curves import Estimate, bootstrap
from groklab.findings import Analysis, Chart, Table, by_interval, by_seeds
from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import FRESH, setting
from groklab.studies.reading import Reading, count_of, in_words, spread_of
from groklab.studies.study import Scale, experiment
from groklab.tasks import Split, Task
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Forum post of Nanda and Lieberum 2022, comments"
CLAIMS = (
    Claim(
        identifier="forum.mirrors-early",
        source=SOURCE,
        claim="A memorising network knows x + y = y + x.",
        published=None,
        how="At the step of memorisation: accuracy on test pairs whose mirror was trained on less that on the others.",
        criterion="The 95% interval of the mean over seeds lies above 0.1.",
        since="Reworded on 2026-11-23, after a look: at first it went on 'which halves what it must store', of which "
        "nothing is measured.",
    ),
    Claim(
        identifier="forum.mirrors-control",
        source=SOURCE,
        claim="For subtraction, which does not commute, a memorising network knows no mirrors (the control).",
        published=None,
        how="The same for x - y.",
        criterion="The 95% interval of the mean over seeds lies within -0.05 and 0.05.",
    ),
    Claim(
        identifier="forum.mirrors-stay",
        source=SOURCE,
        claim="A memorising network goes on knowing its mirrors as long as it has not grokked.",
        published=None,
        how="Networks on operations that commute that have not grokked at the end, and whose two accuracies differ by "
        "more than 0.05 at the step of memorisation: median difference over the last quarter of their steps, over that "
        "at the step of memorisation.",
        criterion="At least one half in at least 80% of the networks.",
        since="Changed on 2026-11-22, after a first look, in words only: at first 'a network that does not grok', of "
        "which some were about to when their training ended.",
    ),
)
OPERATIONS = ("add", "subtract", "quadratic", "cubic")
SHARES = {"laptop": (0.15, 0.25, 0.4), "paper": (0.1, 0.2, 0.3)}
"""Shares of the table trained on, the last that of the main setting."""
STEPS = {"laptop": 4000, "paper": 40_000}
GONE = 0.05
"""Gap up to which mirrors are no better known than other pairs."""
SEEN = 0.1
"""Gap that is one: smaller ones wobble across `GONE`."""
KEPT = 0.5
"""Share of its first gap that a network keeps which goes on knowing its mirrors."""


def analyse(record: "Record") -> Analysis:
    """The gap between both kinds of test pairs over training, by operation and share of the table."""
    read = Reading(record)
    gap = read.curve("mirror_accuracy_trained") - read.curve("mirror_accuracy_untrained")
    early = at_memorisation(read, gap)
    share = np.array([run.split.fraction or 0.0 for run in read.runs])
    main = share == share.max(initial=0.0)
    operation = np.array([run.table.operation for run in read.runs], dtype=object)
    of_sum, of_difference = (_mean(early[main & (operation == name)]) for name in ("add", "subtract"))
    commutes = np.array([Task.of(run.table).operation.commutative for run in read.runs], dtype=bool)
    lasting = commutes & ~np.isnan(read.memorised) & ~read.has_grokked & (early > GONE)
    kept = _late(read, gap)[lasting] / early[lasting]
    stays = kept >= KEPT
    median = np.median(kept) if len(kept) else math.nan
    reached = read.last("test_accuracy")[lasting]
    seen, gone = np.nan_to_num(np.abs(gap)).max(axis=1) > SEEN, vanishes(read, gap)
    grokking = int(np.sum(reached > 0.5))
    return Analysis(
        findings=[
            by_interval(
                CLAIMS[0],
                of_sum.value,
                (of_sum.low, of_sum.high),
                allowed=(0.1, 1),
                contrary=[(-1, 0.1)],
                units="difference of accuracies",
                seeds=of_sum.count,
                scale=read.scale,
                sentence="x + y: when they memorise, mirrors of train pairs are known better by "
                + _by_share(read, early, share, "add"),
            ),
            by_interval(
                CLAIMS[1],
                of_difference.value,
                (of_difference.low, of_difference.high),
                allowed=(-0.05, 0.05),
                contrary=[(-1, -0.05), (0.05, 1)],
                units="difference of accuracies",
                seeds=of_difference.count,
                scale=read.scale,
                sentence="x - y: when they memorise, mirrors of train pairs are known better by "
                + _by_share(read, early, share, "subtract"),
            ),
            by_seeds(
                CLAIMS[2],
                stays,
                contrary=kept < KEPT,
                scale=read.scale,
                sentence=f"{count_of(stays)} networks that know mirrors when they memorise and had not grokked after "
                f"{read.lasted[lasting].max(initial=0):,.0f} steps keep at least half of the gap, median {median:.3g} "
                f"of it ({_kept_by_share(stays, share[lasting])}); of {int(np.sum(seen & lasting))} whose gap was once "
                f"beyond {SEEN:g} {int(np.sum(seen & lasting & ~np.isnan(gone)))} end within {GONE:g}; at the end all "
                f"have {spread_of(_late(read, gap)[lasting] / _greatest_of(gap[lasting])) or 'none'} of their greatest "
                f"gap; their test accuracy at the end is {spread_of(reached)}"
                + (f", {grokking} are above 0.5 and may be about to grok" if grokking else ""),
            ),
        ],
        tables=[_table(read, gap, early, share)],
        charts=_charts(read, gap, early, share),
    )


def _by_share(read: Reading, early: Float[np.ndarray, " run"], share: Float[np.ndarray, " run"], operation: str) -> str:
    """The mean gap of an operation's networks at the step of memorisation, the largest share of the table first."""
    arms = {part: runs for (name, part), runs in _arms(read, share).items() if name == operation}
    said = [f"{in_words(_mean(early[arms[part]]))} at {part:.0%} of the table" for part in sorted(arms, reverse=True)]
    return ", ".join(said)


def _kept_by_share(stays: Bool[np.ndarray, " network"], share: Float[np.ndarray, " network"]) -> str:
    return ", ".join(f"{count_of(stays[share == part])} at {part:.0%} of the table" for part in np.unique(share))


def at_memorisation(read: Reading, gap: Float[np.ndarray, "run step"]) -> Float[np.ndarray, " run"]:
    """The gap of each run at the step at which it memorised; NaN for one that did not."""
    place = np.searchsorted(read.steps, np.nan_to_num(read.memorised))
    found = gap[np.arange(len(gap)), np.minimum(place, len(read.steps) - 1)]
    return np.where(np.isnan(read.memorised), np.nan, found)


def vanishes(read: Reading, gap: Float[np.ndarray, "run step"]) -> Float[np.ndarray, " run"]:
    """The step from which on each run's gap stays at `GONE` at most, having been beyond `SEEN`; NaN for none."""
    steps: list[float] = []
    for row in gap:
        known = np.flatnonzero(~np.isnan(row))
        size = np.abs(row[known])
        # Where the last stretch of small gaps begins.
        begin = int(np.flatnonzero(size > GONE).max(initial=-1)) + 1
        ends_small = begin < len(size) and bool(np.any(size[:begin] > SEEN))
        steps.append(float(read.steps[known[begin]]) if ends_small else math.nan)
    return np.array(steps)


def share_of_mirrors(read: Reading, accuracies: tuple[np.ndarray, np.ndarray]) -> Float[np.ndarray, " run"]:
    """Of the test pairs that are answered right, the share whose mirror was trained on."""
    splits = [Split.of(Task.of(run.task), run.split, run.data_seed) for run in read.runs]
    mirrors, others = (
        np.array([part.sum() for part in parts], dtype=float) * right
        for parts, right in zip(
            ([split.mirror_trained for split in splits], [split.mirror_untrained for split in splits]),
            accuracies,
            strict=True,
        )
    )
    with np.errstate(invalid="ignore"):
        return mirrors / (mirrors + others)


def _late(read: Reading, gap: Float[np.ndarray, "run step"]) -> Float[np.ndarray, " run"]:
    """The median gap over the last quarter of each run's steps."""
    within = (read.steps >= 0.75 * read.lasted[:, None]) & ~np.isnan(gap)
    return np.array(
        [np.median(row[mask]) if mask.any() else math.nan for row, mask in zip(gap, within, strict=True)], dtype=float
    )


def _mean(values: Float[np.ndarray, " run"]) -> Estimate:
    return bootstrap(values, statistic=np.mean)


def _table(
    read: Reading,
    gap: Float[np.ndarray, "run step"],
    early: Float[np.ndarray, " run"],
    share: Float[np.ndarray, " run"],
) -> Table:
    parts = tuple(read.at(f"mirror_accuracy_{which}", read.memorised) for which in ("trained", "untrained"))
    mirrors = share_of_mirrors(read, (parts[0], parts[1]))
    gone, late = vanishes(read, gap), _late(read, gap)
    seen = np.nan_to_num(np.abs(gap)).max(axis=1) > SEEN
    rows: list[list[str | int | float | None]] = []
    for (_, part), runs in _arms(read, share).items():
        rows.append(
            [
                Task.of(read.runs[int(np.flatnonzero(runs)[0])].task).operation.formula,
                f"{part:.0%}",
                int(runs.sum()),
                int(np.sum(~np.isnan(read.memorised[runs]))),
                spread_of(read.at("test_accuracy", read.memorised)[runs]),
                spread_of(parts[0][runs]),
                spread_of(parts[1][runs]),
                in_words(_mean(early[runs])) if np.isfinite(early[runs]).any() else None,
                spread_of(mirrors[runs]),
                spread_of(_greatest_of(gap[runs])),
                spread_of(late[runs]),
                int(read.has_grokked[runs].sum()),
                f"{int(np.sum(~np.isnan(gone[runs])))} of {int(np.sum(seen[runs]))}",
                spread_of(np.where(read.has_grokked, gone - read.time, np.nan)[runs]),
            ]
        )
    return Table(
        title="What is known of mirrors",
        columns=[
            "operation",
            "share of the table",
            "networks",
            "memorised",
            "test accuracy then",
            "on pairs whose mirror was trained on",
            "on the others",
            "gap, mean",
            "share of mirrors among right answers",
            "greatest gap",
            "gap at the end",
            "grokked",
            f"gap gone, of those beyond {SEEN:g}",
            "steps from grokking until it is",
        ],
        rows=rows,
        note="Mean (least to largest) over networks, at the step of memorisation unless said otherwise. The gap at the "
        f"end is the median over the last quarter of the steps. Of networks whose gap was beyond {SEEN:g} once, "
        f"it is gone from the step on from which it stays within {GONE:g}. x^2 + x y + y^2 commutes, x^3 + x y does "
        "not; of x - y the mirror has the negative answer.",
    )


def _greatest_of(gap: Float[np.ndarray, "run step"]) -> Float[np.ndarray, " run"]:
    """The greatest gap of each run; NaN where none was measured."""
    return np.array([np.nanmax(row) if np.isfinite(row).any() else math.nan for row in gap], dtype=float)


def _arms(read: Reading, share: Float[np.ndarray, " run"]) -> dict[tuple[str, float], Bool[np.ndarray, " run"]]:
    """The runs of each operation and share of the table, in their order."""
    operation = [run.table.operation for run in read.runs]
    every = dict.fromkeys(zip(operation, share.tolist(), strict=True))
    return {
        (name, part): np.array([one == name for one in operation], dtype=bool) & (share == part) for name, part in every
    }


def _charts(
    read: Reading,
    gap: Float[np.ndarray, "run step"],
    early: Float[np.ndarray, " run"],
    share: Float[np.ndarray, " run"],
) -> list[Chart]:
    arms = _arms(read, share)
    by_size = Chart(
        title="Mirrors known when a network memorises",
        x="share of the table trained on",
        y="gap of test accuracies, mean",
        series={
            name: [
                (part, float(np.nanmean(early[runs])))
                for (other, part), runs in arms.items()
                if other == name and np.isfinite(early[runs]).any()
            ]
            for name in dict.fromkeys(name for name, _ in arms)
        },
    )
    over_training = [
        Chart(
            title=f"Mirrors known over training, {name}",
            x="step",
            y="gap of test accuracies, mean",
            log_x=True,
            series={f"{part:.0%} of the table": _mean_curve(read, gap[arms[name, part]]) for _, part in some},
        )
        for name in dict.fromkeys(name for name, _ in arms)
        for some in [[arm for arm in arms if arm[0] == name]]
    ]
    return [by_size, *over_training]


def _mean_curve(read: Reading, gap: Float[np.ndarray, "run step"]) -> list[tuple[float, float]]:
    """The mean over runs at the steps at which all of them were measured, from step 1 on."""
    known = np.isfinite(gap).all(axis=0) & (read.steps > 0)
    return list(zip(read.steps[known].tolist(), gap[:, known].mean(axis=0).tolist(), strict=True))


@experiment(
    source=SOURCE,
    laptop="60 networks, four operations, P = 59, 4,000 steps: about 4 minutes on two cores",
    paper="60 networks, four operations, P = 113, 40,000 steps: five hours on two cores",
    seeds=5,
    claims=CLAIMS,
    choices=(
        "Addition and subtraction, and two more operations of Power et al.'s list, neither a group: x^2 + x y + y^2, "
        "which commutes, and x^3 + x y, which does not. Of x - y a memoriser may know that the mirror has the negative "
        "answer; of x^3 + x y the mirror says nothing.",
        "Claims look at the main setting's share of the table, the largest here; smaller ones say what the gap does "
        "where a network does not grok.",
        "A pair (a, a) counts among those without a trained mirror.",
        "The last claim was added later than the others, before the runs.",
        "Seeds are from 8 on, which had no part in the choice of the laptop setting. A run ends 500 steps after it "
        "grokked.",
    ),
    reads=("train_accuracy", "test_accuracy", "mirror_accuracy_trained", "mirror_accuracy_untrained"),
    analysis=analyse,
)
def commutative_memory(scale: Scale, seeds: int) -> Iterator[Run]:
    """What memorising networks know of mirrors, by operation and training set's size."""
    for operation in OPERATIONS:
        for share in SHARES[scale]:
            for number in range(seeds):
                yield setting(scale, FRESH + number).replace(
                    {
                        "operation": operation,
                        "fraction": share,
                        "steps": STEPS[scale],
                        "logging.every": 50 if scale == "laptop" else 200,
                        "logging.growth": 1.15,
                        "checkpoints.every": 500,
                        "checkpoints.growth": 1.0,
                        "after_grokking": 500,
                    }
                )
