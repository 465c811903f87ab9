"""All that is served of a folder: which stores there are, how they stand, their pages, and the index of them."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import groklab
from groklab.errors import StoreError
from groklab.serve.found import found
from groklab.serve.index import index_page
from groklab.serve.live_page import Page, live
from groklab.serve.rendering import Rendering
from groklab.serve.state import State, Watched, patiently, together
from groklab.serve.threads import Latest
from groklab.store.place import Place

FOLDER_SECONDS, STATE_SECONDS = 2.0, 1.0
"""How old the list of stores and the state of one may be when they are asked for again."""
FOLDER_SECONDS_AFAR, STATE_SECONDS_AFAR = 60.0, 5.0
"""The same in object storage, where each question costs something."""
DRAWN, LOOKED_AT = 2, 4
"""How many stores are drawn, and looked at, at the same time."""
PAGES = 8
"""How many stores' pages are kept: the last ones asked for."""


class Site:
    """The stores and kept results in a folder, or a single one, for an event loop: nothing here blocks it.

    Everything is asked for by a store's place in the folder; "" is the index, or the single store itself.
    """

    def __init__(self, at: str | os.PathLike[str] | Place) -> None:
        given = Place.of(at)
        self.root = Place(Path(os.path.realpath(given.local))) if given.local is not None else given
        afar = self.root.local is None
        folder_seconds = FOLDER_SECONDS_AFAR if afar else FOLDER_SECONDS
        self._state_seconds = STATE_SECONDS_AFAR if afar else STATE_SECONDS
        self._looking, self._drawing = asyncio.Semaphore(LOOKED_AT), asyncio.Semaphore(DRAWN)
        self._folder = Latest(lambda: found(self.root), folder_seconds, self._looking)
        self._states: dict[str, Latest[State]] = {}
        self._pages: dict[str, Rendering] = {}

    async def names(self) -> list[str]:
        """The places of all stores there are now; "" alone where the folder itself is one."""
        present = await self._folder.get()
        for name in [name for name in self._states if name not in present]:
            del self._states[name]
            self._pages.pop(name, None)
        for name, path in present.items():
            if name not in self._states:
                self._states[name] = Latest(Watched(path, self.root).state, self._state_seconds, self._looking)
        return list(present)

    async def state(self, name: str) -> State | None:
        """How a store, or with "" the folder, stands; nothing where there is no such store."""
        names = await self.names()
        if name in names:
            state = await self._states[name].get()
            drawn = self._pages.get(name)
            failed = drawn.problem(state.version) if drawn else ""
            return replace(state, problem=failed) if failed and not state.problem else state
        return None if name else together(await self._all(names))

    async def page(self, name: str) -> Page | None:
        """The page of a store, or with "" the index; nothing where there is no such store.

        The page may be of an earlier commit than the newest: that one is being drawn then. Raises `StoreError` for a
        store that cannot be read, or drawn, and was not drawn before.
        """
        names = await self.names()
        if name in names:
            return await self._store_page(name, above=None if "" in names else "../" * (name.count("/") + 1))
        if name:
            return None
        states = await self._all(names)
        return live(index_page(self.root.name or str(self.root), states), together(states).version)

    async def _store_page(self, name: str, above: str | None) -> Page:
        state = await self._states[name].get()
        path = self.root / name if name else self.root
        drawing = self._pages.pop(name, None) or Rendering(lambda version: _drawn(path, version, above), self._drawing)
        if state.problem and not drawing.version:
            raise StoreError(state.problem)
        # The last one asked for stands last.
        self._pages[name] = drawing
        for other in list(self._pages)[:-PAGES]:
            self._pages[other].forget()
        return await drawing.page(drawing.version if state.problem else state.version)

    async def _all(self, names: list[str]) -> dict[str, State]:
        states = await asyncio.gather(*(self._states[name].get() for name in names))
        return dict(zip(names, states, strict=True))


def _drawn(path: Place, version: str, above: str | None) -> Page:
    """The page of the record at `path`, drawn now."""
    from groklab.report.page import page

    return live(patiently(lambda: page([groklab.open(path)])), version, above)
