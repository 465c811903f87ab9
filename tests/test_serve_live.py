"""Stores in use: training that is watched ends as training that is not, and a page in a browser follows commits."""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from everything import assert_same, everything
from groklab.serve import rendering, site
from serving import Growing, grown, served

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TRAIN = """
import sys
import test_resuming
import groklab as gl
test_resuming.MEASURES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares")
test_resuming.measure_less()
study = test_resuming.study().replace({"steps": 400})
gl.run(study, sys.argv[1], commit_seconds=0.05)
gl.run(study, sys.argv[2], commit_seconds=15)
"""


def test_training_that_is_watched_ends_as_training_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for module, name in ((rendering, "SHORTEST"), (site, "FOLDER_SECONDS"), (site, "STATE_SECONDS")):
        monkeypatch.setattr(module, name, 0.0)
    root, alone = tmp_path / "runs", tmp_path / "alone"
    root.mkdir()
    statuses, versions, problems = set[int](), set[str](), set[str]()
    done = threading.Event()
    with served(root) as server:

        def hammer(path: str) -> None:
            while not done.wait(0.2):
                answer = server.ask(path)
                statuses.add(answer.status)
                if answer.status == 200 and path.endswith("/version"):
                    versions.add(answer.json["version"])
                    problems.add(answer.json["problem"])

        paths = ("/", "/watched/", "/watched/version", "/version")
        threads = [threading.Thread(target=hammer, args=(path,)) for path in paths]
        for thread in threads:
            thread.start()
        try:
            words = [sys.executable, "-c", TRAIN, str(root / "watched"), str(alone)]
            trained = subprocess.run(words, cwd=Path(__file__).parent, stderr=subprocess.PIPE, text=True, timeout=300)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert trained.returncode == 0, trained.stderr
        assert server.ask("/watched/version").json["ended"] == 3
    assert statuses <= {200, 404}
    assert problems <= {""}
    assert versions
    assert capfd.readouterr().err == ""
    assert_same(everything(root / "watched"), everything(alone))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: the live page was NOT opened in a browser")
    quiet = ("background-networking", "component-update", "sync")
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield started
        started.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    page = context.new_page()
    yield page
    context.close()


