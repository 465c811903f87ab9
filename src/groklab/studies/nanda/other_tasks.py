"""Other algorithmic tasks: phase changes with unlimited data, grokking with limited?"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from groklab.findings import Analysis, Chart, Claim, Finding, Table, by_seeds, untested
from groklab.models.settings import TransformerSettings
from groklab.studies.nanda._other_tasks_claims import CLAIMS
from groklab.studies.nanda._sequence_reading import (
    apart,
    curve_of,
    digit_times,
    grokking,
    half_way,
    induction,
    induction_leads,
    phase_change,
    scores,
)
from groklab.studies.nanda.mainline import FRESH
from groklab.studies.reading import Reading, count_of, in_steps, spread_of
from groklab.studies.study import Scale, experiment
from groklab.tasks.sequences.settings import DigitsSettings, SequenceSettings, SubsequencesSettings, TrigramsSettings
from groklab.training.settings import OptimiserSettings, Run, Schedule

if TYPE_CHECKING:
    from groklab.record import Record

TASKS: dict[type[SequenceSettings], str] = {
    DigitsSettings: "digits",
    SubsequencesSettings: "subsequences",
    TrigramsSettings: "trigrams",
}
UNLIMITED, LIMITED = "unlimited", "limited"
LIMITS = {"digits": 700, "subsequences": 512, "trigrams": 512}
"""Sequences of the training set where data are limited."""


def analyse(record: "Record") -> Analysis:
    """Phase changes and grokking of each task, the digits one by one, the induction heads."""
    read = Reading(record)
    arms = {
        (task, data): [number for number, run in enumerate(read.runs) if _arm(run) == (task, data)]
        for task in TASKS.values()
        for data in (UNLIMITED, LIMITED)
    }
    return Analysis(
        findings=[_finding(read, claim, arms) for claim in CLAIMS],
        tables=[*_tables(read, arms), *_leads(read, arms)],
        charts=_charts(read, arms),
    )


Arms = dict[tuple[str, str], list[int]]


def _arm(run: Run) -> tuple[str, str]:
    """The task of a run, and whether its data are limited."""
    if not isinstance(run.task, SequenceSettings):
        return "", ""
    return TASKS[type(run.task)], UNLIMITED if run.task.examples is None else LIMITED


def _finding(read: Reading, claim: Claim, arms: Arms) -> Finding:
    task, _, what = claim.identifier.partition(".")[2].partition("-")
    if what == "phase-change":
        holds = np.array([phase_change(read, run) for run in arms[task, UNLIMITED]], dtype=bool)
        falls = [half_way(curve_of(read, "test_loss", run)) for run in arms[task, UNLIMITED]]
        sentence = f"in {count_of(holds)} networks with unlimited data the test loss falls by half of its way at once"
        return by_seeds(claim, holds, contrary=~holds & np.isfinite(falls), scale=read.scale, sentence=sentence)
    if what == "limited-groks":
        found = [grokking(read, run) for run in arms[task, LIMITED]]
        holds = np.array([one.groks for one in found], dtype=bool)
        sentence = (
            f"{count_of(holds)} networks grok; half of their ways the losses have gone after "
            f"{_steps([one.train for one in found])} (train) and {_steps([one.test for one in found])} steps (test)"
        )
        # A test loss that has not fallen by the end may fall later: that is no evidence against the claim.
        without = np.array([math.isfinite(one.test) and not one.groks for one in found], dtype=bool)
        return by_seeds(claim, holds, contrary=without, scale=read.scale, sentence=sentence)
    if what == "one-by-one":
        shares = np.array([apart(digit_times(read, run)) for run in arms[task, UNLIMITED]], dtype=float)
        if np.isnan(shares).any():
            return untested(claim, scale=read.scale, sentence="the loss of each digit was not measured")
        sentence = f"the share of pairs of digits at different times is {spread_of(shares) or 'not measured'}"
        return by_seeds(claim, shares >= 0.5, contrary=shares < 0.5, scale=read.scale, sentence=sentence)
    heads = [induction(read, run) for run in arms[task, UNLIMITED]]
    if any(one is None for one in heads):
        return untested(claim, scale=read.scale, sentence="the heads' scores were not measured")
    whole = float(read.steps[-1])
    holds = np.array([one is not None and one.together(whole) for one in heads], dtype=bool)
    there = [one is not None and one.found for one in heads]
    sentence = (
        f"{count_of(there)} networks with unlimited data have an induction head in the second layer at the end, and in "
        f"{count_of(holds)} it forms as the test loss falls"
    )
    return by_seeds(claim, holds, contrary=~holds, scale=read.scale, sentence=sentence)


def _steps(values: list[float]) -> str:
    """Steps in words: their median, and how many never come."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "never"
    late = len(values) - len(finite)
    return f"{np.median(finite):,.0f}" + (f" (never in {late})" if late else "")


