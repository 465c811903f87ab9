"""The page of a store and of a made-up sweep, opened in a real browser from a file, without network."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import groklab
from fake_record import FakeRecord
from fake_sweep import sweep, with_excluded_loss
from groklab.report import write_page
from kept_networks import grokking_runs, store_networks

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
STORE, SWEEP = "#study-0", "#study-1"
PLOT = "([figure]) => { const plot = document.querySelector(figure + ' .plot'); return "
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page was NOT opened in a browser")


class Opened:
    """The page in the browser, with the records that it shows."""

    def __init__(self, context: Any, file: Path, store: groklab.Record, made_up: FakeRecord) -> None:
        self.file, self.store, self.sweep, self.context = file, store, made_up, context
        self.messages: list[str] = []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))

    def go(self, fragment: str = "") -> None:
        """Opens the page anew, and waits until both articles live."""
        self.page.goto("about:blank")
        self.page.goto(self.file.as_uri() + fragment)
        self.until(lambda: self.page.evaluate("[...document.querySelectorAll('article')].every((one) => one.page)"))
        self.until(lambda: self.page.evaluate("!!document.querySelector('#study-0 .explorer-bar')"))

    def until(self, true: Callable[[], Any], within: float = 20_000) -> Any:
        """Waits for what `true` asks; the page's policy forbids Playwright's own waiting for a function."""
        for _ in range(int(within / 50)):
            found = true()
            if found:
                return found
            self.page.wait_for_timeout(50)
        raise AssertionError("waited in vain")

    def figure(self, place: str) -> None:
        """Brings a figure into view, and waits until it is drawn."""
        self.page.locator(place).scroll_into_view_if_needed()
        self.until(lambda: self.page.evaluate(PLOT + "!!plot.data && !!plot.querySelector('.main-svg') }", [place]))

    def shapes(self, place: str) -> dict[str, tuple[float, float]]:
        """The figure's shapes: from where to where along the steps, by name."""
        found = self.page.evaluate(PLOT + "plot.layout.shapes.map((one) => [one.name, one.x0, one.x1]) }", [place])
        return {name: (first, last) for name, first, last in found}

    def shown(self, place: str) -> set[int]:
        """The runs whose curves are seen."""
        script = PLOT + "plot.data.filter((one) => one.visible === true).map((one) => one.meta.run) }"
        return set(self.page.evaluate(script, [place]))

    def save(self, place: str, kind: str) -> bytes:
        with self.page.expect_download() as waited:
            self.page.locator(f"{place} .save button", has_text=kind).click()
        assert waited.value.suggested_filename.endswith(f".{kind.lower()}")
        return Path(waited.value.path()).read_bytes()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """One page of a store with networks and a made-up sweep. No message may come from it, in any test."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("browser")
    store, made_up = groklab.open(store_networks(folder / "store", *grokking_runs())), with_excluded_loss(sweep())
    file = write_page([store, made_up], folder / "report.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(
            viewport={"width": 1200, "height": 900}, offline=True, color_scheme="light", reduced_motion="reduce"
        )
        one = Opened(context, file, store, made_up)
        one.go()
        yield one
        assert one.messages == []
        browser.close()
