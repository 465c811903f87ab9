"""What is drawn of many runs together: how they end by size, at what norm, and when they grok."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from groklab.errors import Mistake
from groklab.report.panel import Panel

if TYPE_CHECKING:
    from groklab.record import Record

GROUP = "Over all runs"
"""The heading they stand under."""


def sweep_panels(record: "Record") -> Iterator[Panel]:
    """The figures of `groklab.figures` that this record has the runs and the measures for."""
    from groklab import figures

    known = (
        ("size-transition", "Final accuracy against training-set size", figures.size_transition, ("x",)),
        ("iso-logit", "Parameter norm at equal logits", figures.iso_logit, ("x", "y")),
        ("survival", "Networks that have not grokked yet", figures.grokking_survival, ("x",)),
    )
    for name, title, draw, axes in known:
        try:
            figure = draw(record)
        except Mistake:
            continue
        caption = _first_sentences(draw.__doc__ or "")
        yield Panel(name=name, group=GROUP, title=title, caption=caption, figure=figure, axes=axes, legend=True)


def _first_sentences(text: str) -> str:
    """A docstring's first paragraph on one line, without the marks of code."""
    return " ".join(text.strip().split("\n\n")[0].split()).replace("`", "")