def _cell(step: float) -> str | int | None:
    """A step as a table's cell."""
    return None if math.isnan(step) else "never" if math.isinf(step) else round(step)


def _tables(read: Reading, arms: Arms) -> Iterator[Table]:
    rows: list[list[str | int | float | None]] = []
    for (task, data), runs in arms.items():
        for run in runs:
            found = grokking(read, run)
            rows.append(
                [
                    task,
                    data,
                    read.runs[run].seed,
                    _cell(found.train),
                    _cell(found.test),
                    "yes" if (phase_change(read, run) if data == UNLIMITED else found.groks) else "no",
                    float(read.last("train_loss")[run]),
                    float(read.last("test_loss")[run]),
                    float(read.last("test_accuracy")[run]),
                ]
            )
    yield Table(
        title="Each network",
        columns=[
            "task", "data", "seed", "train loss half way", "test loss half way", "phase change, or grokking",
            "train loss at the end", "test loss at the end", "test accuracy at the end",
        ],
        rows=rows,
        note="Half way: the step at which the loss has gone half of its way in log from its first value to its last "
        "level; never where it does not halve. With unlimited data the column before the losses says whether there is "
        "a phase change, with limited data whether the network groks, both as the claims have it. With unlimited data "
        "the train loss is that of the batch that comes next.",
    )  # fmt: skip
    digits = [(run, digit_times(read, run)) for run in arms["digits", UNLIMITED]]
    if digits and all(len(times) for _, times in digits):
        names = [f"10^{power}" for power in read.metrics["digit"].values.tolist()]
        yield Table(
            title="The digits of a sum, one by one",
            columns=["seed", *names, "pairs apart"],
            rows=[[read.runs[run].seed, *map(_cell, times.tolist()), apart(times)] for run, times in digits],
            note="Unlimited data. The step at which the test loss of each digit has gone half of its way in log; the "
            "share of pairs of digits whose steps differ by more than a factor of 1.2.",
        )
    heads = [(run, induction(read, run)) for data in (UNLIMITED, LIMITED) for run in arms["subsequences", data]]
    if heads and all(one is not None for _, one in heads):
        yield Table(
            title="Induction heads",
            columns=[
                "data", "seed", "head of the second layer", "prefix matching", "copying", "forms", "test loss half way",
            ],
            rows=[
                [
                    _arm(read.runs[run])[1], read.runs[run].seed, one.head, one.prefix, one.copying, _cell(one.forms),
                    _cell(one.falls),
                ]
                for run, one in heads
                if one is not None
            ],
            note="The head of the second layer whose smaller score is the largest, by its scores over the last tenth "
            "of training; the steps at which its prefix matching and the test loss have gone half of their ways.",
        )  # fmt: skip


