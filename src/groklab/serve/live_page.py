"""The page of a report, made to follow its store: what is added to it, and what a browser may then do."""

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")([^"]*)(")')
INDEX_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Page:
    """A page ready to be sent."""

    version: str
    """Of the store that it shows."""
    body: bytes
    policy: str
    """What the browser may do with it: a Content-Security-Policy."""
    tag: str
    """Names exactly this page: an entity tag."""


def live(text: str, version: str, up: str | None = None) -> Page:
    """A page that follows its store: it asks for `version` beside it, and takes the new articles when it changed.

    `text` is a whole HTML page with its policy in a `meta`, as `groklab report` writes it; `up` the relative address
    of the index, where there is one. Raises `ValueError` for a page without a policy, head or body.
    """
    match = POLICY.search(text)
    head, body = text.find("</head>"), text.rfind("</body>")
    if match is None or not 0 <= match.start() < head < body:
        raise ValueError("the page has no policy, no head or no body to add to")
    script = beside("live.js")
    policy = _following(html.unescape(match[2]), script)
    frame = _frame(text)
    added = (
        f'<meta name="groklab-version" content="{version}"><meta name="groklab-frame" content="{frame}">'
        f"<style>{beside('live.css')}</style>\n"
    )
    link = f'<a href="{html.escape(up)}">all stores</a>' if up is not None else ""
    bar = (
        f'<aside class="live" aria-label="live">{link}<span class="live-state"><span role="status"></span>'
        f'<span class="live-age"></span></span></aside>\n<script>{script}</script>\n'
    )
    whole = "".join(
        (
            text[: match.start(2)],
            html.escape(policy),
            text[match.end(2) : head],
            added,
            text[head:body],
            bar,
            text[body:],
        )
    )
    data = whole.encode("utf-8", "replace")
    tag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
    # Only a header can say who may put the page into a frame.
    return Page(version, data, f"{policy}; frame-ancestors 'none'", tag)


@cache
def beside(name: str) -> str:
    """The text of a file of this folder."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _following(policy: str, script: str) -> str:
    """The policy, with requests to the server itself allowed, and the script that makes them."""
    parts = [part.split() for part in policy.split(";") if part.strip()]
    directives = {name: values for name, *values in parts}
    scripts = directives.setdefault("script-src", [])
    if "'unsafe-inline'" not in scripts:
        scripts.append(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'")
    directives["connect-src"] = ["'self'"]
    return "; ".join(" ".join((name, *values)) for name, values in directives.items())


def _frame(text: str) -> str:
    """Names what is around the articles: scripts and styles. Where it differs, articles alone are not enough."""
    first, last = text.find("<main"), text.rfind("</main>")
    around = text[:first] + text[last:] + beside("live.js") + beside("live.css")
    return hashlib.sha256(around.encode("utf-8", "replace")).hexdigest()[:16]
