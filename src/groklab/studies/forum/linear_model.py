"""The linear model of 101 weights: does AdamW memorise first and generalise later, where SGD goes straight?"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from groklab.curves import Curve, crossing
from groklab.findings import Analysis, Chart, Finding, Table, Verdict, by_seeds, untested
from groklab.findings.claim import Claim
from groklab.models.settings import LinearSettings
from groklab.studies.forum._linear_claims import CLAIMS, SOURCE
from groklab.studies.reading import Reading, count_of, spread_of
from groklab.studies.study import Scale, experiment
from groklab.tasks.samples import SamplesSettings
from groklab.training.settings import OptimiserSettings, Run, Schedule

if TYPE_CHECKING:
    from groklab.record import Record

STRENGTHS = (0.001, 0.01, 0.1)
"""Decays of the claim on AdamW in full batch."""
NEARLY_HALF = 0.45
"""Share of the fit that the memorising weights hold at some step where they memorise; equal weights have half."""
CLOSE = 0.05
"""Distance from a solution, over its norm, at which the weights are there, or on the line to it."""
BATCH = 10
COUNT = SamplesSettings().count
"""Samples, each with a weight that memorises it."""
TIMES = 5
"""Times of the decay, 1 / (learning rate x decay), that a run with AdamW lasts at least."""
IN_GRADIENT: Mapping[str, OptimiserSettings] = {
    "Adam, decay 0.01 in the gradient": OptimiserSettings(name="adam"),
    "RMSProp, decay 0.01 in the gradient": OptimiserSettings(name="rmsprop"),
    "Adagrad, decay 0.01 in the gradient": OptimiserSettings(name="adagrad", learning_rate=0.05),
}
"""Optimisers that scale the decay with the gradient; Adagrad's steps shrink, so that it starts with larger ones."""
OTHERS: Mapping[str, OptimiserSettings] = {**IN_GRADIENT, "Lion, decay 0.01": OptimiserSettings(name="lion")}
"""Optimisers that the post does not speak of."""
SGD = {"SGD": 0.0, "SGD, momentum 0.9": 0.9}


def analyse(record: "Record") -> Analysis:
    """Where each optimiser goes, and which weight holds the fit on the way."""
    read = Reading(record)
    arms = read.arms(_arm)
    return Analysis(
        findings=[_straight(read), *_phase_changes(read), _alike(read), _batches(read)],
        tables=[_table(read, arms)],
        charts=_charts(read, arms),
    )


def _straight(read: Reading) -> Finding:
    farthest = {name: _largest(read, name, "straight_line_distance") for name in SGD}
    if any(math.isnan(one) for one in farthest.values()):
        return untested(CLAIMS[0], scale=read.scale, sentence="there is no run of SGD in full batch")
    close = [one < CLOSE for one in farthest.values()]
    said = ", ".join(f"{value:.2g} with {name}" for name, value in farthest.items())
    verdict: Verdict = "reproduced" if all(close) else "partly" if any(close) else "contradicted"
    return Finding(
        claim=CLAIMS[0],
        verdict=verdict,
        sentence=f"the largest distance from the line is {said}",
        value=max(farthest.values()),
        units="share of the solution's norm",
        seeds=1,
        scale=read.scale,
    )


def _phase_changes(read: Reading) -> list[Finding]:
    """Of AdamW at three decays, and of the optimisers whose decay is in the gradient, which memorise and then pass."""
    adamw = {f"{decay:g}": _adamw(decay) for decay in STRENGTHS}
    return [
        _phase_change(read, CLAIMS[1], adamw, "strengths of the decay"),
        _phase_change(read, CLAIMS[2], {name.partition(",")[0]: name for name in IN_GRADIENT}, "optimisers"),
    ]


