"""Ctrl-C and SIGTERM as a question that training asks, so that it can commit before it ends."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptions() -> Generator[Callable[[], bool]]:
    """Gives a function that says whether an interruption was asked for; a second Ctrl-C interrupts at once.

    The former handlers are back afterwards. Outside the main thread, where Python delivers no signals, the
    answer is always no.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
