"""A figure's frame: heading, controls, the place for the picture, and what it says in words."""

import html
from typing import Any

from groklab.report.alternative import in_words
from groklab.report.panel import Panel


def frame(place: str, panel: Panel) -> str:
    """The frame of a figure whose picture the page's script draws from the packed data."""
    layout: Any = panel.figure.layout
    meta = dict(layout.meta or {})
    controls = [_axis_buttons(axis, _axis_type(panel, axis), bool(meta.get("training"))) for axis in panel.axes]
    if meta.get("options"):
        options = "".join(
            f'<option value="{number}">{html.escape(option)}</option>' for number, option in enumerate(meta["options"])
        )
        kind = html.escape(str(meta["choice"]))
        controls.append(f'<label>{kind} <select data-choice="{kind}">{options}</select></label>')
    lines = "".join(
        f'<span class="key"><i class="{dash}" aria-hidden="true"></i>{html.escape(word)}</span>'
        for word, dash in meta.get("lines", {}).items()
    )
    keys = f'<span class="keys">{lines}</span>' if lines else ""
    marks = ' data-training="true"' if meta.get("training") else ""
    marks += ' data-legend="true"' if panel.legend else ""
    title = html.escape(panel.title)
    return f"""<figure id="{place}-{panel.name}" data-name="{html.escape(panel.name)}"{marks}>
<div class="head"><h4>{title}</h4></div>
<div class="controls">{"".join(controls)}{keys}</div>
<div class="plot" role="img" aria-label="{title}" aria-describedby="{place}-{panel.name}-words"></div>
<figcaption>{html.escape(panel.caption)}</figcaption>
<p class="sr" id="{place}-{panel.name}-words">{html.escape(in_words(panel))}</p>
</figure>
"""


def grid(place: str, panels: list[Panel]) -> str:
    """Frames side by side."""
    return f'<div class="grid">{"".join(frame(place, panel) for panel in panels)}</div>'


def _axis_type(panel: Panel, axis: str) -> str:
    return str(panel.figure.layout[f"{axis}axis"]["type"] or "linear")


def _axis_buttons(axis: str, now: str, training: bool) -> str:
    name = ("step" if training else "across") if axis == "x" else "value"
    buttons = "".join(
        f'<button type="button" data-axis="{axis}" data-type="{kind}" '
        f'aria-pressed="{str(kind == now).lower()}">{kind}</button>'
        for kind in ("linear", "log")
    )
    return f'<span class="switch" role="group" aria-label="{name} axis">{name} {buttons}</span>'
