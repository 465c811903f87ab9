"""The list of all stores of a folder, as a page."""

import html
from collections.abc import Mapping
from datetime import UTC
from urllib.parse import quote

from groklab.serve.live_page import INDEX_POLICY, beside
from groklab.serve.state import State

COLUMNS = ("study", "runs ended", "last commit", "scale", "folder")


def index_page(title: str, states: Mapping[str, State]) -> str:
    """A row a store, by its place in the folder: what it is, how far it is, and the link to its page."""
    rows = "".join(_row(name, state) for name, state in sorted(states.items()))
    heads = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    table = (
        '<div class="wide" role="region" aria-label="stores" tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        if rows
        else "<p>There is no store and no kept result in the folder now.</p>"
    )
    count = f"{len(states)} {'store' if len(states) == 1 else 'stores'}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{INDEX_POLICY}">
<title>{html.escape(title)} · groklab</title>
<link rel="icon" href="data:,">
<style>{beside("index.css")}</style>
</head>
<body>
<main><article id="stores">
<header><p class="eyebrow">groklab</p><h1>{html.escape(title)}</h1><p class="lead">{count}</p></header>
{table}
</article></main>
</body>
</html>
"""


def address(name: str) -> str:
    """A store's place as a part of an address, whatever bytes are in it."""
    return quote(name.encode("utf-8", "surrogateescape"))


def _row(name: str, state: State) -> str:
    folder = f'<td class="folder"><code>{html.escape(name)}</code></td>'
    if state.problem:
        return f'<tr><td colspan="{len(COLUMNS) - 1}" class="bad">{html.escape(state.problem)}</td>{folder}</tr>'
    link = f'<a href="{address(name)}/">{html.escape(state.study)}</a>'
    share = f'<progress max="{max(1, state.runs)}" value="{state.ended}" aria-hidden="true"></progress>'
    return (
        f'<tr><td>{link}</td><td class="runs">{share} {state.ended} of {state.runs}</td><td>{_when(state)}</td>'
        f"<td>{html.escape(state.scale)}</td>{folder}</tr>"
    )


def _when(state: State) -> str:
    if state.committed is None:
        return "none yet"
    when = state.committed.astimezone(UTC)
    return f'<time class="ago" datetime="{when.isoformat(timespec="seconds")}">{when:%Y-%m-%d %H:%M} UTC</time>'
