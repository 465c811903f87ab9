"""The page of one store: the last one drawn, and the one that is being drawn."""

import asyncio
import sys
import time
import traceback
from collections.abc import Callable

from groklab.errors import Mistake, StoreError
from groklab.serve.live_page import Page
from groklab.serve.threads import in_thread

SHARE = 0.2
"""How much of the time is spent drawing at most while a store is followed: training needs the processor, too."""
SHORTEST = 2.0
"""Seconds between two drawings at least."""
AFTER_FAILURE = 30.0
"""Seconds until a version that could not be drawn is tried again."""

UNKNOWN = "the page could not be drawn; the server's terminal says why"
"""What a client is told of a mistake of ours."""


class Rendering:
    """Draws one page at a time, in a thread; meanwhile the last one is handed out."""

    def __init__(self, draw: Callable[[str], Page], room: asyncio.Semaphore) -> None:
        """`draw` makes the page of a version; `room` limits how many stores are drawn at once."""
        self._draw, self._room = draw, room
        self._task: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._page: Page | None = None
        self._failed, self._failure, self._again = "", "", 0.0

    async def page(self, version: str) -> Page:
        """The page of that version, or the last one before it while that is drawn.

        Raises `StoreError` with the reason where there is no page at all.
        """
        now = time.monotonic()
        new = version != self.version and (version != self._failed or now >= self._again)
        if new and self._task is None and now >= self._not_before:
            self._task = asyncio.create_task(self._renew(version))
        if self._page is None and self._task is not None:
            await asyncio.shield(self._task)
        if self._page is not None:
            return self._page
        raise StoreError(self._failure)

    @property
    def version(self) -> str:
        """The version of the last page; empty where there is none."""
        return self._page.version if self._page else ""

    def problem(self, version: str) -> str:
        """Why there is no page of that version, on one line; empty where there is one, or will be."""
        return self._failure if version == self._failed else ""

    def forget(self) -> None:
        """Lets go of the page, if none is being drawn."""
        if self._task is None:
            self._page, self._not_before = None, 0.0

    async def _renew(self, version: str) -> None:
        async with self._room:
            begun = time.monotonic()
            try:
                self._page = await in_thread(lambda: self._draw(version))
                self._failed = ""
            except Exception as error:
                self._failed, self._again = version, time.monotonic() + AFTER_FAILURE
                self._failure = str(error) if isinstance(error, Mistake) else UNKNOWN
                if not isinstance(error, Mistake):
                    traceback.print_exception(error, file=sys.stderr)
            finally:
                took = time.monotonic() - begun
                self._not_before = time.monotonic() + max(SHORTEST, took * (1 / SHARE - 1))
                self._task = None
