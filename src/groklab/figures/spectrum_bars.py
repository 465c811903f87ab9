"""The spectra of the embedding and of the neuron-logit map at one step, with the key frequencies marked."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from groklab.errors import Mistake
from groklab.figures.look import GREY, sheet
from groklab.figures.reading import key_frequencies, one_run
from groklab.style import OKABE_ITO

if TYPE_CHECKING:
    from groklab.record import Record

WORDS = {"embedding_norm": "embedding W<sub>E</sub>", "neuron_logit_norm": "neuron-logit map W<sub>L</sub>"}


def spectra(record: "Record", run: int = 0, step: int = -1) -> go.Figure:
    """Norms of the Fourier components of W_E and of W_L by frequency, at a logged step (-1 for the last).

    Figure 3 (left) and the spectrum of W_L in figure 4 of Nanda et al. 2023, cos and sin of a frequency merged. Key
    frequencies, those of the final network where the store has `key_frequency`, are orange and have their number on
    the bar. Reads `embedding_norm`, and `neuron_logit_norm` where there are neurons. Raises `Mistake` for a run
    without spectra, or a step at which none was logged.
    """
    one = one_run(record, run, ("embedding_norm",))
    names = [name for name in WORDS if name in one and bool(one[name].notnull().any())]
    place, at = _place(one["embedding_norm"].values, one["step"].values, step)
    labels: list[int | str] = one["frequency"].values.tolist()
    key = key_frequencies(one)
    figure = sheet(len(names), 1, shared_xaxes=True, vertical_spacing=0.08)
    for row, name in enumerate(names, start=1):
        norms = one[name].values[place].astype(float)
        for marked, word, colour in ((False, "other frequencies", GREY), (True, "key frequencies", OKABE_ITO[1])):
            chosen = [index for index, label in enumerate(labels) if (label in key) == marked]
            figure.add_bar(
                x=[labels[index] for index in chosen],
                y=norms[chosen],
                name=word,
                legendgroup=word,
                showlegend=row == 1 and bool(key),
                width=0.8,
                marker={"color": colour, "line": {"width": 0}},
                text=[str(labels[index]) for index in chosen] if marked else None,
                textposition="outside",
                textangle=0,
                constraintext="none",
                cliponaxis=False,
                hovertemplate=f"{WORDS[name]}<br>k %{{x}}: norm %{{y:.4g}}<extra></extra>",
                meta={"variable": name, "key": marked},
                row=row,
                col=1,
            )
        figure.update_yaxes(title_text=f"norm, {WORDS[name]}", rangemode="tozero", row=row, col=1)
    figure.update_xaxes(title_text="frequency k (index)", row=len(names), col=1)
    figure.update_xaxes(showgrid=False)
    said = ", ".join(map(str, key)) or "none"
    alt = f"Fourier spectra of run {run} at step {at:,}; key frequencies: {said}."
    return figure.update_layout(
        barmode="overlay", meta={"run": run, "step": at, "alt": alt, "rows": len(names), "columns": 1}
    )


def _place(values: np.ndarray, steps: np.ndarray, step: int) -> tuple[int, int]:
    """Place and number of the step asked for among those logged."""
    logged = np.flatnonzero(np.isfinite(values).any(axis=1))
    if step == -1:
        return int(logged[-1]), int(steps[logged[-1]])
    if step not in steps[logged]:
        near = steps[logged][np.argsort(np.abs(steps[logged] - step), kind="stable")[:3]]
        raise Mistake(f"no spectrum was logged at step {step}; the nearest are at {', '.join(map(str, np.sort(near)))}")
    return int(np.flatnonzero(steps == step)[0]), step
