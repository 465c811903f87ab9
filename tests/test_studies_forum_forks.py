"""Ratios of the steps that forks of one network take, and the findings of several of them."""

import math
from typing import Any

import numpy as np
import pytest

from groklab.curves import Estimate
from groklab.findings import Claim
from groklab.studies.forum._forks import Arm, by_parts, noise, ratio


def arm(*steps: float, grokked: bool | list[bool] = True) -> Arm:
    count = len(steps)
    return Arm(
        runs=np.arange(count),
        fork=np.zeros(count),
        steps=np.array(steps),
        grokked=np.broadcast_to(np.array(grokked), count) & ~np.isnan(steps),
    )


def test_a_ratio_is_the_mean_over_pairs() -> None:
    found = ratio(arm(100, 400, math.nan), arm(200, 400, 300))
    assert found.value == pytest.approx(0.75)
    assert found.count == 2
    assert 0.5 <= found.low <= found.high <= 1.0


@pytest.mark.parametrize(
    ("above", "below", "low", "high"),
    [([True, False], [True, True], 0.5, math.inf), ([True, True], [True, False], 0.0, 1.0)],
)
def test_what_has_not_grokked_opens_the_interval(above: Any, below: Any, low: float, high: float) -> None:
    found = ratio(arm(100, 400, grokked=above), arm(200, 400, grokked=below))
    assert (found.low, found.high) == (low, high)
    assert found.note.startswith("1 of the ")
    assert found.note.endswith(("had not grokked: a lower bound", "had not grokked: an upper bound"))


def test_pairs_of_which_neither_grokked_say_nothing() -> None:
    found = ratio(arm(100, 200, 400, grokked=[True, True, False]), arm(200, 200, 400, grokked=[True, True, False]))
    assert found.count == 2
    assert found.value == pytest.approx(0.75)
    assert math.isnan(ratio(arm(100, grokked=False), arm(100, grokked=False)).value)


def test_noise_counts_networks_in_which_rounding_alone_decides() -> None:
    both = noise(arm(100, 200), arm(100, 100))
    assert both.value == pytest.approx(math.log(2) / 2)
    assert math.isfinite(both.high)
    one = noise(arm(400, 200, 300, grokked=[False, True, False]), arm(100, 800, 300, grokked=[True, False, False]))
    assert one.value == pytest.approx(math.log(4))
    assert (one.count, one.high) == (2, math.inf)
    assert one.note.startswith("2 grokked with one of both orders only")
    # One that was not watched for as long as the other took says nothing of the size.
    assert noise(arm(50, 100, grokked=[False, True]), arm(100, 100)).value == 0


def test_a_part_that_cannot_be_measured_leaves_the_claim_untested() -> None:
    claim = Claim(identifier="a.b", source="s", claim="c.", published=None, how="h", criterion="c")
    known = Estimate(value=0.5, low=0.4, high=0.6, count=4)
    nothing = Estimate(value=0.5, low=math.nan, high=math.nan, count=1)
    bounds = ((0.0, 0.8), (1.0, math.inf))

    def verdict(*estimates: Estimate) -> str:
        parts = [(one, *bounds) for one in estimates]
        return by_parts(claim, parts, units="1", scale="laptop", sentence="so").verdict

    assert verdict(known, known) == "reproduced"
    assert verdict(known, nothing) == "not tested at this scale"
