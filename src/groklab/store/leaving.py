"""Before the interpreter goes: Icechunk's threads that still hand over a result come back first.

Such a thread wakes whoever waits for its result and only then returns from Python. If the program ends in between, it
finds no interpreter to return to and aborts the process, with status 134, though all work was done: up to Python 3.13
such threads are unwound, and code in Rust cannot be.
"""

import sys
import threading
import time

PATIENCE = 2.0
"""Seconds that they get; some microseconds do on an idle machine."""


def strangers() -> set[int]:
    """The threads inside Python that Python did not begin."""
    own = {one.ident for one in threading.enumerate() if not isinstance(one, threading._DummyThread)}  # pyright: ignore[reportPrivateUsage]
    return {ident for ident in sys._current_frames() if ident not in own}  # pyright: ignore[reportPrivateUsage]


def let_return() -> None:
    """Waits until no stranger is inside Python."""
    end = time.monotonic() + PATIENCE
    while strangers() and time.monotonic() < end:
        time.sleep(0.001)