def test_a_page_takes_each_commit_and_keeps_what_its_reader_chose(tab: Page, tmp_path: Path) -> None:
    said = list[str]()
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    asked = list[str]()
    tab.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    growing = Growing(tmp_path / "runs" / "one")
    growing.commit(0)
    growing.commit(100)
    bar, status = tab.locator(".live"), tab.locator(".live [role=status]")
    with ExitStack() as stack:
        server = stack.enter_context(served(tmp_path / "runs"))
        tab.goto(f"{server.url}/")
        expect(tab.locator("tbody tr")).to_contain_text("0 of 3")
        expect(tab.locator("tbody time")).to_have_text(re.compile(r"\d+ (s|min) ago"))
        tab.get_by_role("link", name="fake/small").click()
        expect(bar).to_have_attribute("data-state", "following")
        expect(status).to_have_text("following")
        expect(tab.locator(".live-age")).to_have_text(re.compile(r", last commit \d+ s ago"))
        expect(tab.locator("article")).to_contain_text("running at 100")

        # What a reader chooses: a run hidden, an axis, an open section, a place on the page, a focused control.
        tab.locator("[data-runs='1']").click()
        axis = "[data-name=loss] [data-axis=y][data-type=linear]"
        tab.locator(axis).click()
        tab.get_by_text("All settings, and where").click()
        tab.locator("[data-name=loss] [data-axis=x][data-type=linear]").focus()
        tab.evaluate("window.scrollTo(0, 400); window.mark = 'the same document'")
        fragment = tab.evaluate("location.hash")
        assert "hide=1" in fragment

        growing.commit(200, ended=1)
        expect(tab.locator("article")).to_contain_text("running at 200")
        expect(tab.locator("article")).to_contain_text("finished at 200")
        assert tab.evaluate("window.mark") == "the same document"
        expect(tab.locator("[data-runs='1']")).to_have_attribute("aria-pressed", "false")
        expect(tab.locator("[data-runs='0']")).to_have_attribute("aria-pressed", "true")
        expect(tab.locator(axis)).to_have_attribute("aria-pressed", "true")
        expect(tab.locator("details", has_text="All settings, and where")).to_have_attribute("open", "")
        expect(tab.locator("[data-name=loss] [data-axis=x][data-type=linear]")).to_be_focused()
        assert abs(tab.evaluate("window.scrollY") - 400) < 60
        assert tab.evaluate("location.hash") == fragment
        # The curve that is drawn goes to the new step, and its axis is the chosen one.
        drawn = "document.querySelector('[data-name=loss] .plot')"
        tab.wait_for_function(f"() => {drawn}.data?.some((line) => Math.max(...line.x) === 200)")
        assert tab.evaluate(f"{drawn}.layout.yaxis.type") == "linear"

        # A hidden tab asks for nothing, and a commit meanwhile is there soon after it is seen again.
        hide = """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
        tab.evaluate(hide, True)
        tab.wait_for_timeout(500)
        asked.clear()
        growing.commit(300, ended=2)
        tab.wait_for_timeout(4000)
        assert asked == []
        tab.evaluate(hide, False)
        expect(tab.locator("article")).to_contain_text("running at 300")
        assert "version" in asked
        assert said == []

        # The server goes, and comes back.
        port = server.port
        stack.close()
        expect(status).to_have_text("connection lost, trying again")
        expect(bar).to_have_attribute("data-state", "lost")
        expect(tab.locator("article")).to_contain_text("running at 300")
        growing.commit(400, ended=3)
        growing.close()
        stack.enter_context(served(tmp_path / "runs", port))
        expect(status).to_have_text("ended")
        expect(tab.locator("article")).to_contain_text("finished at 400")
        assert tab.evaluate("window.mark") == "the same document"
        tab.get_by_role("link", name="all stores").click()
        expect(tab.locator("tbody tr")).to_contain_text("3 of 3")
        grown(tmp_path / "runs" / "two", study="mine/other")
        expect(tab.get_by_role("link", name="mine/other")).to_be_visible()
    assert all("ERR_CONNECTION_REFUSED" in line for line in said), said


def test_what_the_server_refuses_is_no_lost_connection_and_a_failing_swap_is_not_repeated(
    tab: Page, tmp_path: Path
) -> None:
    growing = Growing(tmp_path / "one")
    growing.commit(0)
    growing.commit(100)
    asked = list[str]()
    tab.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    bar, status = tab.locator(".live"), tab.locator(".live [role=status]")
    with served(tmp_path / "one") as server:
        tab.goto(f"{server.url}/")
        expect(status).to_have_text("following")
        tab.route("**/version", lambda route: route.fulfill(status=500, body="out of paper\n"))
        expect(status).to_have_text("the server says: out of paper; trying again")
        expect(bar).to_have_attribute("data-state", "failed")
        tab.unroute("**/version")
        expect(status).to_have_text("following")
        mount = "window.groklab.mount"
        tab.evaluate(f"window.kept = {mount}; {mount} = () => {{ throw new Error('no') }}; true")
        growing.commit(200)
        expect(status).to_have_text("this commit could not be shown without a reload")
        tab.evaluate("document.querySelector('article').mark = 'the same'")
        asked.clear()
        for _ in range(2):
            with tab.expect_request("**/version"):
                pass
        assert set(asked) == {"version"}
        assert tab.evaluate("document.querySelector('article').mark") == "the same"
        tab.evaluate(f"{mount} = window.kept; true")
        growing.commit(300)
        expect(tab.locator("article")).to_contain_text("running at 300")
        expect(status).to_have_text("following")
    growing.close()


FRAMED = "<!doctype html><article>a page that may be framed</article>"


@contextmanager
def attacker(target: str) -> Iterator[str]:
    """A plain site of its own, without any policy, which frames `target` and a page that may be framed."""
    frames = f'<!doctype html><iframe src="/framed"></iframe><iframe src="{target}/"></iframe>'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (FRAMED if self.path == "/framed" else frames).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_another_site_reads_nothing_and_nothing_is_loaded_from_elsewhere(tab: Page, tmp_path: Path) -> None:
    root = grown(tmp_path / "one")
    urls = list[str]()
    tab.on("request", lambda request: urls.append(request.url))
    with served(root) as server, attacker(server.url) as other:
        tab.goto(f"{server.url}/")
        expect(tab.locator(".live")).to_have_attribute("data-state", "ended")
        assert urls
        assert all(url.startswith((f"{server.url}/", "data:", "blob:")) for url in urls)
        # The target is drawn by now, and its frames have come, or not, when the other page is loaded.
        urls.clear()
        tab.goto(f"{other}/")
        read = "(url) => fetch(url).then((answer) => answer.text(), () => 'refused')"
        assert tab.evaluate(read, "/framed") == FRAMED
        assert tab.evaluate(read, f"{server.url}/version") == "refused"
        assert tab.evaluate(read, f"{server.url}/") == "refused"
        assert f"{server.url}/" in urls
        assert [frame.locator("article").count() for frame in tab.frames[1:]] == [1, 0]
