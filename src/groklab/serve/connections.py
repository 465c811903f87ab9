"""Connections of clients that take their time: each has so long to ask, and so long to take the answer."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ASKING = 15.0
"""Seconds for a whole request, from the connection or from the last answer on."""
TAKING = 30.0
"""Seconds for the next piece of an answer."""
MOST = 128
"""Connections at once. Some systems give a process 256 files."""


class Connection(H11Protocol):
    """Uvicorn's connection, which by itself waits without end for the rest of a request and for a reader."""

    _asking: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begins to wait for a request; drops the connection when there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
        else:
            self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        self._asking, self._taking = _stopped(self._asking), _stopped(self._taking)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on."""
        super().data_received(data)
        self._wait_for_request()

    def on_response_complete(self) -> None:
        """Waits for the next request."""
        super().on_response_complete()
        self._wait_for_request()

    def pause_writing(self) -> None:
        """Begins to wait for the client to take what was sent."""
        super().pause_writing()
        self._taking = self._taking or self.loop.call_later(TAKING, self.transport.abort)

    def resume_writing(self) -> None:
        """The client took it."""
        self._taking = _stopped(self._taking)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuses garbage; where it follows a request that is being answered, by closing the connection."""
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:
            self.transport.abort()

    def _wait_for_request(self) -> None:
        if self.cycle and not self.cycle.response_complete:
            self._asking = _stopped(self._asking)
        elif self._asking is None:
            self._asking = self.loop.call_later(ASKING, self.transport.abort)


def _stopped(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
