"""The progress measures over training (Nanda et al. 2023, figure 7)."""

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from groklab.figures.in_phases import LOSSES, RESTRICTED, add_line, in_words, shade
from groklab.figures.look import over_steps, sheet
from groklab.figures.reading import first_of, known, one_run, phases_of, worth_showing
from groklab.style import DASHES, OKABE_ITO

if TYPE_CHECKING:
    from groklab.record import Record

NEEDED = ("train_loss", "test_loss", "excluded_loss", RESTRICTED, "gini_embedding", "sum_of_squares")
GINI = {"gini_embedding": "embedding W<sub>E</sub>", "gini_neuron_logit": "neuron-logit map W<sub>L</sub>"}


def progress_measures(record: "Record", run: int | None = None) -> go.Figure:
    """Figure 7 of Nanda et al. 2023: excluded loss, restricted loss, Gini coefficients and sum of squared weights.

    Four panels over training, the phases shaded behind them. Without a run it is the first that shows all three
    phases. Reads both losses, `excluded_loss`, `restricted_loss` (else `restricted_loss_test`), `gini_embedding`,
    `gini_neuron_logit` (where there are neurons) and `sum_of_squares`. Raises `Mistake` for a run that
    lacks one of them.
    """
    number = worth_showing(record) if run is None else run
    one = one_run(record, number, NEEDED)
    figure = sheet(2, 2, shared_xaxes=True, vertical_spacing=0.08, horizontal_spacing=0.14)
    phases = phases_of(one)
    shade(figure, phases, float(one["step"].values[-1]))
    for column, special in ((1, "excluded_loss"), (2, first_of(one, RESTRICTED))):
        for name, dash in (("train_loss", "dot"), ("test_loss", "dash"), (special, "solid")):
            word, colour = LOSSES[name]
            steps, values = known(one[name])
            legend = name == special or column == 1
            add_line(figure, steps, values, word, colour, dash=dash, unit="nats", legend=legend, column=column)
        figure.update_yaxes(title_text="loss (nats)", type="log", exponentformat="power", row=1, col=column)
        over_steps(figure, row=2, col=column)
    for place, (name, word) in enumerate(GINI.items()):
        if name in one:
            steps, values = known(one[name])
            add_line(figure, steps, values, word, OKABE_ITO[(4, 5)[place]], dash=DASHES[place], row=2)
    figure.update_yaxes(title_text="Gini coefficient (0 to 1)", row=2, col=1)
    steps, values = known(one["sum_of_squares"])
    add_line(figure, steps, values, "all weights", OKABE_ITO[6], row=2, column=2)
    figure.update_yaxes(title_text="sum of squares (pure number)", rangemode="tozero", row=2, col=2)
    return figure.update_layout(
        meta={"run": number, "rows": 2, "columns": 2, "alt": f"Progress measures of run {number}. {in_words(phases)}"}
    )
