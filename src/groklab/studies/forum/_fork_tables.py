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


SOONER, LATER, ALIKE, NEVER = "sooner", "later", "no clear change", "never"
EXPLANATIONS = ("random walk", "lottery ticket", "pressure by decay")
EXPECTED = {
    NO_DECAY: (ALIKE, ALIKE, NEVER),
    NO_MEMORY: (ALIKE, ALIKE, SOONER),
    DOUBLED: (SOONER, SOONER, SOONER),
    REMOVED: (LATER, LATER, LATER),
}
"""What each explanation leads one to expect of each change, beside its control.

A walk wanders until it hits upon a general circuit, a ticket is one that is there from the start and grows: both need
no decay, and memory is not in their way. Under the pressure of decay memory is given up for the general circuit.
"""


def explanations_table(forks: Forks) -> Table:
    """A row a change: what was measured, and what each explanation leads one to expect of it."""
    rows: list[list[str | int | float | None]] = []
    for name, expected in EXPECTED.items():
        control = _control(forks, name)
        found = _outcome(forks.arms[name], control)
        own = f"{int(forks.arms[name].grokked.sum())} of {int(forks.arms[name].known.sum())} grokked"
        rows.append(
            [
                name,
                own,
                "the null arm" if control is forks.arms[NULL] else "its control",
                _against(forks.arms[name], control),
                found,
                *(words if found is None else f"{words}: {'yes' if words == found else 'no'}" for words in expected),
            ]
        )
    return Table(
        title="What the explanations expect, and what was measured",
        columns=["changed", "grokked", "against", "steps over its", "so it groks", *EXPLANATIONS],
        rows=rows,
        note="Steps from the fork to grokking over those of the control at random, or of the null arm where there is "
        "none: mean over networks. Sooner or later: the 95% interval lies on that side of 1. What each explanation "
        "expects is put in our words, and whether it was measured so. A random walk and a lottery ticket expect the "
        "same of these changes, which do not tell them apart: their difference lies in the first steps.",
    )


def explanations_told(forks: Forks) -> list[str]:
    """How many of the changes each explanation foretells, in a sentence; nothing where any is not known."""
    found = {name: _outcome(forks.arms[name], _control(forks, name)) for name in EXPECTED}
    if None in found.values():
        return []
    right = [sum(EXPECTED[name][place] == found[name] for name in EXPECTED) for place in range(len(EXPLANATIONS))]
    counts = ", ".join(f"{name} {count}" for name, count in zip(EXPLANATIONS, right, strict=True))
    return [f"Of the {len(EXPECTED)} changes the explanations foretell, as they are put here: {counts}."]


def _control(forks: Forks, name: str) -> Arm:
    """What a change is compared with: its control at random, or the null arm where it has none."""
    return forks.arms.get(CONTROL.format(name), forks.arms[NULL])


def _outcome(arm: Arm, control: Arm) -> str | None:
    """When an arm groks beside its control; nothing where that is not known."""
    if control.grokked.any() and arm.known.any() and not arm.grokked.any():
        return NEVER
    found = ratio(arm, control)
    if math.isnan(found.low):
        return None
    return SOONER if found.high < 1 else LATER if found.low > 1 else ALIKE


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
