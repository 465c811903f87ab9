"""The logits' cosine coefficients over training."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from groklab.figures.look import GREY, over_steps, sheet
from groklab.figures.reading import key_frequencies, known, one_run
from groklab.style import DASHES, colours

if TYPE_CHECKING:
    from groklab.record import Record


def logit_cosines(record: "Record", run: int = 0) -> go.Figure:
    """The coefficient of cos w_k(a + b - c) in a run's logits over training, a line a frequency, in nats.

    The logits' form of Nanda et al. 2023, section 4.1, seen to grow: key frequencies in colour, the others in grey.
    Reads `logit_cosine`, and `key_frequency` (else the outliers of the last spectrum of W_L). Raises `Mistake` for a
    run without the coefficients.
    """
    one = one_run(record, run, ("logit_cosine",))
    key = key_frequencies(one)
    labels: list[int | str] = one["frequency"].values.tolist()
    figure = sheet()
    ordered = [label for label in labels if label not in key] + key
    palette = dict(zip(key, colours(len(key)), strict=True))
    for label in ordered:
        steps, values = known(one["logit_cosine"].isel(frequency=labels.index(label)))
        place = key.index(label) if label in key else -1
        figure.add_scatter(
            x=steps,
            y=values,
            mode="lines",
            name=f"k = {label}",
            showlegend=label in key,
            line={"color": palette[label], "width": 2, "dash": DASHES[place % len(DASHES)]}
            if label in key
            else {"color": GREY, "width": 0.8},
            opacity=1 if label in key else 0.6,
            hovertemplate=f"<b>k = {label}</b><br>%{{y:.4g}} nats<br>step %{{x:,}}<extra></extra>",
            meta={"frequency": label, "key": label in key},
        )
    over_steps(figure)
    figure.update_yaxes(title_text="coefficient of cos w<sub>k</sub>(a+b−c) (nats)", zeroline=False)
    last = {label: known(one["logit_cosine"].isel(frequency=labels.index(label)))[1] for label in key}
    said = ", ".join(f"k = {label} ends at {values[-1]:.3g} nats" for label, values in last.items() if len(values))
    others = [known(one["logit_cosine"].isel(frequency=labels.index(one_)))[1] for one_ in labels if one_ not in key]
    rest = max((float(np.abs(values[-1])) for values in others if len(values)), default=0.0)
    alt = f"Cosine coefficients of the logits of run {run}: {said or 'no key frequency'}; the largest other {rest:.3g}."
    return figure.update_layout(meta={"run": run, "alt": alt})
