"""Pictures of circuit efficiency, from theory alone: nothing in them is trained."""

import math

import numpy as np

from groklab.drawing import lines
from groklab.handbook.evidence import PAGES
from groklab.handbook.picture import Picture
from groklab.theory import Problem, allocate, recorded_steps, simulate
from groklab.theory.presets import FIGURE_2, HORIZON

PAGE = f"[the simulation]({PAGES}/varma/simulation.md)"
KAPPAS = (0.8, 1.2, 1.6, 1.9)
"""Depth exponents below 2, where both circuits keep a part."""


def ingredients() -> Picture:
    """The simulation with all three ingredients, and with one of two taken away."""
    steps = recorded_steps(HORIZON)
    found = simulate([setting("alpha") for _, setting in FIGURE_2.values()], steps)
    after = found.steps > 0

    def points(values: np.ndarray) -> list[tuple[float, float]]:
        return list(zip(found.steps[after].tolist(), values[after].tolist(), strict=True))

    names = [title[0].upper() + title[1:] for title, _ in FIGURE_2.values()]
    series = {f"{names[0]}: train loss": points(found.train_loss[0])}
    series |= {f"{name}: test loss": points(found.test_loss[n]) for n, name in enumerate(names)}
    classes, half = found.settings[0].classes, math.log(found.settings[0].classes) / 2
    learned = int(found.steps[after][(found.train_loss[0][after] < half).argmax()])
    return Picture(
        svg=lines(
            series, title="Two circuits in competition, simulated", x="step (from 1)", y="loss (nats)", log_y=False
        ),
        alt="Train loss falls early; with all three ingredients the test loss rises and falls much later, with an "
        "inefficient Gen it stays high, with equal speeds it falls at once",
        caption=f"With all three ingredients the train loss is below half of chance ({half:.2f} nats of {classes} "
        f"answers) at step {learned:,}, and the first test answer is right at step {found.test_flip[0]:,}. "
        f"Settings and numbers: {PAGE}.",
    )


def shares() -> Picture:
    """Gen's share of the logits at the optimum, by how much more norm Mem needs."""
    ratios = np.geomspace(0.25, 4, 97)
    alpha = 0.005

    def share(ratio: float, kappa: float) -> float:
        weights = allocate(Problem(norms=(1.0, ratio), kappa=kappa, alpha=alpha)).weights
        return float(weights[0] / np.sum(weights)) if np.sum(weights) > 0 else math.nan

    series = {f"kappa = {k:g}": [(float(r), share(r, k)) for r in ratios] for k in KAPPAS}
    series["kappa = 2: all or nothing"] = [(float(r), share(r, 2.0)) for r in ratios if abs(math.log(r)) > 1e-9]
    double = share(2.0, 1.2)
    svg = lines(
        series,
        title="Who gets the weight, when nothing moves any more",
        x="P_m / P_g: norm that Mem needs, over Gen's",
        y="Gen's share of the logits",
        log_y=False,
    )
    return Picture(
        svg=svg,
        alt="Gen's share of the logits rises from 0 to 1 as memorising becomes more expensive, through one half where "
        "both cost the same, and the more sharply the larger kappa is",
        caption=f"The closed form of theorem D.4. Where Mem needs twice Gen's norm, at kappa = 1.2, Gen has "
        f"{double:.0%} of the logits; both cost the same at 1, the critical size. How it is computed: "
        "[the theory](../theory.md).",
    )
