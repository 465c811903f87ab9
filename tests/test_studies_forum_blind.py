"""Blind measures: what is read off records whose content is known, and the runs that are asked for."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from groklab.findings import Finding
from groklab.studies import find
from groklab.studies.leading import control
from groklab.studies.nanda.mainline import FRESH
from groklab.training.settings import Run
from groklab.training.status import Status
from made_up_record import Values, made_up

NAME = "forum/blind_measures"
STEPS = np.arange(0, 6001, 20)
AT, FALLS_AFTER = 4000.0, 100.0
MEMORISED = 400.0
Moves = Mapping[str, float | None]
"""By how many steps each measure moves before the test loss, infinite for never, and in controls whether it does."""


def switch(lead: float, start: float, end: float) -> np.ndarray:
    """From one level to the other in a hundred steps, the first tenth of which ends `lead` steps before the fall."""
    if math.isinf(lead):
        return np.full(len(STEPS), start)
    begin = AT - lead
    return np.interp(STEPS, [begin - 20, begin + 180], [start, end])


def oscillating(lead: float, moves: bool) -> np.ndarray:
    """A train loss whose ripple grows to a hundredfold energy."""
    size = switch(lead, 0.01, 0.1) if moves else np.full(len(STEPS), 0.01)
    return np.exp(-10 * np.minimum(STEPS / MEMORISED, 1) + size * np.sin(2 * np.pi * STEPS / 75))


def values(leads: Mapping[str, float], alarms: tuple[str, ...] = (), groks: bool = True):
    def of(run: Run) -> Values:
        grokking = control(run) == "" and groks
        shift = 5.0 * (run.seed - FRESH)

        def course(name: str, start: float, end: float) -> np.ndarray:
            if grokking or name in alarms:
                return switch(leads.get(name, math.inf) + shift, start, end)
            return np.full(len(STEPS), start)

        learnt = np.interp(STEPS, [AT - 20, AT + 180], [0.0, 1.0]) if grokking else 0 * STEPS
        return {
            "train_accuracy": np.minimum(STEPS / MEMORISED, 1),
            "test_accuracy": 0.2 + 0.8 * learnt,
            "test_loss": np.exp(2 - 14 * learnt),
            "train_loss": oscillating(leads["spectrum"] + shift, grokking or "spectrum" in alarms),
            "train_margin": np.minimum(STEPS / 40, 10.0),
            "learning_coefficient": course("learning_coefficient", 900, 200),
            "learning_coefficient_error": np.full(len(STEPS), 7.0),
            "sum_of_squares": course("sum_of_squares", 1000, 500),
            "rank_neuron_logit": course("rank_neuron_logit", 50, 9),
            "saturated_share": course("saturated_share", 0.0, 0.8),
            "restricted_loss": np.exp(2 - 14 * learnt),
            "excluded_loss": np.exp(1 + learnt),
            "gini_neuron_logit": 0.2 + 0.5 * learnt,
            "effective_frequencies": 29 - 25 * learnt,
            "key_count": np.full(len(STEPS), 4.0),
        }

    return of


LEADS = {
    "learning_coefficient": 1500.0,
    "sum_of_squares": 1200.0,
    "rank_neuron_logit": 1400.0,
    "saturated_share": 900.0,
    "spectrum": 1600.0,
}


def finding(leads: Moves, alarms: tuple[str, ...] = (), **more: bool) -> Finding:
    record = made_up(NAME, values({**LEADS, **leads}, alarms, **more), seeds=5, steps=STEPS)  # type: ignore[dict-item]
    analysis = find(NAME).analysis
    assert analysis is not None
    (found,) = analysis(record).findings  # type: ignore[arg-type]
    assert found.claim.identifier == "forum.blind-lead"
    return found


def test_all_four_lead_and_never_cry_wolf() -> None:
    found = finding({})
    assert (found.verdict, found.value, found.units, found.seeds) == ("reproduced", 4.0, "of four", 10)
    assert "learning_coefficient by 1,5" in found.sentence
    assert "saturated_share by 9" in found.sentence
    assert "false alarms in 0 of 15" in found.sentence


@pytest.mark.parametrize(
    ("leads", "alarms", "count", "verdict"),
    [
        ({"saturated_share": -300.0}, (), 3, "reproduced"),
        ({"saturated_share": -300.0, "learning_coefficient": math.inf}, (), 2, "partly"),
        ({"rank_neuron_logit": -200.0}, (), 3, "reproduced"),
        ({}, ("sum_of_squares", "saturated_share"), 2, "partly"),
        ({}, ("learning_coefficient", "sum_of_squares", "spectrum"), 1, "not reproduced"),
        (dict.fromkeys(LEADS, -400.0), (), 0, "contradicted"),
        ({"learning_coefficient": -400.0, "saturated_share": -400.0}, ("spectrum",), 1, "not reproduced"),
    ],
)
def test_each_of_the_four_must_lead_without_false_alarms(
    leads: Moves, alarms: tuple[str, ...], count: int, verdict: str
) -> None:
    found = finding(leads, alarms)
    assert (found.value, found.verdict) == (count, verdict), found.sentence


def test_without_grokking_nothing_is_said() -> None:
    found = finding({}, groks=False)
    assert found.verdict == "not tested at this scale"


def test_runs_that_diverged_do_not_count() -> None:
    record = made_up(NAME, values(LEADS), seeds=2, steps=STEPS)
    record.statuses = tuple(Status(state="diverged", step=20, sentence="diverged") for _ in record.statuses)
    analysis = find(NAME).analysis
    assert analysis is not None
    found = analysis(record)  # type: ignore[arg-type]
    assert [one.verdict for one in found.findings] == ["not tested at this scale"]


def test_measures_with_and_without_the_algorithm_stand_in_one_table() -> None:
    record = made_up(NAME, values(LEADS), seeds=3, steps=STEPS)
    analysis = find(NAME).analysis
    assert analysis is not None
    found = analysis(record)  # type: ignore[arg-type]
    tenth, half, stands = found.tables
    names = [row[0] for row in tenth.rows]
    assert {"gini_neuron_logit", "restricted_loss", "learning_coefficient"} < set(names)
    assert names[0] == "spectral energy of the train loss"
    assert "test_loss" not in names
    assert [len(table.rows) for table in (tenth, half)] == [len(names)] * 2
    for table in found.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    kinds = {str(row[0]): row for row in stands.rows}
    assert list(kinds) == ["grokked", "weight decay 0", "random labels", "too little data"]
    assert [row[1] for row in stands.rows] == [6, 3, 3, 3]
    assert kinds["grokked"][2:5] == ["900 (900 to 900)", "200 (200 to 200)", "7 (7 to 7)"]
    assert kinds["random labels"][5] == "0 (0 to 0)"
    charts = {chart.title: chart for chart in found.charts}
    assert list(charts["Local learning coefficient"].series) == list(kinds)
    assert all(points for chart in charts.values() for points in chart.series.values())


@pytest.mark.parametrize(("scale", "every"), [("laptop", 10), ("paper", 50)])
def test_the_runs_are_those_of_the_lead_times_on_fresh_seeds_and_logged_often(scale: str, every: int) -> None:
    study, other = find(NAME)(scale, 2), find("nanda/lead_time")(scale, 2)

    def trained(runs: tuple[Run, ...]) -> list[Run]:
        kept = {"logging": Run().logging, "checkpoints": Run().checkpoints, "extra_measures": ()}
        return [replace(run, seed=0, **kept) for run in runs]

    assert trained(study.runs) == trained(other.runs)
    assert min(run.seed for run in study.runs) == FRESH
    assert {run.logging.every for run in study.runs} == {every}
    assert all("learning_coefficient" in run.extra_measures for run in study.runs)
