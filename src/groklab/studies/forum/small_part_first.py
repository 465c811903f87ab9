"""A reader's proposal: grok a small part of the data first, then train on all. Does it beat training on all at once?"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from groklab.curves import Curve, Estimate, bootstrap
from groklab.findings import Analysis, Chart, Finding, Table, Verdict, by_interval, untested
from groklab.findings.claim import Claim
from groklab.studies.forum._courses import (
    AGAIN,
    ALONE,
    ARMS,
    AT_ONCE,
    FIRST,
    LEVEL,
    Course,
    Ways,
    at_equal,
    mean_ratio,
    ratio,
    times_as_long,
)
from groklab.studies.forum._small_part_claims import CLAIMS, SOURCE
from groklab.studies.nanda.mainline import FRESH, setting
from groklab.studies.reading import Reading, count_of, in_words, mean_of, spread_of
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SHARES = {"laptop": (0.4, 0.8), "paper": (0.3, 0.8)}
"""Shares of the table: the small part, which is that of the main setting, and all that is not held out."""
HELD_OUT = 0.2
FIRST_STEPS = {"laptop": 6000, "paper": 30_000}
"""Steps on the small part at most, until it is grokked."""
THEN_STEPS = {"laptop": 2000, "paper": 10_000}
"""Steps on all after it."""
ALIKE = 1.5
"""Factor between two test losses from which on they differ, in what is told of single networks."""
WORSE = math.log(1.1)
"""Difference of logarithms up to which a test loss is no worse."""


def analyse(record: "Record") -> Analysis:
    """The four ways of each seed, compared where they have made as many steps and seen as many examples."""
    read = Reading(record)
    seeds = {seed: found for seed in dict.fromkeys(run.seed for run in read.runs) if (found := ways(read, seed))}
    tried = len({run.seed for run in record.runs})
    by_steps, by_examples = (
        np.array([[at_equal(found, arm, count) for arm in ARMS] for found in seeds.values()]).reshape(-1, len(ARMS))
        for count in ("steps", "examples")
    )
    least = [bootstrap(logs[:, 0] - logs[:, 2], statistic=np.mean) for logs in (by_steps, by_examples)]
    few = f"{len(seeds)} of {tried} networks grok the small part in the steps given"
    return Analysis(
        findings=[
            _no_worse(least, read.scale, "; ".join([*_at_the_end(by_steps), few])),
            _soon(list(seeds.values()), read.scale, few),
            _sooner(list(seeds.values()), read.scale, few),
        ],
        tables=[_table(seeds, by_steps, by_examples), _each(read, seeds, by_steps)],
        charts=_charts(list(seeds.values())),
    )


def ways(read: Reading, seed: int) -> Ways | None:
    """The four ways of a seed; nothing where its network did not grok the small part, or one of them diverged."""
    found: dict[str, int] = {}
    for number, run in enumerate(read.runs):
        if run.seed == seed:
            found[_part_of(run)] = number
    if not found.keys() >= {"parent", *ARMS} or not read.has_grokked[found["parent"]]:
        return None
    parent, turn = found["parent"], float(read.lasted[found["parent"]])
    sizes = read.metrics["train_size"].values
    told: dict[str, Course] = {}
    for arm in ARMS:
        run = found[arm]
        steps, losses = read.steps, read.curve("test_loss")[run]
        if arm in (FIRST, AGAIN):
            before = read.steps <= turn
            steps = np.concatenate([read.steps[before], turn + read.steps[1:]])
            losses = np.concatenate([read.curve("test_loss")[parent][before], losses[1:]])
        told[arm] = Course(
            loss=Curve.of(steps, losses, "log"),
            turn=turn if arm in (FIRST, AGAIN) else 0.0,
            sizes=(int(sizes[parent]), int(sizes[run])),
        )
    return told


def _part_of(run: Run) -> str:
    """Which of the ways a run is, or of two of them the first part."""
    small = run.split.fraction in [shares[0] for shares in SHARES.values()]
    if run.start is not None:
        return AGAIN if small else FIRST
    if not small:
        return AT_ONCE
    return ALONE if run.stop.after_grokking is None else "parent"


def _no_worse(least: Sequence[Estimate], scale: str, few: str) -> Finding:
    by_steps, by_examples = least
    return _by_both(
        CLAIMS[0],
        least,
        bound=WORSE,
        units="difference of log test losses, the greater of the two counts",
        scale=scale,
        sentence=f"log test loss, small part first less all at once: after equal steps {in_words(by_steps)}, after "
        f"equal examples {in_words(by_examples)}; {few}",
        few=few,
    )


def _soon(seeds: Sequence[Ways], scale: str, few: str) -> Finding:
    steps, examples = (
        bootstrap(np.array([times_as_long(found, count) for found in seeds], float), statistic=np.mean)
        for count in ("steps", "examples")
    )
    return _by_both(
        CLAIMS[1],
        (steps, examples),
        bound=math.exp(WORSE),
        units="times as long, the greater of the two counts",
        scale=scale,
        sentence=f"to a test loss of {LEVEL:g} it takes {in_words(steps)} times as many steps as all at once, and "
        f"{in_words(examples)} times as many examples, in the {steps.count} networks in which both get there; {few}",
        few=few,
    )


def _by_both(
    claim: Claim, counts: Sequence[Estimate], *, bound: float, units: str, scale: str, sentence: str, few: str
) -> Finding:
    """The finding of a claim that a number is at most `bound`, by steps and by examples."""
    if any(math.isnan(one.low) for one in counts):
        return untested(claim, scale=scale, sentence=few)
    holds = [one.high <= bound for one in counts]
    verdict: Verdict = "reproduced" if all(holds) else "partly" if any(holds) else "not reproduced"
    if all(one.low > bound for one in counts):
        verdict = "contradicted"
    worst = max(counts, key=lambda one: one.value)
    return Finding(
        claim=claim,
        verdict=verdict,
        sentence=sentence,
        value=worst.value,
        low=worst.low,
        high=worst.high,
        units=units,
        seeds=worst.count,
        scale=scale,
    )


def _at_the_end(logs: Float[np.ndarray, "seed arm"]) -> list[str]:
    """In how many seeds both end alike: for the sentence."""
    if not len(logs):
        return []
    alike = np.abs(logs[:, ARMS.index(FIRST)] - logs[:, ARMS.index(AT_ONCE)]) < math.log(ALIKE)
    return [f"after equal steps they differ by less than a factor of {ALIKE:g} in {count_of(alike)} networks"]


def _sooner(seeds: Sequence[Ways], scale: str, few: str) -> Finding:
    ratios = mean_ratio(seeds)
    late = {
        arm: np.array([math.isinf(found[arm].generalised) for found in seeds], dtype=bool) for arm in (FIRST, ALONE)
    }
    censored = ", ".join(f"{arm} in {late[arm].sum()}" for arm in (FIRST, ALONE))
    return by_interval(
        CLAIMS[2],
        ratios.value,
        (ratios.low, ratios.high),
        allowed=(0, math.nextafter(1, 0)),
        contrary=[(1, math.inf)],
        units="ratio of steps",
        seeds=ratios.count,
        scale=scale,
        sentence=f"steps to a test loss of {LEVEL:g}, small part first over small part alone: {in_words(ratios)}; "
        f"networks that do not get there: {censored}, both in {(late[FIRST] & late[ALONE]).sum()}, which are left out; "
        f"{few}",
    )


def _table(
    seeds: Mapping[int, Ways], by_steps: Float[np.ndarray, "seed arm"], by_examples: Float[np.ndarray, "seed arm"]
) -> Table:
    rows: list[list[str | int | float | None]] = []
    for column, arm in enumerate(ARMS):
        against = [bootstrap(logs[:, column] - logs[:, 2], statistic=np.mean) for logs in (by_steps, by_examples)]
        generalised = np.array([found[arm].generalised for found in seeds.values()])
        rows.append(
            [
                arm,
                len(seeds),
                *(
                    cell
                    for logs, one in zip((by_steps, by_examples), against, strict=True)
                    for cell in (_geometric(logs[:, column]), in_words(one) if one.count else None)
                ),
                spread_of(generalised[np.isfinite(generalised)]),
                int(np.isfinite(generalised).sum()),
            ]
        )
    return Table(
        title="Test loss after as much training",
        columns=[
            "way",
            "networks",
            "test loss after equal steps (nats)",
            "log of it less that of all at once",
            "test loss after equal examples (nats)",
            "log of it less that of all at once",
            f"steps to a test loss of {LEVEL:g}",
            "networks that get there",
        ],
        rows=rows,
        note="Steps and examples of each seed are those of its small part first, both parts together; geometric means "
        "over seeds. Small part, begun again: the same two parts, but the second one on the small part too: it tells "
        "what the fresh optimiser does. A step of training sees the whole training set.",
    )


def _each(read: Reading, seeds: Mapping[int, Ways], logs: Float[np.ndarray, "seed arm"]) -> Table:
    """A row a seed."""
    number = {run: index for index, run in enumerate(read.runs)}
    when = {(run.seed, _part_of(run)): float(read.grokked[index]) for run, index in number.items()}
    rows: list[list[str | int | float | None]] = [
        [
            seed,
            when[seed, "parent"],
            found[FIRST].turn,
            found[FIRST].examples(found[FIRST].last),
            *(when[seed, arm] if math.isfinite(when[seed, arm]) else None for arm in (ALONE, AT_ONCE)),
            *(steps if math.isfinite(steps) else None for steps in (found[arm].generalised for arm in ARMS)),
            known if math.isfinite(known := ratio(found)) else None,
            *(math.exp(ends[ARMS.index(arm)]) for arm in (FIRST, AT_ONCE)),
        ]
        for (seed, found), ends in zip(seeds.items(), logs, strict=True)
    ]
    return Table(
        title="Each seed",
        columns=[
            "seed",
            "small part grokked at step",
            "its first part ends at step",
            "examples seen in all",
            "small part alone grokked at step",
            "all at once grokked at step",
            *(f"steps to {LEVEL:g}, {arm}" for arm in ARMS),
            "ratio, small part first over alone",
            *(f"test loss at the end, {arm} (nats)" for arm in (FIRST, AT_ONCE)),
        ],
        rows=rows,
        note="The first part of small part first is the network on the small part alone up to where it ends, so that "
        "both grok at one step: what the second part changes shows afterwards. The end is that of small part "
        "first, all at once after as many steps. Where one of the two of a ratio does not get there, its last step "
        "stands for it.",
    )


def _geometric(logs: Float[np.ndarray, " seed"]) -> float | None:
    mean = mean_of(logs)
    return None if mean is None else math.exp(mean)


def _charts(seeds: Sequence[Ways]) -> list[Chart]:
    """The geometric mean of the test loss over seeds, over steps and over examples."""
    if not seeds:
        return []
    charts: list[Chart] = []
    for count in ("steps", "examples"):
        series: dict[str, list[tuple[float, float]]] = {}
        for arm in ARMS:
            courses = [found[arm] for found in seeds]
            ends = [one.last if count == "steps" else one.examples(one.last) for one in courses]
            points = np.linspace(0, min(ends), 201)[1:].tolist()
            series[arm] = [
                (
                    point,
                    math.exp(np.mean([one.loss.at(point if count == "steps" else one.step(point)) for one in courses])),
                )
                for point in points
            ]
        title = "Test loss over steps" if count == "steps" else "Test loss over examples seen"
        x = "step" if count == "steps" else "examples seen"
        charts.append(Chart(title=title, x=x, y="test loss (nats), geometric mean", series=series, log_y=True))
    return charts


@experiment(
    source=SOURCE,
    laptop="30 networks, P = 59, up to 10,000 steps: about 4 minutes on two cores",
    paper="30 networks, P = 113, up to 50,000 steps: four hours on two cores",
    seeds=6,
    claims=CLAIMS,
    choices=(
        "The reader's small and vastly larger part are 40% of the table (30% at paper scale) and all of the 80% that "
        "are not held out; a table has no vastly larger part than one that can be grokked. The held-out fifth is the "
        "test set of every network. All contains the small part.",
        "The first part ends at the first step of the checkpoint schedule, every 100, after test accuracy has passed "
        "0.99. The second part goes on from its weights with a fresh optimiser, as `start` does.",
        "Training is in full batches: a step sees every example of its training set once. All at once and the small "
        "part alone are trained for longer than needed, and read, between logged steps, where they have made as many "
        "steps, or seen as many examples, as small part first has at its end, seed by seed.",
        "A seed whose network does not grok the small part within the steps given has no second part to speak of, and "
        "counts in no comparison; how many do is said.",
        "The step at which the test loss falls to 1e-3 nats, a tenth or less of what it is when test accuracy passes "
        "0.99, stands for that of grokking in the second claim. Where one of both does not get there, its "
        "last step is taken, and the interval is open: to below for the small part alone, to above for small part "
        "first. Pairs of which neither gets there are left out.",
        "Seeds are from 8 on, which had no part in the choice of the laptop setting.",
    ),
    reads=("train_accuracy", "test_accuracy", "test_loss"),
    analysis=analyse,
)
def small_part_first(scale: Scale, seeds: int) -> Iterator[Run]:
    """A small part grokked and then all, all at once, the small part alone: as many steps, as many examples."""
    small, whole = SHARES[scale]
    first, then = FIRST_STEPS[scale], THEN_STEPS[scale]
    common: dict[str, object] = {
        "held_out": HELD_OUT,
        "logging.every": 50 if scale == "laptop" else 100,
        "checkpoints.every": 100 if scale == "laptop" else 500,
        "checkpoints.growth": 1.0,
    }
    for number in range(seeds):
        alone = setting(scale, FRESH + number).replace(
            common | {"fraction": small, "steps": first + math.ceil(then * whole / small) + 100}
        )
        parent = alone.replace({"steps": first, "after_grokking": 0})
        yield parent
        for share in (whole, small):
            second: dict[str, object] = {"fraction": share, "steps": then, "after_grokking": None}
            yield replace(parent.replace(second), start=parent)
        yield alone.replace({"fraction": whole, "steps": first + then})
        yield alone