def _phase_change(read: Reading, claim: Claim, arms: Mapping[str, str], of: str) -> Finding:
    """The finding of three arms, each with its name in the sentence."""
    ways = {name: _way(read, arm) for name, arm in arms.items()}
    known = [way for way in ways.values() if way is not None]
    if len(known) < len(ways):
        sentence = (
            f"there is no run in full batch of each of these, over {TIMES} of the decay's times where it is AdamW"
        )
        return untested(claim, scale=read.scale, sentence=sentence)
    passes = sum(share >= NEARLY_HALF and end < CLOSE for share, end in known)
    verdicts: tuple[Verdict, ...] = ("contradicted", "not reproduced", "partly", "reproduced")
    said = "; ".join(f"{name} {way[0]:.3f} and {way[1]:.2g}" for name, way in ways.items() if way is not None)
    return Finding(
        claim=claim,
        verdict=verdicts[passes],
        sentence=f"{passes} of three {of} memorise first and then pass to the general weight; the most that the "
        f"memorising weights hold of a fit of at least half, and the end's distance from the solution of least norm "
        f"over its norm: {said}",
        value=float(passes),
        units=f"{of} of three",
        seeds=1,
        scale=read.scale,
    )


def _way(read: Reading, arm: str) -> tuple[float, float] | None:
    """The largest share of the memorising weights in a fit of at least half, and how far from the least norm it ends.

    That distance, over the norm of the solution of least norm, is taken with every memorising weight as their mean is.
    Nothing without a run that lasts.
    """
    runs = read.arms(_arm).get(arm)
    if runs is None or not _lasts(read, runs[0]):
        return None
    general, memorising = (read.curve(name)[runs[0]] for name in ("general_weight", "memorising_weight_mean"))
    known = ~np.isnan(general) & ~np.isnan(memorising)
    general, memorising = general[known], memorising[known]
    fit = general + memorising
    some = fit >= 0.5
    share = float((memorising[some] / fit[some]).max(initial=0.0))
    best = COUNT / (COUNT + 1)
    away = math.hypot(general[-1] - best, math.sqrt(COUNT) * (memorising[-1] - (1 - best)))
    return share, away / math.sqrt(best)


def _alike(read: Reading) -> Finding:
    largest = _largest(read, _adamw(0.01), "general_difference")
    if math.isnan(largest):
        return untested(CLAIMS[3], scale=read.scale, sentence="there is no such run that lasts")
    return Finding(
        claim=CLAIMS[3],
        verdict="reproduced" if largest < CLOSE else "contradicted",
        value=largest,
        units="relative difference",
        seeds=1,
        scale=read.scale,
        sentence=f"the general weight differs from a memorising one by {largest:.3g} of the larger at most",
    )


def _batches(read: Reading) -> Finding:
    arms = {name: [_ratios(read, run) for run in runs if _lasts(read, run)] for name, runs in read.arms(_arm).items()}
    found = arms.get(_adamw(0.01, batch=True), [])
    least, early, before, late = np.array(found, dtype=float).reshape(len(found), 4).T
    holds = (least > 1) & (early >= late / 2)
    sentence = (
        f"in {count_of(least > 1)} seeds the general weight is the larger at every step, in "
        f"{count_of(early >= late / 2)} it is early at least half as many times the mean memorising one as at the end: "
        f"it is {spread_of(early) or 'not measured'} at a tenth of the steps until the fit is half, "
        f"{spread_of(least) or 'not measured'} at least, and {spread_of(late) or 'not measured'} at the end, "
        f"{spread_of(late / before) or 'not measured'} times that of the tenth of the steps before"
    )
    return by_seeds(CLAIMS[4], holds, contrary=least <= 1, scale=read.scale, sentence=sentence)


