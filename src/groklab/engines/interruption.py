"""Ctrl-C and SIGTERM as a question that training asks, so that it can commit before it ends."""

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 2.0
"""Seconds within which a repeated signal is taken for the same."""
AT_ONCE = "at once"
"""What a `KeyboardInterrupt` carries that came before anything could be committed."""
DETACHED = "detached"
"""What a `KeyboardInterrupt` carries where only the watching ended, and the work goes on elsewhere."""


@contextmanager
def interrupted_at_once() -> Generator[None]:
    """Has SIGTERM raise `KeyboardInterrupt` as Ctrl-C does, where there is nothing to commit. In the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def interruptions() -> Generator[Callable[[], bool]]:
    """Gives a function that says whether an interruption was asked for.

    One asked for again after `PATIENCE` seconds interrupts at once, without a commit; one that comes sooner is
    the same one, told twice, as programs that start others often do.
    The former handlers are back afterwards. Outside the main thread, where Python delivers no signals, the
    answer is always no.
    """
    asked = threading.Event()
    first: list[float] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if not asked.is_set():
            first.append(time.monotonic())
            asked.set()
        elif time.monotonic() - first[0] > PATIENCE:
            raise KeyboardInterrupt(AT_ONCE)

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
