"""Forks side by side as tables and charts: what becomes of each arm, and of each network."""

import math

import numpy as np

from groklab.curves import Estimate, kaplan_meier
from groklab.findings import Chart, Table
from groklab.studies.forum._arms import CONTROL, DOUBLED, NO_DECAY, NO_MEMORY, NULL, REMOVED
from groklab.studies.forum._forks import Arm, Forks, ratio
from groklab.studies.reading import in_steps, in_words, staircase


def arms_table(forks: Forks) -> Table:
    """A row an arm: how many grok and when, against the null arm, and what the change does at once."""
    read, null = forks.read, forks.arms[NULL]
    rows: list[list[str | int | float | None]] = []
    for name, arm in forks.every.items():
        known = arm.known
        control = forks.arms.get(CONTROL.format(name))
        times = kaplan_meier(arm.steps[known], arm.grokked[known]).median if known.any() else None
        at_once = [
            _geometric(read.curve(measure)[arm.runs[known], np.searchsorted(read.steps, arm.fork[known])])
            for measure in ("train_loss", "test_loss", "sum_of_squares")
        ]
        rows.append(
            [
                name,
                int(known.sum()),
                int(arm.grokked[known].sum()),
                None if times is None else in_steps(times),
                None if arm is null else _against(arm, null),
                None if control is None else _against(arm, control),
                *at_once,
            ]
        )
    return Table(
        title="What became of the forks",
        columns=[
            "changed", "networks", "grokked", "steps from the fork to grokking, median (95%)",
            "over those of the null arm", "over those of its control", "train loss at the fork", "test loss",
            "sum of squares",
        ],
        rows=rows,
        note="Losses and squares are those just after the change, geometric means; of the unchanged networks those "
        "before it. The null arm is that of the order of summation. A network that did not grok within the budget "
        "counts with the steps that it was watched, and leaves the interval of a ratio open on its side.",
    )  # fmt: skip


EXPECTED = (
    ("random walk", DOUBLED, "wandering until a general circuit is hit upon: sooner when one is put nearer",
     REMOVED, "later, the walk beginning anew"),
    ("lottery ticket", DOUBLED, "a circuit there from the start grows: sooner when it is made stronger",
     REMOVED, "later, the ticket being lost"),
    ("pressure by decay", NO_DECAY, "decay trades memory for the general circuit: never without it",
     NO_MEMORY, "sooner, the way being shorter"),
)  # fmt: skip
"""Explanations, and what each says of two arms."""


def explanations_table(forks: Forks) -> Table:
    """A row an explanation: what it leads one to expect of two arms, and what was measured, controls beside."""
    rows: list[list[str | int | float | None]] = [
        [
            name,
            *(cell for arm, words in ((one, so), (other, too)) for cell in (f"{arm}: {words}", _measured(forks, arm))),
        ]
        for name, one, so, other, too in EXPECTED
    ]
    return Table(
        title="The explanations, and what was measured",
        columns=["explanation", "it expects", "measured of that", "it expects too", "measured of this"],
        rows=rows,
        note="Measured: steps from the fork to grokking over those of the null arm, mean over networks (95%), and the "
        "same of the control at random. What each explanation expects is put in our words; a random walk and a lottery "
        "ticket expect the same of these arms, which do not tell them apart. An effect that the control has too is "
        "no evidence for an explanation.",
    )


def _measured(forks: Forks, name: str) -> str:
    null, control = forks.arms[NULL], forks.arms.get(CONTROL.format(name))
    own = f"{int(forks.arms[name].grokked.sum())} of {int(forks.arms[name].known.sum())} grokked; "
    beside = "" if control is None else f"; at random {said(ratio(control, null))}"
    return own + said(ratio(forks.arms[name], null)) + beside


def seeds_table(forks: Forks) -> Table:
    """A row a network: the fork, and the steps from there to grokking in each arm."""
    rows: list[list[str | int | float | None]] = []
    for place, seed in enumerate(forks.seeds):
        cells = [_cell(arm, place) for arm in forks.every.values()]
        rows.append([seed, float(forks.unchanged.fork[place]), *cells])
    return Table(
        title="Each network: steps from the fork to grokking",
        columns=["seed", "fork at step", *forks.every],
        rows=rows,
        note="With a plus where the network had not grokked after so many steps.",
    )


def _against(arm: Arm, other: Arm) -> str | None:
    found = ratio(arm, other)
    return None if math.isnan(found.value) else said(found)


def _cell(arm: Arm, place: int) -> str | None:
    steps = float(arm.steps[place])
    return None if math.isnan(steps) else f"{steps:,.0f}{'' if arm.grokked[place] else '+'}"


def survival_chart(forks: Forks) -> Chart:
    """The share of each arm that has not grokked, by steps since the fork."""
    series = {
        name: staircase(kaplan_meier(arm.steps[arm.known], arm.grokked[arm.known]))
        for name, arm in forks.every.items()
        if arm.known.any()
    }
    return Chart(
        title="Share of networks that have not grokked yet",
        x="steps since the fork",
        y="share of networks",
        series=series,
    )


def after_the_fork(forks: Forks) -> list[Chart]:
    """The test and the train loss of the first network's forks."""
    if not forks.seeds:
        return []
    read, charts = forks.read, list[Chart]()
    for measure, words in (("test_loss", "Test loss"), ("train_loss", "Train loss")):
        series: dict[str, list[tuple[float, float]]] = {}
        for name, arm in forks.every.items():
            if arm.known[0]:
                values = read.curve(measure)[arm.runs[0]]
                shown = ~np.isnan(values) & ((read.steps >= arm.fork[0]) | (name == "unchanged"))
                series[name] = list(zip(read.steps[shown].tolist(), values[shown].tolist(), strict=True))
        title = f"{words} of seed {forks.seeds[0]}, forked at step {forks.unchanged.fork[0]:,.0f}"
        charts.append(Chart(title=title, x="step", y="loss (nats)", series=series, log_y=True))
    return charts


def _geometric(values: np.ndarray) -> float | None:
    known = values[values > 0]
    return float(np.exp(np.log(known).mean())) if len(known) else None


def said(estimate: Estimate) -> str:
    """A ratio with its interval and what must be known of it."""
    return in_words(estimate) + (f" ({estimate.note})" if estimate.note else "")
