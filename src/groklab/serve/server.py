"""The server: a socket that listens, and an event loop that answers until it is interrupted."""

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Callable

import uvicorn

from groklab.errors import Mistake
from groklab.serve.application import Application
from groklab.serve.connections import Connection
from groklab.serve.hosts import Hosts
from groklab.serve.site import Site
from groklab.serve.threads import busy
from groklab.store.place import Place


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at `host`; port 0 takes a free one. Raises `Mistake` where that cannot be."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise Mistake(f"--host {host!r} is no address of this machine; give one, such as 127.0.0.1") from None
    listener = socket.socket(family, kind, protocol)
    try:
        # A server that has just ended may be followed by another at once.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen()
    except OSError as error:
        listener.close()
        raise Mistake(_why_not(error, host, port)) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The address of the index, for a browser on this machine."""
    address, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, f"[{address}]" if ":" in address else address)
    return f"http://{name}:{port}/"


def prepared(
    root: str | os.PathLike[str] | Place, host: str, address: str, announce: Callable[[], None]
) -> uvicorn.Server:
    """A server of what is in `root`, to be run on a socket that listens at `address`, for which `host` was asked.

    `announce` is called once requests are answered.
    """
    config = uvicorn.Config(
        Application(Site(root), Hosts(host, address)),
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        # What goes wrong is said by the application; garbage and clients that go away are nothing to tell.
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=0,
    )
    return _Server(config, announce)


def run(root: str | os.PathLike[str] | Place, listener: socket.socket, host: str, announce: Callable[[], None]) -> None:
    """Serves what is in `root` until the process is interrupted; see `prepared`.

    Ctrl-C ends it at once, and the process with it where a page is being drawn: that would be drawn to its end, or
    torn down amid a library that cannot bear it.
    """
    with contextlib.suppress(KeyboardInterrupt):
        prepared(root, host, str(listener.getsockname()[0]), announce).run([listener])
    if busy():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; choose another --port, or 0 for any that is free"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host!r} is no address of this machine; give one, such as 127.0.0.1"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is not permitted to you; choose a --port from 1024 on"
    return f"cannot listen at {host}, port {port} ({error.strerror}); choose another --host or --port"
