"""Curves read at levels and fractions of their way, against straight lines and a slow loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.curves import Curve, crossing, passage, running_median
from groklab.errors import Mistake

NAN = math.nan


def test_a_straight_line_is_passed_where_it_says_in_both_scales() -> None:
    steps = np.array([0, 1, 3, 10, 100])
    line = Curve.of(steps, 5 - 0.04 * steps, "linear")
    fall = Curve.of(steps, np.exp(-0.1 * steps), "log")
    for fraction in (0.1, 0.5, 0.9):
        for curve, end in ((line, 1.0), (fall, math.exp(-10))):
            found = passage(curve, start=5.0 if curve is line else 1.0, end=end, fraction=fraction)
            assert found is not None
            assert found.step == pytest.approx(100 * fraction)
            assert (found.low, found.high) == ((3, 10) if fraction == 0.1 else (10, 100))


def test_first_time_at_all_for_a_while_and_for_good() -> None:
    curve = Curve.of([0, 1, 2, 3, 4, 5, 6, 7], [0, 2, 0, 2, 2, 0, 2, 2], "linear")
    assert [found.step for lasting in (0, 1, 2, math.inf) if (found := crossing(curve, 1, 1, lasting=lasting))] == [
        0.5, 2.5, 5.5, 5.5,
    ]  # fmt: skip
    # The end of the curve is enough, however long it was to last.
    found = crossing(curve, 1, 1, lasting=100)
    assert found is not None
    assert found.step == 5.5
    assert crossing(curve, 3, 1) is None
    assert passage(curve, start=1, end=1, fraction=0.5) is None


def test_a_curve_that_is_past_already() -> None:
    curve = Curve.of([10, 20, 30], [1, 1, 0], "linear")
    first, later, between = (crossing(curve, 0.5, 1, after=after) for after in (0, 12, 20))
    assert [(found.step, found.low, found.high) for found in (first, later, between) if found] == [
        (10, 10, 10), (12, 12, 20), (20, 20, 20),
    ]  # fmt: skip
    down = crossing(curve, 0.5, -1, after=28)
    assert down is not None
    assert (down.step, down.low, down.high) == (28, 28, 30)


def test_what_was_not_logged_is_left_out() -> None:
    curve = Curve.of([0, 1, 2, 3, 4], [1, NAN, math.inf, 3, NAN], "linear")
    assert curve.steps.tolist() == [0, 3]
    found = crossing(curve, 2, 1)
    assert found is not None
    assert (found.step, found.low, found.high) == (1.5, 0, 3)
    assert Curve.of([0, 1, 2], [1, 0, -1], "log").values.tolist() == [0, 0, 0]
    assert curve.stretch(0.4, 0.6) == pytest.approx(2)


def slow_median(values: np.ndarray, radius: int) -> list[float]:
    found = []
    for index in range(len(values)):
        near = min(radius, index, len(values) - 1 - index)
        found.append(float(np.median(values[index - near : index + near + 1])))
    return found


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), share=st.floats(0, 1))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_running_median_is_the_slow_loop_and_keeps_what_is_monotone(values: list[float], share: float) -> None:
    given_ = np.array(values)
    window = max(round(share * len(values)), 1)
    radius = min((window - 1) // 2, (len(values) - 1) // 2)
    assert running_median(given_, share).tolist() == slow_median(given_, radius)
    assert running_median(np.sort(given_), share).tolist() == sorted(values)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda: Curve.of([0, 0], [1, 2], "linear"), "ascending"),
        (lambda: Curve.of([0, 1], [1], "linear"), "ascending"),
        (lambda: Curve.of([0, 1], [0, -1], "log"), "above 0"),
        (lambda: running_median(np.ones(3), 1.5), "share"),
        (lambda: crossing(Curve.of([0], [1], "linear"), 1, 0), "direction"),
        (lambda: passage(Curve.of([0], [1], "linear"), start=0, end=1, fraction=2), "fraction"),
    ],
)
def test_mistakes(what, words) -> None:
    with pytest.raises(Mistake, match=words):
        what()
