"""The ASGI application: which requests are answered, and with what."""

import hashlib
import json
import os
import sys
import traceback
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from groklab.errors import Mistake
from groklab.serve.hosts import Hosts
from groklab.serve.index import address
from groklab.serve.site import Site

METHODS = ("GET", "HEAD")
PIECE = 2**16
"""Bytes handed to the connection at once: a client that does not read holds no more than that."""
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer, where it says nothing else."""


class Application:
    """Answers GET and HEAD for the pages of a site and what they ask for to follow it; refuses the rest in one line.

    `/` is the index, or the single store's page; `/PLACE/` a store's page, `/PLACE/version` how the store stands.
    Addresses are compared with the places that there are, byte for byte, and go nowhere else.
    """

    def __init__(self, site: Site, hosts: Hosts) -> None:
        self._site, self._hosts = site, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(Request(scope))
        except Mistake as mistake:
            response = _line(500, str(mistake))
        except Exception as error:
            traceback.print_exception(error, file=sys.stderr)
            response = _line(500, "the server made a mistake; its terminal says which")
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not self._hosts.answer(request.headers.getlist("host")):
            return _line(421, "this server is not called that; use the address that groklab serve printed")
        if request.method not in METHODS:
            return _line(405, "only GET and HEAD are answered", Allow=", ".join(METHODS))
        place, asked = _split(os.fsdecode(unquote_to_bytes(request.scope["raw_path"])))
        known = request.headers.get("if-none-match", "")
        if asked == "version" and (state := await self._site.state(place)) is not None:
            body = json.dumps(state.to_json()).encode()
            return _tagged(body, f'"{hashlib.sha256(body).hexdigest()[:24]}"', known, "application/json")
        if asked == "" and (page := await self._site.page(place)) is not None:
            policy = {"Content-Security-Policy": page.policy}
            return _tagged(page.body, page.tag, known, "text/html; charset=utf-8", **policy)
        whole = f"{place}/{asked}" if place else asked
        if whole and whole in await self._site.names():
            return _line(307, "the page is at this address with a / behind", Location=f"/{address(whole)}/")
        return _line(404, "nothing is served at this address; see /")


class _Pieces(Response):
    """A body that is sent piece by piece, as fast as the client takes it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = memoryview(self.body)
        for start in range(0, max(1, len(body)), PIECE):
            more = start + PIECE < len(body)
            await send({"type": "http.response.body", "body": bytes(body[start : start + PIECE]), "more_body": more})


def _split(path: str) -> tuple[str, str]:
    """The place and what is asked of it, of `/PLACE/ASKED`; a place that cannot be where it is written otherwise."""
    place, slash, asked = path[1:].rpartition("/")
    return (place, asked) if path[:1] == "/" and (place or not slash) else ("/", "")


def _tagged(body: bytes, tag: str, known: str, kind: str, **headers: str) -> Response:
    """The body, or only its tag where the client has it."""
    tags = [one.strip().removeprefix("W/") for one in known.split(",")]
    headers |= {"ETag": tag}
    if tag in tags or "*" in tags:
        return Response(status_code=304, headers=headers)
    return _Pieces(body, headers={**headers, "Content-Type": kind})


def _line(status: int, words: str, **headers: str) -> Response:
    line = " ".join(words.split()) + "\n"
    return Response(line.encode("utf-8", "replace"), status, headers, media_type="text/plain; charset=utf-8")
