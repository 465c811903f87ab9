"""The parts of the server: pages drawn once and off the loop, names that are answered, commits, the command."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import groklab as gl
from fake_study import store
from groklab.cli import main
from groklab.errors import StoreError
from groklab.serve import is_loopback, listen, rendering, url_of
from groklab.serve.application import Application
from groklab.serve.hosts import Hosts
from groklab.serve.live_page import Page, live
from groklab.serve.rendering import UNKNOWN, Rendering
from groklab.serve.site import PAGES, Site
from groklab.serve.threads import Latest, busy, in_thread
from groklab.store import Folder, Variable
from groklab.store.commits import commits


class Draw:
    """Draws when it is told to, and remembers what it drew."""

    def __init__(self) -> None:
        self.go, self.drawn, self.at_once, self.most = threading.Semaphore(0), list[str](), 0, 0
        self.fails: Exception | None = None

    def __call__(self, version: str) -> Page:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        assert self.go.acquire(timeout=20)
        self.at_once -= 1
        if self.fails:
            raise self.fails
        self.drawn.append(version)
        return Page(version, version.encode(), "", f'"{version}"')


async def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_a_page_is_drawn_once_and_the_last_one_is_given_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SHORTEST", 0.0)
    monkeypatch.setattr(rendering, "SHARE", 1.0)

    async def scene() -> None:
        draw = Draw()
        pages = Rendering(draw, asyncio.Semaphore(2))
        first = [asyncio.create_task(pages.page("a")) for _ in range(20)]
        await until(lambda: draw.at_once == 1)
        first[0].cancel()
        assert not any(task.done() for task in first[1:])
        draw.go.release()
        assert {(await task).version for task in first[1:]} == {"a"}
        for _ in range(20):
            assert (await pages.page("b")).version == "a"
        await until(lambda: draw.at_once == 1)
        assert (await pages.page("c")).version == "a"
        draw.go.release()
        await until(lambda: pages.version == "b")
        assert (await pages.page("b")).version == "b"
        assert (await pages.page("c")).version == "b"
        draw.go.release()
        await until(lambda: pages.version == "c")
        assert draw.drawn == ["a", "b", "c"]
        assert draw.most == 1
        assert (await pages.page("c")).version == "c"
        pages.forget()
        draw.go.release()
        assert (await pages.page("c")).version == "c"
        assert len(draw.drawn) == 4

    asyncio.run(scene())


def test_drawing_takes_a_share_of_the_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SHORTEST", 0.0)

    async def scene() -> tuple[int, float]:
        drawn = list[float]()

        def draw(version: str) -> Page:
            begun = time.monotonic()
            time.sleep(0.05)
            drawn.append(time.monotonic() - begun)
            return Page(version, b"", "", "")

        pages, begun = Rendering(draw, asyncio.Semaphore(2)), time.monotonic()
        for number in range(150):
            await pages.page(str(number))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        return len(drawn), sum(drawn[:-1]) / (time.monotonic() - begun)

    times, share = asyncio.run(scene())
    assert times >= 3
    assert share <= rendering.SHARE + 0.02


def test_a_drawing_that_fails_leaves_the_last_page_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rendering, "SHORTEST", 0.0)
    monkeypatch.setattr(rendering, "SHARE", 1.0)
    monkeypatch.setattr(rendering, "AFTER_FAILURE", 0.3)

    async def scene() -> None:
        draw = Draw()
        draw.go = threading.Semaphore(1000)
        pages = Rendering(draw, asyncio.Semaphore(2))
        draw.fails = StoreError("it is damaged")
        for _ in range(3):
            with pytest.raises(StoreError, match="it is damaged"):
                await pages.page("a")
        assert pages.problem("a") == "it is damaged"
        await asyncio.sleep(0.4)
        draw.fails = None
        assert (await pages.page("a")).version == "a"
        draw.fails = RuntimeError("ours")
        assert (await pages.page("b")).version == "a"
        await until(lambda: pages.problem("b") != "")
        assert (pages.problem("b"), pages.problem("a")) == (UNKNOWN, "")
        assert (await pages.page("b")).version == "a"

    asyncio.run(scene())
    err = capsys.readouterr().err
    assert err.count("Traceback") == 1
    assert "RuntimeError: ours" in err


def test_what_is_asked_by_many_is_computed_once() -> None:
    async def scene() -> None:
        times = 0
        go = threading.Event()

        def compute() -> int:
            nonlocal times
            times += 1
            assert go.wait(20)
            return times

        latest = Latest(compute, 0.2, asyncio.Semaphore(1))
        asking = [asyncio.create_task(latest.get()) for _ in range(50)]
        await until(lambda: times == 1)
        asking[0].cancel()
        go.set()
        assert {await task for task in asking[1:]} == {1}
        assert await latest.get() == 1
        # What takes long is kept longer.
        await asyncio.sleep(0.3)
        await until(lambda: not latest.get().close() and time.monotonic() > latest._until)
        assert await latest.get() == 2

    asyncio.run(scene())


def test_threads_give_results_errors_and_panics() -> None:
    class Panic(BaseException):
        pass

    def panic() -> None:
        raise Panic("at the disco")

    async def scene() -> None:
        assert await in_thread(lambda: threading.current_thread().daemon)
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 / 0)
        with pytest.raises(RuntimeError, match="Panic: at the disco"):
            await in_thread(panic)

    asyncio.run(scene())


def test_a_loop_that_ends_does_not_wait_for_a_thread() -> None:
    go = threading.Event()

    async def scene() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(in_thread(lambda: go.wait(20)), 0.05)

    asyncio.run(scene())
    assert busy()
    go.set()
    end = time.monotonic() + 20
    while busy():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_only_so_many_pages_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = store(tmp_path / "runs" / "0", count=2, variables=["test_loss"])
    gl.open(one).keep(tmp_path / "runs" / "0.zip", only=["test_loss"])
    for number in range(1, PAGES + 3):
        (tmp_path / "runs" / f"{number}.zip").write_bytes((tmp_path / "runs" / "0.zip").read_bytes())
    times: dict[str, int] = {}

    def drawn(path: Path, version: str, above: str | None) -> Page:
        times[path.name] = times.get(path.name, 0) + 1
        return Page(version, b"", "", "")

    monkeypatch.setattr("groklab.serve.site._drawn", drawn)

    async def scene() -> None:
        site = Site(tmp_path / "runs")
        for _ in range(2):
            for number in range(PAGES + 3):
                assert await site.page(f"{number}.zip") is not None
        for number in range(PAGES + 3):
            await site.page(f"{PAGES + 2 - number}.zip")

    asyncio.run(scene())
    assert set(times.values()) == {2, 3}
    assert sum(times.values()) == 2 * (PAGES + 3) + 3


def test_names_that_are_answered() -> None:
    local = Hosts("127.0.0.1", "127.0.0.1")
    assert local.answer(["127.0.0.1:8765"])
    assert not local.answer(["192.168.1.2"])
    assert not local.answer([])
    assert not local.answer(["localhost", "localhost"])
    assert Hosts("::1", "::1").answer(["[::1]:8765"])
    assert Hosts("My-Machine", "10.0.0.1").answer(["my-machine:80"])
    everywhere = Hosts("0.0.0.0", "0.0.0.0")
    assert everywhere.answer(["192.168.1.2:8765"])
    assert everywhere.answer(["[fe80::1]"])
    assert everywhere.answer([socket.gethostname()])
    assert not everywhere.answer(["evil.example"])
    assert not everywhere.answer(["192.168.1.2.evil.example"])
    assert [is_loopback(one) for one in ("127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "10.0.0.1", "x")] == [
        *(True, True, True, False, False, False, False)
    ]


def test_addresses_for_a_browser() -> None:
    for host, wanted in {"127.0.0.1": "127.0.0.1", "localhost": None, "0.0.0.0": "127.0.0.1"}.items():
        with listen(host, 0) as listener:
            url = url_of(listener)
            assert url.endswith(f":{listener.getsockname()[1]}/")
            assert wanted is None or url.startswith(f"http://{wanted}:")


def test_a_page_without_the_places_to_add_to_is_refused() -> None:
    for text in (
        "",
        "<head></head><body></body>",
        '<meta http-equiv="Content-Security-Policy" content="x"><body></body>',
    ):
        with pytest.raises(ValueError, match="no policy"):
            live(text, "1")
    policies = {
        "default-src  'none';\n connect-src http://x": "default-src 'none'; connect-src 'self'; script-src 'sha256-",
        "script-src 'sha256-abc'; img-src data:": "script-src 'sha256-abc' 'sha256-",
        "script-src 'unsafe-inline'": "script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
    }
    for policy, start in policies.items():
        head = f'<html><head><meta http-equiv="Content-Security-Policy" content="{policy}"></head>'
        page = live(f"{head}<body><main></main></body>", "1")
        assert page.policy.startswith(start)
        assert page.policy.endswith("; frame-ancestors 'none'")
        assert "connect-src 'self'" in page.policy


def frame(page: Page) -> str:
    return page.body.decode().partition('name="groklab-frame" content="')[2][:16]


def test_the_frame_is_named_by_what_is_around_the_articles() -> None:
    text = '<html><head><meta http-equiv="Content-Security-Policy" content="x"></head><body><main>{}</main>{}</body>'
    one, two, three = (live(text.format(*inner), "1") for inner in (("a", "b"), ("c", "b"), ("a", "c")))
    assert frame(one) == frame(two) != frame(three)
    assert len({one.tag, two.tag, three.tag}) == 3


def test_commits_change_with_every_commit_and_with_nothing_else(tmp_path: Path) -> None:
    path = store(tmp_path / "one", ended=0)
    first = commits(path)
    assert commits(path) == first
    assert [name.partition("@")[0] for name in first.identifiers] == ["study", "a", "b"]
    gl.open(path).metrics()
    assert commits(path) == first
    manifest = gl.open(path)._reader.manifest
    with Folder(path, manifest) as folder:
        described = [Variable(name="test_loss", dims=(), units="nats", description="x")]
        writer = folder.batch("b", described, {})
        writer.commit(
            step=10,
            logged_steps=np.array([0]),
            measures={"test_loss": np.ones((1, 1), np.float32)},
            checkpoints={},
            state={},
            meta={"statuses": [{"state": "running", "step": 10, "sentence": "x"}], "sessions": []},
        )
    second = commits(path)
    assert first.identifiers[:2] == second.identifiers[:2]
    assert first.identifiers[2] != second.identifiers[2]
    assert first.written is not None
    assert second.written is not None
    assert second.written > first.written
    assert commits(tmp_path).identifiers == ()
    (path / "batches" / "b" / "refs" / "branch.main" / "ref.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        commits(path)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(tmp_path_factory.mktemp("served") / "one")


def test_mistakes_are_one_line_and_status_2(
    one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groklab.serve.run", lambda *given: pytest.fail("it was served"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, parts in {
            (str(tmp_path / "nowhere"),): ["there is no file or folder"],
            (str(tmp_path),): ["holds no groklab store"],
            (str(one), "--port", str(port)): [f"port {port} of 127.0.0.1 is in use", "--port"],
            (str(one), "--port", "70000"): ["--port", "65535"],
            (str(one), "--port", "x"): ["--port", "integer"],
            (str(one), "--host", "nowhere.invalid"): ["no address of this machine", "127.0.0.1"],
            (str(one), "--host", "192.0.2.1", "--port", "0"): ["no address of this machine"],
            (str(one), "--prot", "0"): ["--prot", "--port"],
            (): ["DIR"],
        }.items():
            assert main(["serve", *words]) == 2
            out, err = capsys.readouterr()
            (line,) = err.splitlines()
            assert all(part in line for part in parts), line
            assert out == ""
            assert main(["serve", *words, "--json"]) == 2
            assert json.loads(capsys.readouterr().out).keys() == {"error"}


def test_others_are_warned_of_and_the_browser_is_opened(
    one: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = list[str]()
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url))
    monkeypatch.setattr("groklab.serve.run", lambda root, listener, host, announce: (announce(), listener.close()))
    assert main(["serve", str(one), "--port", "0"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("http://127.0.0.1:")
    assert err == f"groklab: serving 1 store of {one}, read only; Ctrl-C ends it\n"
    assert main(["serve", str(one.parent), "--port", "0", "--host", "0.0.0.0", "--open", "--json"]) == 0
    out, err = capsys.readouterr()
    url = json.loads(out)["url"]
    assert url.startswith("http://127.0.0.1:")
    end = time.monotonic() + 20
    while "no browser could be opened" not in err:
        assert time.monotonic() < end
        time.sleep(0.01)
        err += capsys.readouterr().err
    assert opened == [url]
    assert f"groklab: warning: whoever can reach 0.0.0.0 can read what is in {one.parent}; there is no password" in err


SLOW = """
import sys, time
from groklab.serve import site
site._drawn = lambda path, version, above: time.sleep(600)
from groklab.cli import main
sys.exit(main(["serve", sys.argv[1], "--port", "0", "--json"]))
"""


@pytest.fixture
def process(one: Path) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(one)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield started
    started.kill()
    started.communicate()


def test_ctrl_c_ends_at_once_with_0_also_while_a_page_is_drawn(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = "".join(iter(process.stdout.readline, "}\n")) + "}"
    port = int(json.loads(said)["url"].rpartition(":")[2].strip("/"))
    with (
        socket.create_connection(("127.0.0.1", port), 60) as drawing,
        socket.create_connection(("127.0.0.1", port), 60) as idle,
        socket.create_connection(("127.0.0.1", port), 60) as other,
    ):
        drawing.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        idle.sendall(b"GET /version HT")
        time.sleep(0.5)
        # The loop is free while a page is drawn.
        other.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 200 ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert len(err.splitlines()) == 1


def test_what_is_no_request_is_left_alone(one: Path) -> None:
    async def never(*_: object) -> None:
        pytest.fail("nothing is sent")

    application = Application(Site(one), Hosts("localhost", "127.0.0.1"))
    asyncio.run(application({"type": "lifespan"}, never, never))  # type: ignore[arg-type]
