"""Random walk, lottery ticket or pressure by decay? Networks forked midway in circuit formation, and changed there."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from groklab.curves import bootstrap
from groklab.findings import Analysis, Finding, Table, by_interval, by_seeds
from groklab.studies.forum._arms import ARMS, CHANGES, CONTROL, DOUBLED, NO_DECAY, NO_MEMORY, NULL, REMOVED
from groklab.studies.forum._circle import PLANES, leading_plane, random_planes, shares
from groklab.studies.forum._explanations_claims import CLAIMS, SOURCE
from groklab.studies.forum._fork_tables import (
    after_the_fork,
    arms_table,
    explanations_table,
    explanations_told,
    said,
    seeds_table,
    survival_chart,
)
from groklab.studies.forum._forks import Forks, by_parts, differ_before, noise, ratio, within
from groklab.studies.nanda.mainline import FRESH, setting
from groklab.studies.reading import count_of, in_words
from groklab.studies.study import Scale, experiment
from groklab.tasks import Task
from groklab.training.settings import Run

if TYPE_CHECKING:
    import xarray

    from groklab.record import Record

SOONER, LATER = ((0.0, 0.8), (1.0, math.inf)), ((1.2, math.inf), (0.0, 1.0))
"""The ratios that a claim allows, and those of its contrary."""
CIRCLE = 0.9
"""Share of one frequency in its plane above which an embedding ends as a circle."""


def circle(record: "Record") -> "xarray.Dataset":
    """How circular the embedding of each reference is at step 0, in the plane of its last one and in random ones.

    By `network`, the run's number: `frequency`, the place of that whose circle the last embedding is in the plane;
    `final_share`, what it has of it; `share`, the largest share of the embedding at step 0, and `own_share`, that of
    this frequency; `rank` and `own_rank`, the share of random planes in which the same is less.
    """
    import xarray

    rows: dict[int, dict[str, float]] = {}
    for number, run in enumerate(record.runs):
        structure = record.task(number).group
        if run.intervention is not None or record.statuses[number].bad or structure is None:
            continue
        order = structure.in_order("a")
        first, last = (
            np.asarray(record.model(number, step).embed.W_E, np.float64)[order]
            for step in (0, record.steps(number)[-1])
        )
        plane = leading_plane(last)
        final, start = (shares(structure.group, one, plane)[0] for one in (last, first))
        drawn, own = shares(structure.group, first, random_planes(first.shape[1])), int(final.argmax())
        rows[number] = {
            "frequency": float(own),
            "final_share": final[own],
            "share": start.max(),
            "rank": np.mean(drawn.max(axis=1) < start.max()),
            "own_share": start[own],
            "own_rank": np.mean(drawn[:, own] < start[own]),
        }
    names = ("frequency", "final_share", "share", "rank", "own_share", "own_rank")
    values = {name: ("network", np.array([row[name] for row in rows.values()], float)) for name in names}
    return xarray.Dataset(values, {"network": list(rows)})


def analyse(record: "Record") -> Analysis:
    """Steps from the fork to grokking, arm by arm, and the embedding's circle at the start."""
    forks = Forks(record, ARMS)
    rounds = record.derived()
    grokked = set(forks.read.metrics["run"].values[forks.read.has_grokked].tolist())
    rounds = rounds.isel(network=[place for place, one in enumerate(rounds["network"].values) if one in grokked])
    not_forked = forks.references - len(forks.seeds)
    remarks = (
        [f"Of {forks.references} networks {not_forked} were not forked, having no circuit formation by the rule."]
        if not_forked
        else []
    )
    return Analysis(
        findings=[*_of_forks(forks), *_of_circles(rounds, forks.read.scale)],
        tables=[arms_table(forks), explanations_table(forks), seeds_table(forks), _circles_table(rounds, record.runs)],
        charts=[survival_chart(forks), *after_the_fork(forks)],
        remarks=[*remarks, *_of_changes(forks)],
    )