def _leads(read: Reading, arms: Arms) -> Iterator[Table]:
    """The progress measures of the induction task, in the manner of `nanda/lead_time`."""
    falls = {run: half_way(curve_of(read, "test_loss", run)) for task, data in arms for run in arms[task, data]}
    learnt = [run for run in arms["subsequences", UNLIMITED] if math.isfinite(falls[run])]
    never = [run for run in arms["subsequences", LIMITED] if math.isinf(falls[run])]
    found = induction_leads(read, learnt, never)
    if found:
        yield Table(
            title="Lead over the test loss, repeated subsequences",
            columns=["measure", "lead in steps", "silent", "false alarms", "verdict"],
            rows=[
                [
                    row.measure,
                    in_steps(row.lead),
                    row.silent,
                    "; ".join(f"{one.alarms} of {one.watched}" for one in row.false_alarms.values()) or None,
                    row.verdict,
                ]
                for row in found
            ],
            note="Unlimited data, the networks that learn. Alarm: a tenth of the way from the start to the end, as in "
            "`nanda/lead_time`. Of scores it is the head that has most of it at the end: of the first layer for "
            "attention to the token before, of the second for the others. False alarms: networks with limited data "
            "whose test loss never falls.",
        )


def _charts(read: Reading, arms: Arms) -> list[Chart]:
    charts: list[Chart] = []
    for (task, data), runs in arms.items():
        series = {
            f"{name.partition('_')[0]}: seed {read.runs[run].seed}": _points(read.steps, read.curve(name)[run])
            for run in runs[:1]
            for name in ("train_loss", "test_loss")
        }
        title = f"{task.capitalize()}, {data} data"
        charts.append(Chart(title=title, x="step", y="loss (nats)", series=series, log_y=True))
    if "loss_by_digit" in read.metrics and arms["digits", UNLIMITED]:
        run = arms["digits", UNLIMITED][0]
        losses = read.metrics["loss_by_digit"]
        series = {
            f"10^{power}": _points(read.steps, losses.values[run, :, place])
            for place, power in enumerate(losses["digit"].values.tolist())
        }
        charts.append(
            Chart(
                title=f"Each digit of the sum, unlimited data, seed {read.runs[run].seed}",
                x="step",
                y="test loss (nats)",
                series=series,
                log_y=True,
            )
        )
    for run in arms["subsequences", UNLIMITED][:1]:
        found = {
            "previous token": scores(read, "previous_token", "0.", run),
            "prefix matching": scores(read, "prefix_matching", "1.", run),
            "copying": scores(read, "copying", "1.", run),
        }
        series = {
            f"{words}, head {head}": list(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))
            for words, heads in found.items()
            for head, curve in heads.items()
        }
        title = f"Scores of the heads, unlimited data, seed {read.runs[run].seed}"
        charts += [Chart(title=title, x="step", y="score", series=series)] if series else []
    return charts


