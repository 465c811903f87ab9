"""What a page brings with it: the scripts and the style sheets of this folder, and Plotly, deflated."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from plotly.offline import get_plotlyjs

from groklab.report.packing import deflated

HERE = Path(__file__).parent


def scripts() -> str:
    """All of `js/` as one script, by name, with `start.js` last. Its files see each other's names."""
    files = sorted(HERE.joinpath("js").glob("*.js"), key=lambda file: (file.name == "start.js", file.name))
    texts = [file.read_text(encoding="utf-8") for file in files]
    return '(() => {\n"use strict";\n' + "\n".join(texts) + "\n})();\n"


def styles() -> str:
    """All of `css/`: `base.css`, then the others by name."""
    files = sorted(HERE.joinpath("css").glob("*.css"), key=lambda file: (file.name != "base.css", file.name))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@cache
def plotly_deflated() -> str:
    """The library that draws the curves, for `inflate` in `js/unpack.js`; about 1.9 MB of text."""
    return deflated(get_plotlyjs().encode())


@cache
def _plotly_hash() -> str:
    return _hash(get_plotlyjs())


def policy() -> str:
    """What a browser may run and load: the page's own script and Plotly, by their hashes; nothing from outside."""
    return (
        f"default-src 'none'; script-src {_hash(scripts())} {_plotly_hash()}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