def _of_changes(forks: Forks) -> list[str]:
    """What the forks share, in sentences: whether they were their references before, and what any change does."""
    differ, count = differ_before(forks)
    found = [ratio(forks.arms[name], forks.arms[NULL]) for one in CHANGES for name in (one, CONTROL.format(one))]
    known = [one for one in found if not math.isnan(one.low)]
    sooner = sum(one.high < 1 for one in known)
    remarks: list[str] = []
    if count:
        remarks.append(
            f"Of {count} forks {differ} differ before the change from their reference, in what was measured."
        )
    remarks += explanations_told(forks)
    if known:
        remarks.append(
            f"Of {len(known)} changes of weights, the random ones among them, {sooner} brought grokking forward: the "
            "95% interval of the ratio to the null arm lies below 1."
        )
    return remarks


def _of_forks(forks: Forks) -> list[Finding]:
    """What the arms say of the claims about forks."""
    by_name = {claim.identifier.partition(".")[2]: claim for claim in CLAIMS}
    scale, arms, null = forks.read.scale, forks.arms, forks.arms[NULL]
    off = arms[NO_DECAY]
    both = null.known & off.known
    only = (null.grokked & ~off.grokked)[both]
    rounding = noise(null, forks.unchanged)
    memory, doubled, removed = (ratio(arms[name], null) for name in CHANGES)
    random = {name: said(ratio(arms[CONTROL.format(name)], null)) for name in CHANGES}
    controls = {name: ratio(arms[name], arms[CONTROL.format(name)]) for name in CHANGES}
    allowed = (SOONER, SOONER, LATER)
    own = "; ".join(
        f"{name} {said(one)}, its control {random[name]}, the one over the other {said(controls[name])}"
        for name, one in zip(CHANGES, (memory, doubled, removed), strict=True)
    )
    against = [
        words
        for one, bounds, words in (
            (doubled, SOONER[1], "doubling them puts it off"),
            (removed, LATER[1], "removing them brings it forward"),
        )
        if within(one, bounds)
    ]
    return [
        by_seeds(
            by_name["pressure-by-decay"],
            only,
            contrary=off.grokked[both],
            scale=scale,
            sentence=f"in {count_of(only)} networks only the fork with decay groks within the budget; without decay "
            f"{count_of(off.grokked[both])} do{_without_decay(forks, only)}",
        ),
        by_interval(
            by_name["memory-removed"],
            memory.value,
            (memory.low, memory.high),
            allowed=SOONER[0],
            contrary=[SOONER[1]],
            units="ratio of steps",
            seeds=memory.count,
            scale=scale,
            sentence=f"steps from the fork to grokking, memory projected out over left in: {said(memory)}; "
            f"its control at random: {random[NO_MEMORY]}",
        ),
        by_parts(
            by_name["frequencies-amplified"],
            [(doubled, *SOONER), (removed, *LATER)],
            units="ratio of steps",
            scale=scale,
            sentence=f"steps from the fork to grokking over those of the null arm: key frequencies doubled "
            f"{said(doubled)}, their control at random {random[DOUBLED]}; removed {said(removed)}, their control at "
            f"random {random[REMOVED]}" + "".join(f"; {words}" for words in against),
        ),
        by_interval(
            by_name["forks-noise"],
            rounding.value,
            (rounding.low, rounding.high),
            allowed=(0.0, math.log(1.1)),
            contrary=[(math.log(1.1), math.inf)],
            units="log ratio of steps",
            seeds=rounding.count,
            scale=scale,
            sentence=f"the order of summation alone moves the log of the steps to grokking by {said(rounding)}",
        ),
        by_parts(
            by_name["forks-no-kicks"],
            [(one, *bounds) for one, bounds in zip(controls.values(), allowed, strict=True)],
            units="ratio of steps",
            scale=scale,
            sentence=f"steps from the fork to grokking over those of the null arm: {own}",
        ),
    ]


def _without_decay(forks: Forks, only: Bool[np.ndarray, " network"]) -> str:
    """How long those that grok with decay only were watched without it, and what became of their test loss."""
    read, null, off = forks.read, forks.arms[NULL], forks.arms[NO_DECAY]
    there = null.known & off.known
    if not only.any():
        return ""
    times = (off.steps / null.steps)[there][only].min()
    runs, fork = off.runs[there][only], off.fork[there][only]
    steps = np.full(len(read.runs), np.nan)
    steps[runs] = fork
    first, last = read.at("test_loss", steps)[runs], read.last("test_loss")[runs]
    return (
        f"; those were watched at least {times:.1f} times as long as the fork with decay took, and their test loss "
        f"rose in {count_of(last > first)}, from {first.mean():.3g} to {last.mean():.3g} nats on average"
    )