def _points(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    known = ~np.isnan(y)
    return list(zip(x[known].tolist(), y[known].astype(float).tolist(), strict=True))


def network(scale: Scale, task: str) -> Run:
    """A task's network, with unlimited data."""
    return _published(task) if scale == "paper" else _small(task)


def _published(task: str) -> Run:
    common = Run(logging=Schedule(every=100), checkpoints=Schedule(every=5000, growth=1.0))
    if task == "digits":
        return replace(
            common,
            task=DigitsSettings(test=1024),
            model=TransformerSettings(d_model=512, d_mlp=2048, classes=10),
            optimiser=OptimiserSettings(learning_rate=1e-4, weight_decay=0.1),
            batch_size=64,
            steps=20_000,
        )
    narrow = TransformerSettings(layers=2, d_model=48, d_mlp=0)
    if task == "subsequences":
        return replace(common, task=SubsequencesSettings(), model=narrow, batch_size=256, steps=20_000)
    trigrams = TrigramsSettings()
    model = narrow.replace({"layers": 1, "classes": trigrams.classes})
    return replace(common, task=trigrams, model=model, batch_size=256, steps=20_000)


def _small(task: str) -> Run:
    """Narrow networks and short sequences, chosen on seed 0 with unlimited data as ones that learn in 2,000 steps."""
    common = Run(
        optimiser=OptimiserSettings(learning_rate=3e-3, weight_decay=0.1),
        batch_size=64,
        steps=4000,
        logging=Schedule(every=50),
        checkpoints=Schedule(every=1000, growth=1.0),
    )
    if task == "digits":
        model = TransformerSettings(d_model=64, d_mlp=256, classes=10)
        return replace(common, task=DigitsSettings(test=256), model=model)
    narrow = TransformerSettings(layers=2, d_model=32, d_mlp=0)
    if task == "subsequences":
        sequences = SubsequencesSettings(tokens=64, sequence=24, block=8, test=256)
        return replace(common, task=sequences, model=narrow)
    trigrams = TrigramsSettings(test=256)
    return replace(common, task=trigrams, model=narrow.replace({"layers": 1, "classes": trigrams.classes}))


def limited(run: Run, scale: Scale, task: str) -> Run:
    """The same with limited data, and more steps."""
    few = run.replace({"task.examples": LIMITS[task]})
    if scale == "laptop":
        return few.replace({"optimiser.weight_decay": 0.3, "steps": 10_000})
    return few.replace({"batch_size": None, "steps": 230_000 if task == "subsequences" else 40_000})


@experiment(
    source="Nanda et al. 2023, appendix E",
    laptop="30 networks, 4,000 to 10,000 steps: about 9 minutes on two cores",
    paper="30 networks, up to 230,000 steps: days on a GPU",
    seeds=5,
    claims=CLAIMS,
    analysis=analyse,
    reads=("loss_by_digit", "prefix_matching", "copying", "previous_token", "sum_of_squares"),
    choices=(
        "The facts that are published: 5-digit addition in one layer with 700 sums where data are limited; repeated "
        "subsequences in two layers of attention of width 48, vocabulary 128, length 85, with 512 sequences; skip "
        "trigrams with 512. The rest is ours, or read off public copies of the released notebook: for the sums "
        "learning rate 1e-4, decay 0.1, batches of 64, width 512.",
        "Sums: the most significant digit first, in the numbers and in the answer, which has six; each is predicted "
        "from those before it. Digits are uniform, leading zeros included.",
        "Repeated subsequences: one block of random tokens comes twice in each sequence, at two random places, so that "
        "no fixed distance tells what comes next; what counts is the block's second copy without its first token. "
        "What the released notebook counts is not known.",
        "Skip trigrams: 8 tokens A, 8 tokens B and an answer of its own for each of the 64 pairs. A stands at a random "
        "place in random noise of 496 tokens, B at the end, where the answer is read. Length 85, as for the "
        "subsequences: what is published of this task is not known.",
        "A training set is drawn once, with the run's seed; unlimited data are drawn anew at each step.",
        "At laptop scale networks are narrower (64 with 256 neurons for sums, 32 for the others), subsequences of 8 in "
        "24 of 64 tokens, and training sets are taken in minibatches of 64.",
        "At laptop scale the decay is 0.1 with unlimited data and 0.3 with limited: the post says that grokking takes "
        "high regularisation, not which. Of 0.1, 0.3, 1 and 2, tried on seeds 0 and 1 after a first run of 6,000 steps "
        "with 1, it is the largest with which the training set of every task is learned: with 1 that of the "
        "subsequences is not. At paper scale it is 0.1 for sums and 1 for the others.",
        "Accuracies are those of single answers.",
        "A fall is that of a running median over a twentieth of the logged points, from the first value to the median "
        "over the last tenth of the steps; a loss that does not halve does not fall.",
        "Copying: the share of tokens whose own logit the head's way from embedding to logits raises most "
        "(docs/measures.md). The induction head is looked for among the networks with unlimited data.",
        "Seeds from 8 on: 0 to 7 are for trying settings.",
    ),
)
def other_tasks(scale: Scale, seeds: int) -> Iterator[Run]:
    """Addition digit by digit, repeated subsequences and skip trigrams, with unlimited and with limited data."""
    for task in LIMITS:
        run = network(scale, task)
        for seed in range(FRESH, FRESH + seeds):
            yield run.replace({"seed": seed})
        few = limited(run, scale, task)
        for seed in range(FRESH, FRESH + seeds):
            yield few.replace({"seed": seed})
