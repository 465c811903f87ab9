"""The linear model of 101 weights: does AdamW memorise first and generalise later, where SGD goes straight?"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from groklab.curves import Curve, crossing
from groklab.findings import Analysis, Chart, Finding, Table, Verdict, by_interval, by_seeds, untested
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
TIE = 1e-3
"""By how much a share of the fit must be above one half to count: rounding in float32 stays below."""
BATCH = 10
TIMES = 5
"""Times of the decay, 1 / (learning rate x decay), that a run with AdamW lasts at least."""
OTHERS: Mapping[str, OptimiserSettings] = {
    "Adam": OptimiserSettings(name="adam"),
    "RMSProp": OptimiserSettings(name="rmsprop"),
    "Adagrad": OptimiserSettings(name="adagrad", learning_rate=0.05),
    "Lion": OptimiserSettings(name="lion"),
}
"""Optimisers that the post does not speak of; Adagrad's steps shrink, so that it starts with larger ones."""
SGD = {"SGD": 0.0, "SGD, momentum 0.9": 0.9}


def analyse(record: "Record") -> Analysis:
    """Where each optimiser goes, and which weight holds the fit on the way."""
    read = Reading(record)
    arms = read.arms(_arm)
    return Analysis(
        findings=[_straight(read), _phase_change(read), _alike(read), _batches(read)],
        tables=[_table(read, arms)],
        charts=_charts(read, arms),
    )


def _straight(read: Reading) -> Finding:
    farthest = {name: _largest(read, name, "straight_line_distance") for name in SGD}
    if any(math.isnan(one) for one in farthest.values()):
        return untested(CLAIMS[0], scale=read.scale, sentence="there is no run of SGD in full batch")
    close = [one < 0.05 for one in farthest.values()]
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


def _phase_change(read: Reading) -> Finding:
    shares = {decay: _memorised_share(read, _adamw(decay)) for decay in STRENGTHS}
    if not all(len(share) for share in shares.values()):
        return untested(
            CLAIMS[1],
            scale=read.scale,
            sentence=f"there is no run of AdamW in full batch over {TIMES} of the decay's times at some strength",
        )
    holds = [_passes_over(share) for share in shares.values()]
    passes = sum(holds)
    verdict: Verdict = "reproduced" if passes == 3 else "partly" if passes == 2 else "contradicted"
    if passes == 1:
        verdict = "not reproduced"
    said = "; ".join(f"{share.min():.4f} to {share.max():.4f} at {decay:g}" for decay, share in shares.items())
    return Finding(
        claim=CLAIMS[1],
        verdict=verdict,
        sentence=f"at {passes} of three strengths of the decay the fit passes from the memorising weights to the "
        f"general one; their share of it, least to largest over training: {said}",
        value=float(passes),
        units="strengths of three",
        seeds=1,
        scale=read.scale,
    )


def _alike(read: Reading) -> Finding:
    largest = _largest(read, _adamw(0.01), "general_difference")
    return by_interval(
        CLAIMS[2],
        largest,
        (largest, largest),
        allowed=(0, 0.05),
        contrary=(0.05, math.inf),
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
        f"in {count_of(least > 1)} seeds the general weight is the larger at every step; over the mean memorising one "
        f"it is {spread_of(early) or 'not measured'} at a tenth of the steps until the fit is half, "
        f"{spread_of(least) or 'not measured'} at least, and {spread_of(late) or 'not measured'} at the end, "
        f"{spread_of(late / before) or 'not measured'} times that of the tenth of the steps before"
    )
    return by_seeds(CLAIMS[3], holds, contrary=least <= 1, scale=read.scale, sentence=sentence)


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


def _memorised_share(read: Reading, arm: str) -> Float[np.ndarray, " step"]:
    """The share of the fit that the memorising weights hold, at the steps at which there is a fit.

    Nothing for a run that is too short for its decay.
    """
    runs = read.arms(_arm).get(arm)
    if runs is None or not _lasts(read, runs[0]):
        return np.empty(0)
    general, memorising = (read.curve(name)[runs[0]] for name in ("general_weight", "memorising_weight_mean"))
    fit = general + memorising
    known = ~np.isnan(fit) & (np.abs(fit) > 0)
    return memorising[known] / fit[known]


def _passes_over(share: Float[np.ndarray, " step"]) -> bool:
    """Whether the memorising weights hold over half of the fit, and at a later step the general one does."""
    first = share > 0.5 + TIE
    return bool(first.any()) and bool(np.any(share[first.argmax() :] < 0.5 - TIE))


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
        f"sample's fit is its own weight and the general one. A share counts as over half from {0.5 + TIE} on, since "
        "at equal weights rounding would decide.",
        "Every step means every logged one: each is at most a tenth later than the one before until they are a "
        "two-hundredth of the run apart.",
        f"With AdamW a run lasts at least {TIMES} of the decay's times, 1 / (learning rate x decay): the decay moves "
        "the weights no faster than that. A shorter run is in no verdict on AdamW.",
        "At the end means the median over the last tenth of the steps.",
        "Adam, RMSProp, Adagrad and Lion stand beside for comparison; no claim is made of them.",
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