def _of_circles(rounds: "xarray.Dataset", scale: str) -> list[Finding]:
    """What the embeddings at step 0 say of the claims about circles."""
    found: list[Finding] = []
    for name, rank, share, words in (
        ("forum.circle-at-the-start", "rank", "share", "one frequency"),
        ("forum.circle-its-own", "own_rank", "own_share", "the frequency of its last circle"),
    ):
        (claim,) = (one for one in CLAIMS if one.identifier == name)
        above = rounds[rank].values > 0.95
        mean = bootstrap(rounds[share].values, statistic=np.mean)
        ends = rounds["final_share"].values > CIRCLE
        found.append(
            by_seeds(
                claim,
                above,
                contrary=~above,
                scale=scale,
                sentence=f"in {count_of(above)} networks the share of {words} in the random embedding is above the "
                f"95th percentile of {PLANES:,} random planes, in {count_of(above[ends])} of those that end as a "
                f"circle, with a share above {CIRCLE}; it is {in_words(mean)} on average",
            )
        )
    return found


def _circles_table(rounds: "xarray.Dataset", runs: Sequence[Run]) -> Table:
    """A row a network that grokked: its embedding at both ends in the plane of the last one."""
    rows: list[list[str | int | float | None]] = []
    for place, number in enumerate(rounds["network"].values.tolist()):
        one = {str(name): float(values.values[place]) for name, values in rounds.data_vars.items()}
        ranks = one["rank"], one["own_share"], one["own_rank"]
        structure = Task.of(runs[number].task).group
        label = None if structure is None else structure.group.frequency_labels[int(one["frequency"])]
        rows.append([runs[number].seed, label, one["final_share"], one["share"], *ranks])
    return Table(
        title="The embedding in the plane of its last leading axes",
        columns=[
            "seed", "frequency", "its share at the end", "largest share at step 0", "rank among random planes",
            "that frequency's share at step 0", "its rank among them",
        ],
        rows=rows,
        note=f"Shares of the variance that is seen in the plane. A rank is the share of {PLANES:,} random planes in "
        "which the same embedding has less.",
    )  # fmt: skip


@experiment(
    source=SOURCE,
    laptop="72 networks, P = 59, up to 8,000 steps: about 7 minutes on two cores",
    paper="72 networks, P = 113, up to 40,000 steps: 4 hours on two cores",
    seeds=8,
    claims=CLAIMS,
    choices=(
        "Seeds from 8 on: the laptop setting was chosen on seeds 0 to 7. A run ends 1,000 steps after it grokked, at "
        "paper scale 4,000.",
        "Forks are as if from one checkpoint: each is its run trained once more from the first step, with the fused "
        "step bit for bit the same until it is changed; otherwise rounding may differ, and a remark counts the forks "
        "that do. Midway in circuit formation is the logged step nearest to the middle of the phase by the rule for "
        "the phases, read off the run that is not changed. A run without the phase is not forked.",
        "The null arm changes the order of the neurons, and of their moments with them: the same function, whose sums "
        "are taken in another order.",
        "The memorising part is what embedding and unembedding have, along tokens and along answers, in other "
        "frequencies than the key ones of the last network; their mean stays. What a memory writes in the key "
        "frequencies stays too.",
        "Key frequencies are doubled and removed in the embedding alone. The optimiser's moments stay in all arms.",
        "Each change of weights has a control that moves the same arrays as far and to as large a norm in a random "
        "direction.",
        "Left in, and decay on, is the null arm. A network that does not grok within the budget counts with the steps "
        "that it was watched: its ratio is a bound, and the interval is open on that side.",
        "The last three claims were added to those of the comments before any run.",
    ),
    reads=("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares"),
    analysis=analyse,
    derived=circle,
)
def explanations(scale: Scale, seeds: int) -> Iterator[Run]:
    """Random walk, lottery ticket or pressure by decay? Forks of one network, changed midway in circuit formation."""
    changes: dict[str, object] = (
        {"steps": 8000, "after_grokking": 1000, "logging.every": 25} if scale == "laptop" else {"after_grokking": 4000}
    )
    for seed in range(seeds):
        run = setting(scale, FRESH + seed).replace(changes)
        yield run
        for intervention in ARMS.values():
            yield replace(run, intervention=intervention)
