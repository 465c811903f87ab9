"""Figures as SVG or PDF at print size, drawn by Plotly in a browser without a window."""

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from groklab.errors import Mistake
from groklab.figures.look import layout_of
from groklab.figures.sizes import MM, Format

if TYPE_CHECKING:
    from kaleido._utils.fig_tools import LayoutOpts

NEEDS = (
    "printing figures takes the package kaleido and a Chrome or Chromium browser, and {} is missing: "
    "pip install 'groklab[figures]', and install Chromium (or run kaleido_get_chrome, or set BROWSER_PATH)"
)


def printed(figures: Sequence[go.Figure], form: Format = "svg") -> list[bytes]:
    """The files of figures that have a width and a height (`for_print`), one browser for all of them.

    The same figure gives the same SVG; its size is said in mm. Raises `Mistake` where the package kaleido or a
    browser is missing, and when the browser cannot draw.
    """
    if find_spec("kaleido") is None:
        raise Mistake(NEEDS.format("the package"))
    if not figures:
        return []
    # A thread of its own: where this is called an event loop may be running.
    with ThreadPoolExecutor(1) as thread:
        drawn = thread.submit(asyncio.run, _drawn(figures, form)).result()
    return [_settled(one, figure) if form == "svg" else one for one, figure in zip(drawn, figures, strict=True)]


async def _drawn(figures: Sequence[go.Figure], form: Format) -> list[bytes]:
    from choreographer.errors import BrowserFailedError, ChromeNotFoundError
    from kaleido import Kaleido

    try:
        # Without MathJax nothing is asked of the network; Plotly is the installed package's.
        async with Kaleido(n=1, mathjax=False) as browser:
            return [await browser.calc_fig(figure, opts=_options(figure, form)) for figure in figures]
    except ChromeNotFoundError:
        raise Mistake(NEEDS.format("the browser")) from None
    except (BrowserFailedError, TimeoutError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise Mistake(
            f"the browser could not draw the figures: {said}; try again, or another with BROWSER_PATH"
        ) from error


def _options(figure: go.Figure, form: Format) -> "LayoutOpts":
    layout = layout_of(figure)
    return {"format": form, "width": layout.width, "height": layout.height, "scale": 1}


def _settled(svg: bytes, figure: go.Figure) -> bytes:
    """An SVG with its size in mm, and with fixed identifiers in the place of Plotly's random ones."""
    text = svg.decode()
    width, height = (f"{size / MM:.1f}mm" for size in (layout_of(figure).width, layout_of(figure).height))
    text = re.sub(
        r'(<svg[^>]*?) width="[\d.]+" height="[\d.]+"', rf'\1 width="{width}" height="{height}"', text, count=1
    )
    drawn = re.search(r'id="defs-([0-9a-f]{6})"', text)
    if drawn:
        text = re.sub(rf"(?<=[a-z-]){drawn[1]}", "groklab", text)
    return text.encode()
