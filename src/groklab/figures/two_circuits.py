"""The simulation of two circuits in competition, as figure 2 of Varma et al. 2023 shows it."""

from typing import get_args

import plotly.graph_objects as go

from groklab.errors import unknown
from groklab.figures.in_phases import LOSSES, add_line
from groklab.figures.look import sheet
from groklab.style import OKABE_ITO
from groklab.theory import presets
from groklab.theory.judging import NORMALISATIONS, panel
from groklab.theory.settings import Normalisation


def simulation(normalisation: Normalisation = "alpha") -> go.Figure:
    """Figure 2 of Varma et al. 2023: losses over weights of Gen and Mem, with (a) all three ingredients, (b), (c).

    Reads no record: gradient descent on the four factors of `groklab.theory`, settings of Table 1 for (a); those of (b)
    and (c), and the number of steps, are ours. The penalty is weighted by `normalisation`, as in appendix C ("alpha")
    or in appendix D ("alpha/2"). Raises `Mistake` for another.
    """
    if normalisation not in get_args(Normalisation):
        raise unknown("normalisation of the penalty", normalisation, get_args(Normalisation))
    which = NORMALISATIONS.index(normalisation)
    titles = [f"({name}) {title}" for name, (title, _) in presets.FIGURE_2.items()]
    figure = sheet(
        2, 3, shared_xaxes=True, shared_yaxes="rows", subplot_titles=titles, vertical_spacing=0.06,
        horizontal_spacing=0.03,
    )  # fmt: skip
    for column, name in enumerate(presets.FIGURE_2, start=1):
        found = panel(name)
        after = found.steps > 0
        for row, word, values, colour, dash in (
            (1, "train loss", found.train_loss, LOSSES["train_loss"][1], "dot"),
            (1, "test loss", found.test_loss, LOSSES["test_loss"][1], "solid"),
            (2, "w<sub>g</sub> of Gen", found.gen, OKABE_ITO[2], "solid"),
            (2, "w<sub>m</sub> of Mem", found.mem, OKABE_ITO[3], "dash"),
        ):
            add_line(
                figure, found.steps[after], values[which, after], word, colour, dash=dash,
                unit="nats" if row == 1 else "", legend=column == 1, row=row, column=column,
            )  # fmt: skip
        figure.update_xaxes(title_text="gradient step (from 1)", row=2, col=column)
    figure.update_xaxes(type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(title_text="loss (nats)", row=1, col=1)
    figure.update_yaxes(title_text="weight (pure number)", row=2, col=1)
    alt = "Two circuits in competition: train and test loss, and the weights of Gen and Mem, over gradient steps."
    return figure.update_layout(meta={"alt": alt, "rows": 2, "columns": 3})
