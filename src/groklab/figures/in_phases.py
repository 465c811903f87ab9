"""The phases of a run behind its curves, and its losses over them (Nanda et al. 2023, section 5.2)."""

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from groklab.curves import Boundary, Phases
from groklab.figures.look import over_steps, see_through, sheet
from groklab.figures.reading import first_of, known, one_run, phases_of
from groklab.style import DASHES, OKABE_ITO

if TYPE_CHECKING:
    from groklab.record import Record

LOSSES = {
    "train_loss": ("train", OKABE_ITO[0]),
    "test_loss": ("test", OKABE_ITO[1]),
    "restricted_loss": ("restricted, all pairs", OKABE_ITO[2]),
    "restricted_loss_test": ("restricted, test pairs", OKABE_ITO[2]),
    "excluded_loss": ("excluded, train pairs", OKABE_ITO[3]),
}
"""Word and colour of every loss, the same in all figures."""
RESTRICTED = ("restricted_loss", "restricted_loss_test")
"""The restricted losses, the first of which that was measured is shown."""
SHADES = {"memorisation": OKABE_ITO[4], "circuit formation": OKABE_ITO[5], "clean-up": OKABE_ITO[2]}
"""Colours of the three phases."""


def phases_curves(record: "Record", run: int = 0) -> go.Figure:
    """Train, test, restricted and excluded loss of a run, in nats on a logarithmic axis, over its three phases.

    Figure 7 of Nanda et al. 2023, upper half, in one panel; phases are those of `groklab.curves.find_phases`, a darker
    stripe being how far a boundary moves when the rule's constants are halved or doubled. Reads `train_loss`,
    `test_loss`, and where they were measured `restricted_loss` (else `restricted_loss_test`) and `excluded_loss`.
    Raises `Mistake` for a run without the first two.
    """
    one = one_run(record, run, ("train_loss", "test_loss"))
    figure = sheet()
    phases = phases_of(one)
    shade(figure, phases, float(one["step"].values[-1]))
    shown = ("train_loss", "test_loss", first_of(one, RESTRICTED), first_of(one, ("excluded_loss",)))
    for name, dash in zip(shown, DASHES, strict=True):
        if name in one:
            steps, values = known(one[name])
            word, colour = LOSSES[name]
            add_line(figure, steps, values, word, colour, dash=dash, unit="nats", run=run)
    over_steps(figure)
    figure.update_yaxes(title_text="loss (nats)", type="log", exponentformat="power")
    return figure.update_layout(meta={"run": run, "alt": f"Losses of run {run} over training. {in_words(phases)}"})


def add_line(
    figure: go.Figure, steps: object, values: object, word: str, colour: str, *,
    dash: str = "solid", unit: str = "", run: int | None = None, legend: bool = True, row: int = 1, column: int = 1,
) -> None:  # fmt: skip
    """One curve over training, with its word in the legend and under the pointer."""
    figure.add_scatter(
        x=steps,
        y=values,
        mode="lines",
        name=word,
        legendgroup=word,
        showlegend=legend,
        line={"color": colour, "dash": dash, "width": 2},
        hovertemplate=f"<b>{word}</b><br>%{{y:.4g}} {unit}<br>step %{{x:,}}<extra></extra>",
        meta=None if run is None else {"run": run},
        row=row,
        col=column,
    )


def shade(figure: go.Figure, phases: Phases, last: float) -> None:
    """Shades the phases behind every panel, and names those that there are in the legend; `last` is the last step.

    A grey stripe says how far a boundary moves by the rule's constants.
    """
    for name, colour, begin, end in spans(phases, last):
        _stripe(figure, begin, end, see_through(colour, 0.16))
        marker = {"color": see_through(colour, 0.4), "symbol": "square", "size": 11}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, hoverinfo="skip")
    for boundary in boundaries(phases):
        _stripe(figure, boundary.low, boundary.high, "rgba(128, 128, 128, 0.14)")


def _stripe(figure: go.Figure, begin: float, end: float, colour: str) -> None:
    figure.add_vrect(
        x0=begin, x1=end, fillcolor=colour, line_width=0, layer="below", row="all", col="all",
        exclude_empty_subplots=False,
    )  # fmt: skip


def spans(phases: Phases, last: float) -> list[tuple[str, str, float, float]]:
    """Name, colour, first and last step of every phase that there is; one without an end goes on to `last`."""
    each = (phases.memorisation, phases.circuit_formation, phases.clean_up)
    return [
        (name, colour, phase.begin.step, last if phase.end is None else phase.end.step)
        for (name, colour), phase in zip(SHADES.items(), each, strict=True)
        if phase.begin is not None
    ]


def boundaries(phases: Phases) -> list[Boundary]:
    """Where one phase gives way to the next, and where the last one ends."""
    found = (phases.memorisation.end, phases.clean_up.begin, phases.clean_up.end)
    return [boundary for boundary in found if boundary is not None]


def in_words(phases: Phases) -> str:
    """The phases in a sentence each, with their steps and how sure those are."""
    each = (phases.memorisation, phases.circuit_formation, phases.clean_up)
    return " ".join(
        _phase(name, phase.begin, phase.end, phase.reason) for name, phase in zip(SHADES, each, strict=True)
    )


def _phase(name: str, begin: Boundary | None, end: Boundary | None, reason: str) -> str:
    said = f"{name[0].upper()}{name[1:]}"
    if begin is None:
        return f"{said}: none, as {reason}."
    if end is None:
        return f"{said}: from step {begin.step:,.0f} on; {reason}."
    return f"{said}: step {begin.step:,.0f} to {end.step:,.0f} ({end.low:,.0f} to {end.high:,.0f})."
