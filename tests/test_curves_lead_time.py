"""Leads and false alarms of ramps whose times are known."""

import math

import numpy as np
import pytest

from groklab.curves import Course, measure_lead
from groklab.errors import Mistake

STEPS = np.arange(0, 10_001, 50)
MEMORISED, FALLS = 500.0, 6000.0


def ramp(begin, end, start=1.0, final=0.0):
    return np.interp(STEPS, [0, begin, end, 10_000], [start, start, final, final])


def course(values, falls=FALLS):
    return Course(steps=STEPS, values=values, memorised=MEMORISED, falls=falls)


def grokked(shift=0.0, **more):
    """Five seeds, whose ramp begins 2,000 steps before their test loss falls, less a shift."""
    return [
        course(ramp(4000 + d + shift, 8000 + d + shift, **more), falls=6000.0 + d) for d in (-400, -200, 0, 200, 400)
    ]


def flat(count, value=1.0):
    return [course(np.full(len(STEPS), value), falls=None) for _ in range(count)]


@pytest.mark.parametrize(("fraction", "lead"), [(0.1, 1600), (0.5, 0)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_lead_of_a_ramp(fraction: float, lead: float, sign: int) -> None:
    courses = [course(sign * np.asarray(one.values), one.falls) for one in grokked()]
    found = measure_lead("ramp", courses, {"decay 0": flat(30, value=float(sign))}, fraction=fraction)
    assert found.leads == pytest.approx([lead] * 5, abs=1e-6)
    assert found.lead.value == pytest.approx(lead, abs=1e-6)
    assert found.direction == -sign
    assert found.agreeing == 1
    assert found.level == pytest.approx(sign * (1 - fraction))
    assert found.false_alarms["decay 0"].share.value == 0
    assert found.false_alarms["decay 0"].share.high == pytest.approx(1 - 0.025 ** (1 / 30))
    assert found.verdict == ("progress measure" if fraction == 0.1 else "does not lead")


def test_fractions_of_a_loss_are_taken_in_its_logarithm() -> None:
    courses = [course(np.exp(-10 * (1 - np.asarray(one.values))), one.falls) for one in grokked()]
    found = measure_lead("loss", courses, {}, scale="log", fraction=0.1)
    assert found.leads == pytest.approx([1600] * 5)
    assert found.level == pytest.approx(math.exp(-1))
    assert found.verdict == "leads, false alarms not tested"


def test_the_level_of_each_seed_comes_from_the_others() -> None:
    # One seed ends ten times as far: by its own level its alarm would come 4,000 / 10 steps after its begin.
    courses = [*grokked()[:4], course(ramp(4000, 8000, final=-9.0))]
    found = measure_lead("ramp", courses, {})
    assert found.leads[4] == pytest.approx(6000 - (4000 + 4000 * 0.1 / 10))


def test_a_measure_that_moves_after_the_test_loss_does_not_lead() -> None:
    found = measure_lead("late", grokked(shift=2500), {"decay 0": flat(3)})
    assert found.lead.high < 0
    assert found.verdict == "does not lead"


def test_false_alarms_group_by_group() -> None:
    drifting = [course(ramp(3000, 9000), falls=None) for _ in range(2)]
    unmemorised = [Course(steps=STEPS, values=ramp(0, 100), memorised=None)] * 4
    found = measure_lead(
        "ramp", grokked(), {"decay 0": flat(20), "little data": [*flat(8), *drifting], "random labels": unmemorised}
    )
    assert found.verdict == "false alarms"
    groups = {name: (group.alarms, group.watched) for name, group in found.false_alarms.items()}
    assert groups == {"decay 0": (0, 20), "little data": (2, 10), "random labels": (0, 0)}
    assert math.isnan(found.false_alarms["random labels"].share.value)
    assert "2 of 10 with little data" in found.sentence
    late = measure_lead("late", grokked(shift=2500), {"little data": drifting})
    assert late.verdict == "does not lead, false alarms"


def test_a_short_excursion_is_no_alarm_and_silence_counts_against_the_lead() -> None:
    values = np.asarray(grokked()[2].values).copy()
    values[(STEPS >= 1000) & (STEPS < 1400)] = 0.0
    courses = [*grokked()[:2], course(values), *grokked()[3:]]
    found = measure_lead("ramp", courses, {}, window=0.05)
    assert found.leads[2] == pytest.approx(1600)
    # Without a window the first time at all counts; interpolated between 950 and 1,000.
    assert measure_lead("ramp", courses, {}, window=0.0).leads[2] == pytest.approx(6000 - 955)
    silent = measure_lead("ramp", [*grokked()[:4], course(np.ones(len(STEPS)))], {})
    assert silent.silent == 1
    assert silent.leads[4] == 6000 - 10_000


def test_nothing_after_the_window_is_looked_at() -> None:
    """Two networks alike until after the window, then the one comes back: the same alarm."""
    back = ramp(4000, 8000)
    back[STEPS > 6000] = 1.0
    kept, returns = [
        measure_lead("ramp", [*grokked(), course(ramp(4000, 8000), falls=6000.0)], {"never": [course(values, None)]})
        for values in (ramp(4000, 8000), back)
    ]
    assert kept.false_alarms["never"].alarms == returns.false_alarms["never"].alarms == 1


def test_a_measure_that_is_past_its_level_when_memorised_gives_the_alarm_then() -> None:
    found = measure_lead("ramp", [*grokked(), course(np.zeros(len(STEPS)))], {})
    assert found.leads[5] == FALLS - MEMORISED


def test_too_few_networks_and_a_measure_that_does_not_move() -> None:
    alone = measure_lead("ramp", grokked()[:1], {"decay 0": flat(3)})
    assert alone.verdict == "not tested"
    assert math.isnan(alone.lead.value)
    nobody = measure_lead("ramp", [], {"decay 0": flat(3)})
    assert nobody.verdict == "not tested"
    still = measure_lead("flat", [course(np.ones(len(STEPS))) for _ in range(3)], {"decay 0": flat(3)})
    assert still.direction == 0
    assert still.silent == 3
    assert still.verdict == "does not lead"


def test_mistakes() -> None:
    with pytest.raises(Mistake, match="memorised"):
        measure_lead("ramp", [Course(steps=STEPS, values=ramp(1, 2), memorised=None, falls=3.0)], {})
    with pytest.raises(Mistake, match="fraction"):
        measure_lead("ramp", grokked(), {}, fraction=1.0)
