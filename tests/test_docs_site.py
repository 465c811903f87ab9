"""The documentation site: built strictly, whole, and without a single thing fetched from elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it: links and anchors that lead nowhere are errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=quiet, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Page(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "preconnect", "modulepreload"):
            self.loads.append(given["href"])
        if LOADED.get(tag) in given:
            self.loads.append(given[LOADED[tag]])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_every_page_is_there(site: Path) -> None:
    written = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    missing = {path for path in written if path.name != "README.html"} - built
    assert missing == set()
    assert Path("studies/index.html") in built
    assert {Path(f"api/groklab.{room}.html") for room in ("circuits", "curves", "measures", "training")} < built


def test_pages_in_folders_are_in_the_navigation(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    for path in [*(ROOT / "docs/studies").rglob("*.md"), *(ROOT / "docs/tutorials").glob("*.md")]:
        place = path.relative_to(ROOT / "docs").with_suffix(".html").as_posix().replace("README", "index")
        assert f'href="{place}"' in text, place


def test_nothing_is_loaded_from_outside(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for address in page.loads:
            assert not re.match(r"(?:[a-z]+:)?//", address), f"{path} loads {address}"
            if not address.startswith(("data:", "/")):
                assert (path.parent / address.partition("?")[0].partition("#")[0]).resolve().is_file(), address
    for path in site.rglob("*.css"):
        found = re.findall(r"""(?:@import\s*|url\()["']?([^"')]+)""", path.read_text(encoding="utf-8"))
        assert [address for address in found if re.match(r"(?:https?:)?//", address)] == [], path


def test_links_lead_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    count = 0
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            place, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            target = (path.parent / place).resolve() if place else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path.relative_to(site)} links to {link}"
            if anchor and target in pages:
                assert anchor in pages[target].anchors, f"{path.relative_to(site)} links to {link}"
                count += 1
    assert count > 100


def test_public_names_stand_on_the_page_of_their_package(site: Path) -> None:
    for package, names in {
        "groklab": ("open", "run", "Record", "Run", "Mistake"),
        "groklab.curves": ("find_phases", "kaplan_meier"),
        "groklab.training": ("OptimiserSettings", "Schedule"),
        "groklab.findings": ("by_seeds", "Claim"),
    }.items():
        text = (site / "api" / f"{package}.html").read_text(encoding="utf-8")
        for name in names:
            assert re.search(rf'<h2 id="groklab[\w.]*\.{name}"', text), f"{package}.{name}"


@pytest.fixture(scope="module")
def requested(site: Path) -> tuple[list[str], list[str], dict[str, str]]:
    """All that Chromium asked for and said while pages were looked at and searched, and what was seen."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here: the site was not looked at in a browser")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    asked: list[str] = []
    said: list[str] = []
    seen: dict[str, str] = {}
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=[*flags, "--disable-sync", "--no-first-run"])
        page = chromium.new_page(color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for place in ("architecture.html", "api/groklab.curves.html", "science/circuit.html"):
            page.goto((site / place).as_uri())
        seen["scheme"] = page.locator("body").get_attribute("data-md-color-scheme") or ""
        seen["drawn"] = str(page.evaluate("[...document.images].every(image => image.naturalWidth > 0)"))
        page.locator(".md-search__input").click()
        page.keyboard.type("semi-grokking")
        page.locator(".md-search-result__item a").first.wait_for()
        seen["found"] = page.locator(".md-search-result__list").inner_text()
        chromium.close()
    return asked, said, seen


def test_a_browser_asks_for_nothing_outside_and_has_nothing_to_say(
    requested: tuple[list[str], list[str], dict[str, str]], site: Path
) -> None:
    asked, said, _ = requested
    assert len(asked) > 10
    assert [address for address in asked if not address.startswith((site.as_uri(), "data:", "blob:", "about:"))] == []
    assert said == []


def test_search_works_from_a_file_and_the_dark_is_dark(
    requested: tuple[list[str], list[str], dict[str, str]],
) -> None:
    _, _, seen = requested
    assert seen["scheme"] == "slate"
    assert seen["drawn"] == "True"
    assert "Semi-grokking" in seen["found"]
