"""What norm memorising and generalising networks need for the same logit (Varma et al. 2023, figure 3)."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from groklab.errors import Mistake
from groklab.figures.arms import ended
from groklab.figures.look import logarithmic, sheet
from groklab.studies.reading import Reading
from groklab.studies.varma._efficiency import Network, Strength, crossing, networks
from groklab.theory import CriticalSize

if TYPE_CHECKING:
    from groklab.record import Record

LINES = 3
"""Iso-logit curves of each circuit."""
SCALE = "Viridis"


def iso_logit(record: "Record", strength: Strength = "correct logit") -> go.Figure:
    """Parameter norm against training-set size of memorising and of generalising networks, by their logit.

    Figure 3 of Varma et al. 2023: a point a network, its colour the mean logit of the label over the train pairs
    (`strength` "margin": that logit minus the largest other one), and lines of equal logit by least squares in
    logarithms, log norm = a + b log size + c log logit for Mem and log norm = a' + c' log logit for Gen
    (`groklab.theory.critical_size`). Reads what the study `varma/efficiency` does: `train_accuracy`, `train_margin`,
    `sum_of_squares`, `trig_share`, `gen_logit`, `mem_logit`. Raises `Mistake` where there are not both kinds.
    """
    read = Reading(record)
    known = "train_size" in read.metrics.coords
    over = np.flatnonzero(ended(read)).tolist() if known else []
    found = [one for one in networks(read, over) if one.strength(strength) > 0] if over else []
    fit = crossing(found, strength)
    if fit is None:
        kinds = {gen: sum(one.gen == gen for one in found) for gen in (False, True)}
        raise Mistake(
            f"iso-logit curves take networks that memorise random labels and networks that generalise, of several "
            f"sizes and norms; {record.path} has {kinds[False]} and {kinds[True]}: they are those of varma/efficiency"
        )
    logs = np.log([one.strength(strength) for one in found])
    low, high = float(logs.min()), float(logs.max())
    titles = ["Mem (random labels)", "Gen (trigonometric)"]
    figure = sheet(1, 2, shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.04)
    for column, gen in ((1, False), (2, True)):
        kind = [one for one in found if one.gen == gen]
        _points(figure, kind, strength, (low, high), column)
        for level in levels([one.strength(strength) for one in kind]):
            sizes, norms = line(fit, kind, level, gen=gen)
            share = (math.log(level) - low) / (high - low) if high > low else 0.5
            (colour,) = sample_colorscale(SCALE, [share])
            figure.add_scatter(
                x=sizes,
                y=norms,
                mode="lines",
                line={"color": colour, "width": 1.5},
                name=f"{strength} {level:.3g}",
                showlegend=False,
                hovertemplate=f"{strength} {level:.3g} nats<br>%{{x:,.0f}} pairs: norm %{{y:.4g}}<extra></extra>",
                meta={"gen": gen, "level": level},
                row=1,
                col=column,
            )
        sizes = [one.size for one in kind]
        figure.update_xaxes(logarithmic(min(sizes), max(sizes)), row=1, col=column)
        figure.update_xaxes(title_text="training set (pairs)", row=1, col=column)
    figure.update_yaxes(logarithmic(min(one.norm for one in found), max(one.norm for one in found)))
    figure.update_yaxes(title_text="parameter norm (pure number)", row=1, col=1)
    slopes = "; ".join(
        f"{name}: log norm grows by {slope.value:.3g} ({slope.low:.3g} to {slope.high:.3g}) per log size"
        for name, slope in (("Mem", fit.mem_slope), ("Gen", fit.gen_slope))
    )
    return figure.update_layout(showlegend=False, meta={"alt": f"{slopes}. {fit.sentence}.", "rows": 1, "columns": 2})


def levels(strengths: Sequence[float]) -> list[float]:
    """The logits of the lines: evenly spaced in their logarithm over the middle nine tenths of what there is."""
    low, high = np.quantile(np.log(strengths), [0.05, 0.95])
    return np.exp(np.unique(np.linspace(low, high, LINES))).tolist()


def line(fit: CriticalSize, kind: Sequence[Network], level: float, *, gen: bool) -> tuple[np.ndarray, np.ndarray]:
    """Sizes, and the norm that the fit says a kind needs there for a logit."""
    sizes = np.array([one.size for one in kind])
    at = np.geomspace(sizes.min(), sizes.max(), 25)
    exponent = (fit.gen_exponent if gen else fit.mem_exponent).value
    known = np.array(fit.curves)
    norms = known[:, 2 if gen else 1]
    # A straight line in logarithms, known at two sizes and one logit.
    slope = 0.0 if gen else math.log(norms[-1] / norms[0]) / math.log(known[-1, 0] / known[0, 0])
    return at, norms[0] * (at / known[0, 0]) ** slope * (level / fit.at) ** exponent


def _points(
    figure: go.Figure, kind: Sequence[Network], strength: Strength, span: tuple[float, float], column: int
) -> None:
    values = [one.strength(strength) for one in kind]
    ticks = np.exp(np.linspace(*span, 4))
    bar = {
        "title": {"text": f"{strength} (nats)", "side": "right"},
        "tickvals": np.log(ticks).tolist(),
        "ticktext": [f"{tick:.3g}" for tick in ticks],
        "thickness": 12,
        "outlinewidth": 0,
    }
    marker: dict[str, object] = {
        "color": np.log(values).tolist(),
        "colorscale": SCALE,
        "cmin": span[0],
        "cmax": span[1],
    }
    if column == 2:
        marker["colorbar"] = bar
    figure.add_scatter(
        x=[one.size for one in kind],
        y=[one.norm for one in kind],
        mode="markers",
        marker=marker | {"size": 7, "opacity": 0.75},
        text=[
            f"seed {one.run.seed}, decay {one.run.optimiser.weight_decay:g}<br>{strength} {value:.3g} nats"
            for one, value in zip(kind, values, strict=True)
        ],
        hovertemplate="%{text}<br>%{x:,} pairs: norm %{y:.4g}<extra></extra>",
        meta={"gen": column == 2},
        row=1,
        col=column,
    )
