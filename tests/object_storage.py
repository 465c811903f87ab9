"""A real S3 server (moto's, in a process of its own) behind a proxy that can do what storages and networks do.

Moto keeps conditions, but looks and writes in two steps; the proxy lets one conditional write through at a time. Moto
asks for no credentials; the proxy knows one access key.
"""

import contextlib
import http.client
import itertools
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

KEY, SECRET = "AKIAEXAMPLEEXAMPLE", "a-secret-that-nobody-may-see"
CONDITIONS = ("if-match", "if-none-match")
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    """With the bucket, without what is asked of it."""
    query: str
    headers: dict[str, str]

    @property
    def names_tip(self) -> bool:
        return self.path.endswith("ref.json")


@dataclass(frozen=True)
class Fault:
    """What happens instead of an answer, or to it."""

    status: int = 0
    code: str = ""
    before: bool = False
    """The connection breaks before the request is seen."""
    after: bool = False
    """The request is carried out, and the connection breaks before the answer."""
    cut: bool = False
    """Half of the answer's body comes, then the connection breaks."""
    wait: float = 0.0
    """Seconds before the request is carried out."""
    later: float = 0.0
    """How many seconds later it is by the storage's clock."""
    without_conditions: bool = False
    """The request's conditions are not seen."""


Rule = Callable[[Asked], Fault | None]


@dataclass
class Storage:
    """A bucket, and what is to go wrong."""

    port: int
    bucket: str
    rule: Rule = field(default=lambda asked: None)
    asked: list[Asked] = field(default_factory=list)

    def url(self, prefix: str) -> str:
        return f"s3://{self.bucket}/{prefix}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to get there."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }

    def known(self, patch: pytest.MonkeyPatch) -> None:
        """This process, and what it starts, know how to get there and to nowhere else."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in self.environment.items():
            patch.setenv(name, value)

    @contextlib.contextmanager
    def going(self, rule: Rule) -> Iterator[None]:
        """Everything goes by a rule for a while."""
        self.rule, before = rule, self.rule
        try:
            yield
        finally:
            self.rule = before


def every(count: int, *faults: Fault) -> Rule:
    """One fault after another, at every so many requests on average: not in step with any work that is tried again."""
    gaps, kinds, lock, left = random.Random(0), itertools.cycle(faults), threading.Lock(), [count]

    def rule(asked: Asked) -> Fault | None:
        with lock:
            left[0] -= 1
            if left[0] > 0:
                return None
            left[0] = gaps.randint(count // 2, count + count // 2)
            return next(kinds)

    return rule


def refusing(status: int, code: str, method: str = "") -> Rule:
    """Refuses everything, or every request of one method."""
    return lambda asked: Fault(status=status, code=code) if asked.method == method or not method else None


@contextlib.contextmanager
def moto() -> Iterator[int]:
    """The port of a server that is there for a while."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("moto_process.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait()


@contextlib.contextmanager
def proxied(behind: int, bucket: str) -> Iterator[Storage]:
    """A new bucket of the server at that port, behind a proxy of its own."""
    ask(behind, "PUT", f"/{bucket}")
    storage = Storage(port=0, bucket=bucket)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def log_message(self, *words):
            pass

        def answer(self):
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            path, _, query = self.path.partition("?")
            asked = Asked(method=self.command, path=path, query=query, headers=headers)
            storage.asked.append(asked)
            fault = storage.rule(asked) or Fault()
            if fault.before:
                self.close_connection = True
                return
            threading.Event().wait(fault.wait)
            if fault.status:
                self.give(fault.status, {}, refusal(fault.code))
                return
            if f"Credential={KEY}/" not in headers.get("authorization", ""):
                self.give(403, {}, refusal("InvalidAccessKeyId"))
                return
            if fault.without_conditions:
                headers = {name: value for name, value in headers.items() if name not in CONDITIONS}
            with ONE_AT_A_TIME if set(CONDITIONS) & headers.keys() else contextlib.nullcontext():
                status, given, body = ask(behind, self.command, self.path, headers, content)
            if fault.later:
                given["date"] = format_datetime(datetime.now(UTC) + timedelta(seconds=fault.later), usegmt=True)
            if fault.after:
                self.close_connection = True
                return
            self.give(status, given, body, cut=fault.cut)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer

        def give(self, status, given, body, cut=False):
            self.send_response_only(status)
            given.setdefault("date", self.date_time_string())
            length = given.get("content-length") if self.command == "HEAD" else None
            for name, value in given.items():
                if name not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("content-length", length or str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = self.close_connection or cut

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            """A client that went away is nothing to tell."""

    with Server(("127.0.0.1", 0), Handler) as server:
        storage.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield storage
        finally:
            server.shutdown()
            thread.join()


def ask(port, method, path, headers=None, content=b""):
    """Status, headers and body of what the server at that port answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body=content, headers=headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def refusal(code):
    words = f"<Code>{code}</Code><Message>refused</Message><AWSAccessKeyId>{KEY}</AWSAccessKeyId>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Error>{words}</Error>'.encode()
