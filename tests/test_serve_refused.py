"""What the server refuses, asked byte by byte over real sockets: ways out, other names, garbage, slow clients."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from groklab.report import page as page_module
from groklab.serve import connections
from serving import Served, mixed, read_all, served

SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed(tmp_path_factory.mktemp("above"))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with served(folder) as one:
        yield one


WAYS_OUT = r"""
/../secret /../runs-secret /.. /../ /. /./ /paper/one/../../../secret /paper/../../secret/version
/%2e%2e/secret /%2E%2E%2Fsecret /..%2fsecret /..%5csecret /..\secret /%252e%252e/secret /%252e%252e%252fsecret
/.%2e/secret/ /%c0%ae%c0%ae/secret /%c0%ae%c0%ae%c0%afsecret /..;/secret /....//secret /%uff0e%uff0e/secret
//etc/passwd // /// /etc/passwd /%2fetc%2fpasswd /C:\secret /file:///etc/passwd /~root/ //evil.example/
/%00 /paper/one%00/ /paper/one/%00 /paper/one%00/version /%00/../secret /%0d%0aSet-Cookie:%20a=b /%ff%fe /% /%zz
/readme.txt /readme.txt/ /readme.txt/version /link /link/ /link/version /link.zip/ /loop.zip/ /pipe.zip/
/paper /paper/ /paper/one/study /paper/one/study/ /paper/one/study/refs/branch.main/ref.json /paper/one/.lock
/paper/one/version/ /paper/one/../one/ /paper//one/ /paper/./one/ /Paper/one/ /paper/one%20/ /favicon.ico /live.js
http://127.0.0.1/../secret http://127.0.0.1/ http://127.0.0.1/kept.zip/ * secret
"""
TOO_LONG = ["/" + "a" * 60000, "/" + "../" * 9000 + "secret", "/" + "%2e%2e%2f" * 5000]


def test_nothing_else_can_be_reached(server: Served) -> None:
    for path in (*WAYS_OUT.split(), *TOO_LONG):
        found = server.ask(path)
        assert (found.status, found.line) == (404, "nothing is served at this address; see /"), path
        assert SECURITY.items() <= found.headers.items(), path


def test_other_methods_are_refused(server: Served) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "BREW", "get"):
        for path in ("/", "/paper/one/version", "/nowhere", "*"):
            found = server.ask(path, method)
            assert (found.status, found.headers["allow"]) == (405, "GET, HEAD"), method
            if method != "TRACE":
                assert found.line == "only GET and HEAD are answered"
    assert server.ask("127.0.0.1:80", "CONNECT").status == 405
    assert server.ask("/", "POST", Content_Length="5").status == 405


def test_only_its_own_names_are_answered(server: Served) -> None:
    for host in ("127.0.0.1", "127.0.0.1:1", "localhost", f"LOCALHOST:{server.port}", "localhost:"):
        assert server.ask("/version", host=host).status == 200, host
    for host in (
        *(
            "evil.example",
            f"evil.example:{server.port}",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil@localhost",
        ),
        *(
            "127.0.0.2",
            "0.0.0.0",
            "[::1]",
            "[::1",
            "localhost:80:80",
            "localhost evil.example",
            "2130706433",
            "::1",
            "xn--lcalhost-54a",
        ),
        *("localhost/", "http://localhost", "127.1", "localhost.", "localhost,evil.example"),
    ):
        found = server.ask("/version", host=host)
        assert (found.status, b"version" in found.body) == (421, False), host
        assert found.line == "this server is not called that; use the address that groklab serve printed"
    assert server.raw(b"GET /version HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421 ")
    assert server.raw(b"GET /version HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    twice = b"GET /version HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    assert server.raw(twice).startswith(b"HTTP/1.1 400 ")


def test_every_answer_has_the_headers_and_none_says_what_serves(server: Served) -> None:
    for path in ("/", "/version", "/paper/one/", "/paper/one", "/nowhere", "/damaged/"):
        headers = server.ask(path, Origin="http://evil.example").headers
        assert SECURITY.items() <= headers.items()
        assert headers["cache-control"] == "no-cache"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert not {name for name in headers if name.startswith("access-control") or name in ("server", "set-cookie")}
        assert "uvicorn" not in str(headers).lower()


def request(*lines: bytes, first: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join((first, b"Host: localhost", *lines, b"", b""))


GARBAGE = [
    *(b"", b"\r\n\r\n", b"\x00" * 2000, bytes(range(256)) * 8, b"A" * 200000, b"SSH-2.0-x\r\n"),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x07" * 500,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    *(b"GET", b"GET /\r\n\r\n", request(first=b"GET / HTTP/9.9"), request(first=b"GET / /x HTTP/1.1")),
    request(first=b"GET /\xff\xfe HTTP/1.1"),
    request(first=b"GET /" + b"a" * 70000 + b" HTTP/1.1"),
    *(request(b"A: " + b"b" * 70000), request(b"A : b"), request(b"A: b\x00c")),
    *(request(b"Content-Length: -1"), request(b"Content-Length: 1", b"Content-Length: 2")),
]


def test_garbage_is_refused_and_breaks_nothing(server: Served, capfd: pytest.CaptureFixture[str]) -> None:
    for data in GARBAGE:
        answer = server.raw(data, no_more=True)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), data[:60]
        assert b"uvicorn" not in answer.lower()
    # Requests that are whole, with garbage behind them.
    good = request(first=b"GET /nowhere HTTP/1.1")
    for tail in (b"\x00\xff" * 300, b"HTTP/1.1 200 OK\r\n\r\n"):
        assert server.raw(good + tail).startswith(b"HTTP/1.1 404 ")
    both = request(b"Transfer-Encoding: chunked", b"Content-Length: 4", first=b"POST / HTTP/1.1")
    assert b"HTTP/1.1 200" not in server.raw(both + b"xyz\r\n0\r\n\r\n" + good)
    assert server.raw(request(b"Upgrade: websocket", b"Connection: Upgrade, close")).startswith(b"HTTP/1.1 200 ")
    last = request(b"Connection: close", first=b"GET /nowhere HTTP/1.1")
    assert server.raw(good * 50 + last).count(b"HTTP/1.1 404 ") == 51
    assert server.ask("/version").status == 200
    assert capfd.readouterr() == ("", "")


def taken_of(connection: socket.socket) -> int:
    """How many bytes can still be read of a connection that the other side reset."""
    count = 0
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(2**16):
            count += len(data)
    return count


def test_slow_clients_are_dropped_and_keep_nobody_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ASKING", 1.0)
    monkeypatch.setattr(connections, "TAKING", 1.0)
    # More than the buffers of both sides hold.
    whole = page_module.page
    monkeypatch.setattr(page_module, "page", lambda records: whole(records).replace("<main", " " * 2**26 + "<main", 1))
    with served(folder) as server:
        size = len(server.ask("/kept.zip/").body)
        silent, half, body, reader = (server.connect() for _ in range(4))
        half.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        body.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n")
        reader.sendall(b"GET /kept.zip/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert server.ask("/version").status == 200
        end = time.monotonic() + 20
        dripping = True
        while dripping and time.monotonic() < end:
            try:
                half.sendall(b"A")
            except OSError:
                dripping = False
            time.sleep(0.05)
        assert not dripping
        assert silent.recv(100) == b""
        assert read_all(body).startswith(b"HTTP/1.1 200 ")
        time.sleep(2)
        assert 0 < taken_of(reader) < size
        for connection in (silent, half, body, reader):
            connection.close()
        assert server.ask("/kept.zip/").status == 200


def test_more_clients_than_there_is_room_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 20)
    with served(folder) as server:
        many = [server.connect() for _ in range(60)]
        dropped = 0
        for connection in many[20:]:
            try:
                dropped += connection.recv(1) == b""
            except ConnectionResetError:
                dropped += 1
        assert dropped == 40
        many[0].sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert read_all(many[0]).startswith(b"HTTP/1.1 200 ")
        for connection in many:
            connection.close()
        time.sleep(0.2)
        assert server.ask("/version").status == 200
