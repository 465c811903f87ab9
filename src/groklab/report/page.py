"""One self-contained page: figures, tables and what draws them, in a file that opens offline."""

import html
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from groklab.errors import StoreError
from groklab.report.article import article
from groklab.report.library import plotly_deflated, policy, scripts, styles

if TYPE_CHECKING:
    from groklab.record import Record


def write_page(records: "Sequence[Record]", path: str | Path) -> Path:
    """Writes one page of all records to `path`, and returns it. An older page there is replaced in one step.

    Raises `StoreError` when the file cannot be written.
    """
    target = Path(path)
    text = page(records)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, prefix=".report-", suffix=".html", delete=False
        ) as draft:
            try:
                draft.write(text)
                draft.close()
                os.chmod(draft.name, 0o644)
                os.replace(draft.name, target)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StoreError(f"cannot write the page {target}: {error.strerror or error}; give another") from error
    return target


def page(records: "Sequence[Record]") -> str:
    """The page's HTML. Its script takes an article to life by `groklab.mount` and leaves it by `groklab.unmount`."""
    names = [f"{record.study}, {record.scale} scale" for record in records]
    title = names[0] if len(names) == 1 else f"{len(names)} studies"
    links = "".join(
        f'<a href="#study-{index}">{html.escape(f"{name} ({record.path.name})")}</a>'
        for index, (name, record) in enumerate(zip(names, records, strict=True))
    )
    menu = f'<nav aria-label="studies">{links}</nav>' if len(names) > 1 else ""
    articles = "".join(article(index, record, len(records)) for index, record in enumerate(records))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy()}">
<title>{html.escape(title)} · groklab</title>
<link rel="icon" href="data:,">
<style>{styles()}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top"><p class="brand">groklab</p>{menu}
<button type="button" class="theme" hidden>dark</button></header>
<main id="content" tabindex="-1"><h1 class="sr">{html.escape(title)}</h1>{articles}</main>
<noscript><p class="note">The curves need JavaScript; the tables do not.</p></noscript>
<script type="text/plain" id="plotly">{plotly_deflated()}</script>
<script>{scripts()}</script>
</body>
</html>
"""
