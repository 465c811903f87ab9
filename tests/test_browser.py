"""The report opened from a file in a real browser: drawn, without a word on the console, without the network."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fake_record import fake_record
from groklab.report import write_page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the page was NOT opened in a browser")
def test_the_page_draws_in_a_browser_without_a_message(tmp_path: Path) -> None:
    page = write_page([fake_record()], tmp_path / "report.html")
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--window-size=1200,4000",
            "--virtual-time-budget=8000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    messages = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert messages == []
    drawn = len(re.findall(r'<svg class="main-svg"', done.stdout))
    assert drawn >= 4
    assert re.search(r'<path class="js-line" d="M', done.stdout)