def _ratios(read: Reading, run: int) -> tuple[float, float, float, float]:
    """The general weight over the mean memorising one: least, early, and in the last tenth of the steps but one and it.

    NaN for a fit that is never half.
    """
    general, memorising = read.curve("general_weight")[run], read.curve("memorising_weight_mean")[run]
    half = crossing(Curve.of(read.steps, general + memorising, "linear"), 0.5, 1)
    if half is None:
        return math.nan, math.nan, math.nan, math.nan
    # At step 0 both are 0.
    known = (read.steps > 0) & (memorising > 0) & ~np.isnan(general)
    ratio = Curve.of(read.steps[known], general[known] / memorising[known], "linear")
    return float(ratio.values.min()), ratio.at(half.step / 10), ratio.stretch(0.8, 0.9), ratio.stretch(0.9, 1)


def _steps(optimiser: OptimiserSettings) -> int:
    """The steps that a run lasts at least for the decay to have had its effect."""
    strength = optimiser.learning_rate * optimiser.weight_decay
    return round(TIMES / strength) if optimiser.name == "adamw" and strength else 0


def _lasts(read: Reading, run: int) -> bool:
    return bool(read.lasted[run] >= _steps(read.runs[run].optimiser))


def _largest(read: Reading, arm: str, measure: str) -> float:
    """The largest value of a measure over training, of an arm's first run; NaN without one that lasts."""
    runs = read.arms(_arm).get(arm)
    values = np.empty(0) if runs is None or not _lasts(read, runs[0]) else read.curve(measure)[runs[0]]
    return float(np.nanmax(values)) if np.isfinite(values).any() else math.nan


def _adamw(decay: float, batch: bool = False) -> str:
    return f"AdamW, decay {decay:g}{f', batches of {BATCH}' if batch else ''}"


def _arm(run: Run) -> str:
    """The optimiser of a run in words, and its batches where they are random."""
    optimiser = run.optimiser
    if optimiser.name == "adamw":
        return _adamw(optimiser.weight_decay, run.batch_size is not None)
    if optimiser.name == "sgd":
        name = next(name for name, momentum in SGD.items() if momentum == optimiser.momentum)
    else:
        name = next(name for name, other in OTHERS.items() if other.name == optimiser.name)
    return name if run.batch_size is None else f"{name}, batches of {run.batch_size}"


def _table(read: Reading, arms: Mapping[str, np.ndarray]) -> Table:
    measures = {
        "general_weight": "general weight",
        "memorising_weight_mean": "mean memorising weight",
        "memorising_weight_largest": "largest memorising weight",
        "train_loss": "train loss",
    }
    rows: list[list[str | int | float | None]] = []
    for name, runs in arms.items():
        farthest = read.curve("straight_line_distance")[runs]
        rows.append(
            [
                name,
                len(runs),
                *(spread_of(read.last(measure)[runs]) for measure in measures),
                spread_of(_most(farthest)),
            ]
        )
    return Table(
        title="Where each optimiser ends",
        columns=["optimiser", "runs", *measures.values(), "farthest from the line"],
        rows=rows,
        note="Last values, mean (least to largest) over seeds. The solution of least norm has a general weight of "
        "0.990 and memorising ones of 0.0099. Farthest: largest distance over training from the line between 0 and "
        "that solution, over its norm.",
    )


def _most(values: Float[np.ndarray, "run step"]) -> Float[np.ndarray, " run"]:
    """The largest of each run's values; NaN where there is none."""
    known = ~np.isnan(values)
    return np.where(known.any(axis=1), np.where(known, values, -np.inf).max(axis=1, initial=-np.inf), np.nan)


def _charts(read: Reading, arms: Mapping[str, np.ndarray]) -> list[Chart]:
    first = {name: int(runs[0]) for name, runs in arms.items()}
    planes = {name: _points(read.curve("memorising_weight_mean")[run], read.curve("general_weight")[run])
              for name, run in first.items()}  # fmt: skip
    charts = [
        Chart(
            title="The general weight against the mean memorising one",
            x="mean memorising weight",
            y="general weight",
            series=planes,
        )
    ]
    for title, names in (
        ("AdamW in full batch", [_adamw(decay) for decay in STRENGTHS]),
        (f"AdamW in batches of {BATCH}", [_adamw(0.01, batch=True)]),
        ("SGD in full batch", list(SGD)),
    ):
        series: dict[str, list[tuple[float, float]]] = {}
        for name in names:
            if name in first:
                for measure, words in (("general_weight", "general"), ("memorising_weight_mean", "memorising, mean")):
                    series[f"{words}: {name}"] = _points(read.steps, read.curve(measure)[first[name]])
        charts.append(Chart(title=title, x="step", y="weight", series=series, log_x=True))
    return charts


