"""Work off the event loop, in threads that do not keep the process from ending."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

NAME = "groklab-serve"
"""How the threads are called."""


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises, run in a thread of its own.

    The executors of the standard library are waited for when the process ends; these threads are not, so that
    Ctrl-C need not wait for a page that is half drawn.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not future.done():
            set_it()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            # A panic of a library in Rust is no Exception, and would pass every handler of the loop.
            failure = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
            answer = (lambda failure=failure: future.set_exception(failure),)
        else:
            answer = (lambda: future.set_result(result),)
        try:
            loop.call_soon_threadsafe(settle, *answer)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return

    threading.Thread(target=run, name=NAME, daemon=True).start()
    return await future


def busy() -> bool:
    """Whether a thread of `in_thread` is still at work."""
    return any(thread.name == NAME for thread in threading.enumerate())


class Latest(Generic[T]):
    """What `compute` gives, at most `seconds` old: computed in a thread, once for all who ask meanwhile.

    What takes long to compute may be older, so that at most a fifth of the time goes into it.
    """

    def __init__(self, compute: Callable[[], T], seconds: float, room: asyncio.Semaphore) -> None:
        self._compute, self._seconds, self._room = compute, seconds, room
        self._task: asyncio.Task[T] | None = None
        self._until = 0.0

    async def get(self) -> T:
        """The value. Raises what `compute` raised."""
        if self._task is None or (self._task.done() and time.monotonic() >= self._until):
            self._task = asyncio.create_task(self._renew())
        # One who goes away does not cancel it for the others.
        return await asyncio.shield(self._task)

    async def _renew(self) -> T:
        async with self._room:
            begun = time.monotonic()
            try:
                return await in_thread(self._compute)
            finally:
                now = time.monotonic()
                self._until = now + max(self._seconds, 4 * (now - begun))
