"""The progress display: what it says, when, and when it keeps quiet."""

import io
import time

import pytest
from rich.console import Console

from groklab.display import Display
from groklab.engines.progress import Progress


def progress(done: int, trained: int, doing="training") -> Progress:
    return Progress(done=done, total=30_000, trained=trained, runs=5, memorised=4, grokked=2, doing=doing)


def console(*, terminal: bool) -> Console:
    # The variables of a live test environment must not decide what kind of terminal this is.
    kind = {"TERM": "xterm"} if terminal else {}
    return Console(file=io.StringIO(), force_terminal=terminal, width=90, _environ=kind, highlight=False)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_speed_and_time_left_come_from_the_last_seconds_of_training():
    clock = Clock()
    display = Display(console(terminal=False), clock=clock)
    display(progress(0, 0, "compiling"))
    assert display.speed is None
    assert display.seconds_left is None
    clock.now += 60
    for second in range(100):
        clock.now += 1
        rate = 100 if second < 50 else 300
        display(progress(second * 10, (display.last.trained if display.last else 0) + rate))
    assert display.speed == pytest.approx(300)
    assert display.seconds_left == pytest.approx((30_000 - 990) / 300)


def test_short_work_says_nothing():
    quiet = console(terminal=False)
    with Display(quiet) as display:
        display(progress(10, 10))
    assert quiet.file.getvalue() == ""


def test_without_a_terminal_plain_lines_now_and_then():
    plain = console(terminal=False)
    with Display(plain, patience=0.02, every=0.3) as display:
        display(progress(0, 0, "compiling"))
        time.sleep(0.12)
        for done in range(1, 200):
            display(progress(done, done))
        time.sleep(0.3)
        display(progress(30_000, 30_000, "done"))
    lines = plain.file.getvalue().splitlines()
    assert lines[0].startswith("compiling: 0 of 30,000 run-steps · memorised 4 of 5 · grokked 2 of 5")
    assert lines[-1].startswith("30,000 of 30,000 run-steps")
    assert lines[-1].endswith("in all")
    assert 3 <= len(lines) <= 4
    assert "\x1b" not in plain.file.getvalue()


def test_on_a_terminal_a_bar_and_a_last_line():
    screen = console(terminal=True)
    with Display(screen, patience=0.02) as display:
        display(progress(12_000, 12_000))
        time.sleep(0.5)
    text = screen.file.getvalue()
    assert "12,000 of 30,000 run-steps" in text
    assert "memorised 4 of 5 · grokked 2 of 5" in text
    assert "━" in text
    assert text.rstrip().endswith("in all")


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines():
    dumb = Console(file=io.StringIO(), force_terminal=True, width=90, _environ={"TERM": "dumb"}, no_color=True)
    with Display(dumb, patience=0.02, every=5) as display:
        display(progress(1, 1))
        time.sleep(0.15)
    assert "\x1b" not in dumb.file.getvalue()
    assert len(dumb.file.getvalue().splitlines()) == 2


def test_a_title_stands_before_everything():
    for terminal in (False, True):
        screen = console(terminal=terminal)
        with Display(screen, title="nanda/depth (3 of 9)", patience=0.02, every=5) as display:
            display(progress(1, 1))
            time.sleep(0.3)
        text = screen.file.getvalue()
        assert "nanda/depth (3 of 9): training" in text
        assert "nanda/depth (3 of 9): 1 of 30,000 run-steps" in text.splitlines()[-1]


def test_before_the_first_progress_it_is_starting():
    plain = console(terminal=False)
    with Display(plain, patience=0.02, every=5):
        time.sleep(0.15)
    assert plain.file.getvalue() == "starting\n"