def _points(x: Float[np.ndarray, " step"], y: Float[np.ndarray, " step"]) -> list[tuple[float, float]]:
    known = ~np.isnan(x) & ~np.isnan(y)
    return list(zip(x[known].tolist(), y[known].tolist(), strict=True))


@experiment(
    source=SOURCE,
    laptop="25 runs of 101 weights, 100,000 to 5,000,000 steps: about half a minute on two cores",
    paper="25 runs of 101 weights, 1,000,000 to 5,000,000 steps: about five minutes on two cores",
    seeds=5,
    claims=CLAIMS,
    analysis=analyse,
    reads=(
        "general_weight",
        "memorising_weight_mean",
        "memorising_weight_largest",
        "general_difference",
        "straight_line_distance",
    ),
    choices=(
        "The loss is the mean over the samples of the squared difference from 1; the comment does not say which loss.",
        "Learning rate 1e-3 for all but Adagrad (0.05), no warm-up, betas 0.9 and 0.999 and epsilon 1e-8, PyTorch's "
        "defaults: the comment states learning rate and decay for random batches alone.",
        "SGD has no decay: with any it goes along the same line, and stops before its end.",
        "In full batch nothing is random, so that there is one run of each arm; random batches are drawn anew for "
        "every seed.",
        "The memorising weights' share of the fit is their mean over the sum of that mean and the general weight: a "
        "sample's fit is its own weight and the general one.",
        "Every step means every logged one: each is at most a tenth later than the one before until they are a "
        "two-hundredth of the run apart.",
        f"With AdamW a run lasts at least {TIMES} of the decay's times, 1 / (learning rate x decay): the decay moves "
        "the weights no faster than that. A shorter run is in no verdict on AdamW.",
        "At the end means the median over the last tenth of the steps.",
        "Adam, RMSProp and Adagrad have the decay in the gradient, as these were first published; AdamW and Lion take "
        "it off the weights. Lion stands beside for comparison.",
    ),
)
def linear_model(scale: Scale, seeds: int) -> Iterator[Run]:
    """A general weight and a hundred that memorise a sample each: the way there with SGD, AdamW and others."""
    least = 100_000 if scale == "laptop" else 1_000_000

    def run(changes: Mapping[str, object]) -> Run:
        plain = Run(task=SamplesSettings(), model=LinearSettings(), optimiser=OptimiserSettings(warmup=0, beta2=0.999))
        found = plain.replace(changes)
        steps = max(least, _steps(found.optimiser))
        return replace(
            found,
            steps=steps,
            logging=Schedule(every=steps // 200, growth=1.1),
            checkpoints=Schedule(every=steps // 4, growth=1.0),
        )

    for decay in (*STRENGTHS, 0.0):
        yield run({"optimiser.weight_decay": decay})
    same: dict[str, object] = {"optimiser.weight_decay": 0.0}
    for momentum in SGD.values():
        yield run({**same, "optimiser.name": "sgd", "optimiser.momentum": momentum})
    for other in OTHERS.values():
        yield run(
            {"optimiser.name": other.name, "optimiser.learning_rate": other.learning_rate}
            | {"optimiser.weight_decay": 0.01}
        )
    for seed in range(seeds):
        drawn: dict[str, object] = {"seed": seed, "batch_size": BATCH}
        yield run({**drawn, "optimiser.weight_decay": 0.01})
        for momentum in SGD.values():
            yield run({**drawn, **same, "optimiser.name": "sgd", "optimiser.momentum": momentum})
