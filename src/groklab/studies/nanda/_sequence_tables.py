"""The runs of sequence tasks as tables and charts: each network, the digits, the induction heads and their leads."""

import math
from collections.abc import Iterator

import numpy as np

from groklab.findings import Chart, Table
from groklab.studies.nanda._sequence_reading import (
    LIMITED,
    UNLIMITED,
    WITHIN,
    Arms,
    apart,
    arm_of,
    curve_of,
    digit_times,
    grokking,
    half_way,
    induction,
    induction_leads,
    phase_change,
    scores,
    without_carry,
)
from groklab.studies.reading import Reading, in_steps


def _cell(step: float) -> str | int | None:
    """A step as a table's cell."""
    return None if math.isnan(step) else "never" if math.isinf(step) else round(step)


def network_tables(read: Reading, arms: Arms) -> Iterator[Table]:
    rows: list[list[str | int | float | None]] = []
    for (task, data), runs in arms.items():
        for run in runs:
            found, change = grokking(read, run), phase_change(read, run)
            rows.append(
                [
                    task,
                    data,
                    read.runs[run].seed,
                    _cell(found.train),
                    _cell(found.test),
                    None if math.isnan(change.nats) else round(change.nats),
                    None if math.isnan(change.nats) else change.nats / change.tenth * WITHIN,
                    "yes" if (change.holds if data == UNLIMITED else found.groks) else "no",
                    float(read.last("train_loss")[run]),
                    float(read.last("test_loss")[run]),
                    float(read.last("test_accuracy")[run]),
                ]
            )
    yield Table(
        title="Each network",
        columns=[
            "task", "data", "seed", "train loss half way", "test loss half way",
            "test loss from 90% to 10% in nats, steps", "share of training", "phase change, or grokking",
            "train loss at the end", "test loss at the end", "test accuracy at the end",
        ],
        rows=rows,
        note="Half way: the step at which the loss has gone half of its way in log from its first value to its last "
        "level; never where it does not halve. From 90% to 10% in nats: the steps that it takes for that much of the "
        "same way, where a long tail of small losses counts for little, and which share of training they are. With "
        "unlimited data the column before the losses says whether there is a phase change, with limited data whether "
        "the network groks, both as the claims have it: a phase change asks for half of the way in log within a tenth "
        "of training. Where the share is below a tenth all the same, the fall in nats is sudden, and the rule in log "
        "goes by the long way from small losses to smaller ones. With unlimited data the train loss is that of the "
        "batch that comes next.",
    )  # fmt: skip
    digits = [(run, digit_times(read, run)) for run in arms["digits", UNLIMITED]]
    if digits and all(len(times) for _, times in digits):
        names = [f"10^{power}" for power in read.metrics["digit"].values.tolist()]
        yield Table(
            title="The digits of a sum, one by one",
            columns=["seed", *names, "pairs apart", "without the first digit"],
            rows=[
                [
                    read.runs[run].seed,
                    *map(_cell, times.tolist()),
                    apart(times)[0],
                    apart(without_carry(read, times))[0],
                ]
                for run, times in digits
            ],
            note="Unlimited data. The step at which the test loss of each digit has gone half of its way in log; the "
            "share of pairs of digits whose steps differ by more than a factor of 1.2. The first digit only carries: "
            "it is 0 or 1.",
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
                    arm_of(read.runs[run])[1], read.runs[run].seed, one.head, one.prefix, one.copying,
                    _cell(one.forms) if one.found else None, _cell(one.falls),
                ]
                for run, one in heads
                if one is not None
            ],
            note="The head of the second layer whose smaller score is the largest, by its scores over the last tenth "
            "of training; the steps at which its prefix matching, where both scores are above 0.5, and the test loss "
            "have gone half of their ways.",
        )  # fmt: skip


def lead_table(read: Reading, arms: Arms) -> Iterator[Table]:
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
            "attention to the token before, of the second for the others. Silent: networks that never came to that "
            "level and stayed there. False alarms: of the networks with limited data whose test loss does not fall "
            "within the budget, those that did; without such networks nothing was tested.",
        )


def curve_charts(read: Reading, arms: Arms) -> list[Chart]:
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
