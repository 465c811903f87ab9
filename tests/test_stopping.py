"""Converged or not, and how a run ended, on histories made by hand."""

from typing import Any

import numpy as np
import pytest

from groklab.training import Run, StopSettings
from groklab.training.history import History
from groklab.training.milestones import first_step, grokked, memorised
from groklab.training.stopping import converged, ending

STEPS = np.array([0, 100, 200, 300, 400])
RUN = Run(steps=1000, stop=StopSettings(converged=True, window=200, tolerance=0.1))


def history(**more: Any) -> dict[str, np.ndarray]:
    """Memorised at 100, and constant from 200 on."""
    usual = {
        "train_accuracy": [0.2, 1, 1, 1, 1],
        "test_accuracy": [0, 0.3, 0.5, 0.5, 0.5],
        "sum_of_squares": [9, 5, 4, 4, 4],
    }
    return {name: np.array(values, np.float32) for name, values in (usual | more).items()}


@pytest.mark.parametrize(
    ("more", "so"),
    [
        ({}, True),
        # What lies before the window does not matter, its first step does.
        ({"train_accuracy": [0, 0, 1, 1, 1]}, True),
        ({"train_accuracy": [1, 1, 0.99, 1, 1]}, False),
        ({"train_accuracy": [1, 1, 1, 0.999, 1]}, False),
        ({"sum_of_squares": [9, 9, 4.39, 3.61, 4]}, True),
        ({"sum_of_squares": [9, 9, 4.41, 4, 4]}, False),
        ({"sum_of_squares": [9, 9, 4, 3.59, 4]}, False),
        # It is measured from the last one, not between the extremes.
        ({"sum_of_squares": [9, 9, 4.3, 3.7, 4]}, True),
        ({"test_accuracy": [0, 0, 0.41, 0.59, 0.5]}, True),
        ({"test_accuracy": [0, 0, 0.39, 0.5, 0.5]}, False),
        ({"test_accuracy": [0, 0, 0.5, 0.61, 0.5]}, False),
        # The whole table is trained on: there is no test accuracy to wait for.
        ({"test_accuracy": [np.nan] * 5}, True),
    ],
)
def test_converged_within_the_window(more: dict[str, Any], so: bool) -> None:
    assert converged(RUN, STEPS, history(**more)) is so


def test_not_before_a_window_has_passed_nor_when_it_is_not_asked_for() -> None:
    short = {name: values[2:] for name, values in history().items()}
    assert converged(RUN, STEPS[:3], short)
    assert not converged(RUN, STEPS[:3] - 1, short)
    assert not converged(RUN.replace({"converged": False}), STEPS, history())


def said(run: Run = RUN, *, diverged: int = -1, out_of_time: bool = False, last: int = 5, **more: Any) -> Any:
    rows = {name: values[:last] for name, values in history(**more).items()}
    status = ending(run, STEPS[:last], rows, diverged=diverged, out_of_time=out_of_time)
    return status.state, status.step, status.sentence


GROKS = {"test_accuracy": [0, 0.99, 0.991, 1, 1]}
NEVER = {"train_accuracy": [0.5] * 5}


def test_how_a_run_ends_in_words() -> None:
    until_400 = RUN.replace({"steps": 400})
    assert said(until_400) == ("finished", 400, "memorised at step 100, not grokked within 400 steps")
    assert said(until_400, **NEVER) == ("finished", 400, "not memorised, not grokked within 400 steps")
    assert said(until_400, **GROKS) == ("finished", 400, "grokked at step 200 within 400 steps")
    assert said() == ("converged", 400, "memorised at step 100, not grokked; converged at step 400")
    assert said(**GROKS, last=3)[2] == "grokked at step 200 so far, at step 200 of 1,000"
    assert said(**NEVER, out_of_time=True) == (
        "out of time",
        400,
        "not memorised, not grokked in the time given; stopped at step 400",
    )
    assert said(last=2) == ("running", 100, "memorised at step 100, not grokked so far, at step 100 of 1,000")


def test_divergence_comes_before_everything_and_has_its_step() -> None:
    wanted = ("diverged", 1234, "diverged at step 1,234: the loss or its gradient was not finite")
    for run in (RUN, RUN.replace({"steps": 400})):
        for out_of_time in (False, True):
            assert said(run, diverged=1234, out_of_time=out_of_time) == wanted
    assert said(diverged=0)[:2] == ("diverged", 0)
    infinite = {"sum_of_squares": [1, np.inf, np.inf, np.inf, np.inf]}
    assert said(diverged=7, **infinite)[0] == "diverged"


def test_only_waiting_and_running_are_unfinished_and_only_diverged_is_bad() -> None:
    run = RUN.replace({"steps": 400})
    for more, ended, bad in (
        ({"last": 2}, False, False),
        ({"diverged": 1}, True, True),
        ({}, True, False),
    ):
        rows = {name: values[: more.get("last", 5)] for name, values in history().items()}
        steps = STEPS[: more.get("last", 5)]
        status = ending(run, steps, rows, diverged=more.get("diverged", -1), out_of_time=False)
        assert (status.ended, status.bad) == (ended, bad)


def test_milestones() -> None:
    reached = memorised(np.array([[0.5, 0.99995, 0.5], [0.5, 0.9998, 0.9]]))
    assert reached.tolist() == [[False, True, False], [False, False, False]]
    assert first_step(reached, np.array([0, 7, 9])) == [7, None]
    assert grokked(np.array([0.99, 0.991, np.nan])).tolist() == [False, True, False]


def test_a_history_goes_on_from_what_was_committed() -> None:
    rows = history()
    both = {name: np.stack([values, values * np.nan]) for name, values in rows.items()}
    fresh = History(2, np.empty(0, int), {})
    resumed = History(2, STEPS[:3], {name: values[:, :3] for name, values in both.items()})
    assert (fresh.begun, resumed.begun) == (False, True)
    for place, step in enumerate(STEPS):
        measured = {name: values[None, place] for name, values in rows.items()}
        fresh.append(int(step), np.array([0]), measured)
        if place >= 3:
            resumed.append(int(step), np.array([0]), measured)
    for one in (fresh, resumed):
        steps, values = one.of(0)
        np.testing.assert_array_equal(steps, STEPS)
        for name in rows:
            np.testing.assert_array_equal(values[name], rows[name])
            assert np.isnan(one.of(1)[1][name]).all()
        assert (one.memorised, one.grokked) == (1, 0)
