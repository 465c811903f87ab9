"""Phases found by rule on curves made of straight lines in log loss, whose boundaries are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.curves import Phases, find_phases
from groklab.errors import Mistake

CHANCE, PLATEAU, MEMORISED, FINAL = 4.7, 15.0, 1e-4, 1e-6


def logged(last: float, every: float) -> np.ndarray:
    dense = np.unique(np.round(np.geomspace(1, last, 40)))
    return np.unique(np.concatenate([[0], dense, np.arange(0, last + 1, every)]))


def curves(steps, memorised, falls, settles, *, least=1e-3, noise=0.0, seed=0, unit=1.0):
    """Train, test and excluded loss: the test loss falls from `falls` to `settles`, the excluded one turns before."""
    rng = np.random.default_rng(seed)

    def along(points: list[tuple[float, float]]) -> np.ndarray:
        at, values = zip(*points, strict=True)
        line = np.interp(steps, at, np.log(values))
        return unit * np.exp(line + noise * rng.normal(size=len(steps)))

    last = float(steps[-1])
    return {
        "train_loss": along([(0, CHANCE), (memorised, MEMORISED), (last, FINAL / 3)]),
        "test_loss": along([(0, CHANCE), (memorised, PLATEAU), (falls, PLATEAU), (settles, FINAL), (last, FINAL)]),
        "excluded_loss": along([(0, CHANCE), (memorised, least), (settles, 8.0), (last, 8.0)]),
    }


def boundaries(phases: Phases) -> list[float | None]:
    ends = phases.memorisation.end, phases.clean_up.begin, phases.clean_up.end
    return [None if end is None else end.step for end in ends]


@given(
    scale=st.sampled_from([1.0, 7.0]),
    shape=st.tuples(st.floats(300, 900), st.floats(1500, 4000), st.floats(500, 3000)),
    noise=st.sampled_from([0.0, 0.05, 0.2]),
    unit=st.sampled_from([0.3, 1.0]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_known_boundaries_are_found_and_lie_in_their_intervals(scale, shape, noise, unit, seed) -> None:
    memorised, wait, length = (scale * part for part in shape)
    falls, settles = memorised + wait, memorised + wait + length
    steps = logged(10_000 * scale, 50 * scale)
    phases = find_phases(steps, **curves(steps, memorised, falls, settles, noise=noise, unit=unit, seed=seed))
    truth = [memorised, falls + 0.1 * length, settles - 0.1 * length]
    slack = scale * (60 + 1500 * noise)
    for boundary, true in zip(
        (phases.memorisation.end, phases.clean_up.begin, phases.clean_up.end), truth, strict=True
    ):
        assert boundary is not None
        assert boundary.low <= boundary.step <= boundary.high
        assert abs(boundary.step - true) <= slack
        assert boundary.low <= true + 0.01 * slack + 1e-6 * true
        assert boundary.high >= true - 0.01 * slack - 1e-6 * true
    assert phases.circuit_formation.begin == phases.memorisation.end
    assert phases.circuit_formation.end == phases.clean_up.begin
    assert not any((phases.memorisation.reason, phases.circuit_formation.reason, phases.clean_up.reason))


def test_the_excluded_loss_may_be_logged_at_few_steps() -> None:
    steps = logged(10_000, 50)
    losses = curves(steps, 700, 4000, 6000)
    kept = (steps % 500 == 0) | (steps < 100)
    losses["excluded_loss"] = np.where(kept, losses["excluded_loss"], math.nan)
    phases = find_phases(steps, **losses)
    end = phases.memorisation.end
    assert end is not None
    assert end.step in (500, 1000)
    assert end.low <= 700 <= end.high
    assert phases.clean_up.present


def test_a_run_cut_off_before_the_fall_is_in_circuit_formation() -> None:
    steps = logged(3500, 50)
    phases = find_phases(steps, **curves(steps, 700, 4000, 6000))
    assert phases.memorisation.end is not None
    assert phases.circuit_formation.present
    assert phases.circuit_formation.end is None
    assert "within 3,500 steps" in phases.circuit_formation.reason
    assert not phases.clean_up.present


def test_a_run_cut_off_in_the_fall_is_in_clean_up() -> None:
    whole = logged(10_000, 50)
    keep = whole <= 5000
    phases = find_phases(whole[keep], **{k: v[keep] for k, v in curves(whole, 700, 4000, 6000).items()})
    assert phases.clean_up.present
    assert phases.clean_up.end is None
    assert "still falling" in phases.clean_up.reason
    begin = phases.clean_up.begin
    assert begin is not None
    assert 4000 <= begin.step <= 4200


def test_train_and_test_that_fall_together_have_no_phases() -> None:
    steps = logged(5000, 50)
    together = np.exp(np.interp(steps, [0, 1000, 5000], np.log([4.7, 1e-4, 1e-6])))
    phases = find_phases(steps, train_loss=together, test_loss=1.5 * together, excluded_loss=np.full(len(steps), 5.0))
    for phase in (phases.memorisation, phases.circuit_formation, phases.clean_up):
        assert not phase.present
        assert phase.end is None
        assert "at once" in phase.reason


def test_memorisation_without_end_and_what_was_not_measured() -> None:
    steps = logged(10_000, 50)
    losses = curves(steps, 700, 4000, 6000)
    without = find_phases(steps, train_loss=losses["train_loss"], test_loss=losses["test_loss"])
    assert without.memorisation.present
    assert without.memorisation.end is None
    assert not without.circuit_formation.present
    assert "not measured" in without.circuit_formation.reason
    assert without.clean_up.end is not None
    # Weight decay 0: all that is on train falls for ever, the test loss rises.
    flat = find_phases(
        steps, train_loss=losses["train_loss"], test_loss=5 + steps / 500, excluded_loss=losses["train_loss"]
    )
    assert flat.memorisation.present
    assert flat.memorisation.end is None
    assert "did not end above its least" in flat.circuit_formation.reason
    assert "never" in flat.clean_up.reason
    nothing = find_phases(steps, train_loss=np.full(len(steps), 4.7), test_loss=np.full(len(steps), 4.7))
    assert "nothing was memorised" in nothing.memorisation.reason
    untested = find_phases(steps, train_loss=losses["train_loss"], test_loss=np.full(len(steps), math.nan))
    assert not untested.memorisation.present
    assert "no test loss" in untested.clean_up.reason


def test_an_excluded_loss_that_hardly_turns_or_turns_too_late() -> None:
    steps = logged(10_000, 50)
    shallow = find_phases(steps, **curves(steps, 700, 4000, 6000, least=2.0))
    assert "never fell by a factor of 3.16" in shallow.circuit_formation.reason
    assert shallow.memorisation.present
    assert shallow.clean_up.end is not None
    # Half a decade is a factor of 3.16; the rule with its root and its square disagree about a fall by five.
    middling = find_phases(steps, **curves(steps, 700, 4000, 6000, least=CHANCE / 5)).memorisation.end
    deep = find_phases(steps, **curves(steps, 700, 4000, 6000)).memorisation.end
    assert middling is not None
    assert deep is not None
    assert (middling.stable, deep.stable) == (False, True)
    losses = curves(steps, 700, 4000, 6000)
    losses["excluded_loss"] = np.interp(steps, [0, 5500, 6000, 10_000], [4.7, 0.01, 8, 8])
    late = find_phases(steps, **losses)
    assert "still falling" in late.circuit_formation.reason
    assert late.memorisation.end is None


def test_semi_grokking_to_a_middling_level_does_not_count_as_a_fall() -> None:
    steps = logged(10_000, 50)
    losses = curves(steps, 700, 4000, 6000)
    losses["test_loss"] = np.interp(steps, [0, 700, 4000, 6000, 10_000], [4.7, 15, 15, 2.5, 2.5])
    phases = find_phases(steps, **losses)
    assert not phases.clean_up.present
    assert phases.circuit_formation.present


def test_slingshots_move_no_boundary() -> None:
    steps = logged(10_000, 20)
    losses = curves(steps, 700, 4000, 6000)
    plain = boundaries(find_phases(steps, **losses))
    for spike in (1500, 2600, 3000, 4900, 7000, 8600, 9500):
        near = np.abs(steps - spike) < 30
        losses = {name: np.where(near, np.maximum(values, 20.0), values) for name, values in losses.items()}
    assert boundaries(find_phases(steps, **losses)) == pytest.approx(plain, rel=0.02)


def test_a_run_that_generalises_and_loses_it_again() -> None:
    steps = logged(10_000, 50)
    losses = curves(steps, 700, 3000, 4000)
    losses["test_loss"] = np.where(steps > 7000, 12.0, losses["test_loss"])
    assert not find_phases(steps, **losses).clean_up.present


def test_mistakes() -> None:
    with pytest.raises(Mistake, match="train loss"):
        find_phases([0, 1], train_loss=[math.nan, math.nan], test_loss=[1, 1])
    with pytest.raises(Mistake, match="ascending"):
        find_phases([0, 1], train_loss=[1, 1, 1], test_loss=[1, 1])
