"""The strengths of both circuits while a network groks (Varma et al. 2023, figure 9)."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from groklab.figures.in_phases import LOSSES, add_line
from groklab.figures.look import over_steps, sheet
from groklab.figures.reading import known, one_run, worth_showing
from groklab.style import OKABE_ITO

if TYPE_CHECKING:
    from groklab.record import Record

READS = ("train_loss", "test_loss", "gen_logit", "mem_logit", "sum_of_squares")


def circuit_strengths(record: "Record", run: int | None = None) -> go.Figure:
    """Figure 9 of Varma et al. 2023: losses, the correct logit's Gen and Mem parts, and the parameter norm of a run.

    Three panels over training. Gen's part is the projection of the logits on all cosines of w_k(a + b - c) at the right
    answer, Mem's the rest of the label's logit (appendix B; the authors name its flaws). Without a run it is the first
    that shows all three phases, else the first that grokked. Reads `train_loss`, `test_loss`, `gen_logit`, `mem_logit`,
    `sum_of_squares`. Raises `Mistake` for a run that lacks one.
    """
    number = worth_showing(record) if run is None else run
    one = one_run(record, number, READS)
    figure = sheet(3, 1, shared_xaxes=True, vertical_spacing=0.05)
    for name, dash in (("train_loss", "dot"), ("test_loss", "solid")):
        word, colour = LOSSES[name]
        add_line(figure, *known(one[name]), word, colour, dash=dash, unit="nats")
    parts = (("gen_logit", "Gen", OKABE_ITO[2], "solid"), ("mem_logit", "Mem", OKABE_ITO[3], "dash"))
    for name, word, colour, dash in parts:
        add_line(figure, *known(one[name]), word, colour, dash=dash, unit="nats", row=2)
    steps, squares = known(one["sum_of_squares"])
    add_line(figure, steps, np.sqrt(squares), "norm", OKABE_ITO[6], legend=False, row=3)
    figure.update_yaxes(title_text="loss (nats)", type="log", exponentformat="power", row=1, col=1)
    figure.update_yaxes(title_text="correct logit (nats)", row=2, col=1)
    figure.update_yaxes(title_text="norm (pure number)", rangemode="tozero", row=3, col=1)
    over_steps(figure, row=3, col=1)
    last = {word: float(known(one[name])[1][-1]) for name, word, _, _ in parts}
    said = ", ".join(f"{word}'s correct logit ends at {value:.3g} nats" for word, value in last.items())
    meta = {"run": number, "alt": f"Circuit strengths of run {number} over training: {said}.", "rows": 3, "columns": 1}
    return figure.update_layout(meta=meta)
