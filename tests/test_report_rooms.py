"""The room of a page: what five runs of the main setting take is there, and the page stays below its limit."""

from groklab.circuits import Basis
from groklab.models import TransformerSettings
from groklab.report.explorer import CIRCLES, CURVES, NEURONS, SPECTRA
from groklab.report.library import plotly_deflated, scripts, styles
from groklab.report.rooms import CURVES as MOST
from groklab.report.rooms import EXPLORERS, PAGE, STEPS, Wanted, affordable, curves_room
from groklab.report.snapshots import packed, tables
from groklab.tasks import Task, TaskSettings
from kept_networks import random_network

P, FREQUENCIES, HEADS, RUNS = 113, 56, 4, 5
MEASURES = 4 * (len(SPECTRA) * FREQUENCIES + len(CURVES))


def network_bytes() -> int:
    """What the tables of one network of the main setting take, counted by hand: int8 and int16, scales in float32."""
    circles = CIRCLES * (2 * P + 4)
    scores = HEADS * 2 * P + 4 + 4 * HEADS * 3
    neurons = NEURONS * (HEADS * 2 * P + 4 + 4 * HEADS * 3 + 4)
    return circles + scores + neurons


def runs(checkpoints: int) -> dict[int, Wanted]:
    one = Wanted(kept=range(checkpoints), bytes_a_step=network_bytes() + MEASURES, bytes_a_run=P * P)
    return dict.fromkeys(range(RUNS), one)


def test_the_tables_of_a_network_take_what_was_counted() -> None:
    task = Task.of(TaskSettings(modulus=P))
    model = random_network(TransformerSettings(d_model=8, heads=HEADS, d_mlp=NEURONS), task, 0)
    found = packed([tables(model, task, Basis.of(task), range(NEURONS), range(CIRCLES))])
    assert sum(values.nbytes for values in found.values()) == network_bytes()


def test_five_runs_of_the_main_setting_keep_all_their_networks_in_a_page_below_the_limit() -> None:
    assert affordable(runs(61), EXPLORERS) == {run: list(range(61)) for run in range(RUNS)}
    taken = len(plotly_deflated()) + EXPLORERS
    assert curves_room(taken) > 1_000_000
    assert taken + curves_room(taken) * 4 // 3 <= PAGE
    assert PAGE + len(scripts()) + len(styles()) < 8e6 - 150_000
    assert curves_room(len(plotly_deflated())) == MOST


def test_what_does_not_fit_is_thinned_evenly_and_then_runs_are_left_out() -> None:
    some = affordable(runs(101), EXPLORERS)
    assert list(some) == list(range(RUNS))
    for steps in some.values():
        assert 60 <= len(steps) < 101
        assert (steps[0], steps[-1]) == (0, 100)
    few = affordable(runs(101), EXPLORERS // 4)
    assert list(few) == [0, 2, 4]
    assert all(len(steps) >= STEPS for steps in few.values())
    assert affordable(runs(101), 1) == {0: [0, 100]}
