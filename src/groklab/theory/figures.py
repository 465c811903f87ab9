"""Figure 2 of Varma et al. 2023, and what the simulations say beyond it, as charts."""

import numpy as np
from jaxtyping import Float

from groklab.findings import Chart
from groklab.theory import presets
from groklab.theory.grid import Grid
from groklab.theory.judging import NORMALISATIONS, panel

Point = tuple[float, float]


def figure_2() -> tuple[Chart, ...]:
    """Losses, weights and accuracies of panels (a), (b) and (c), each with both normalisations."""
    return tuple(chart(name) for name in presets.FIGURE_2 for chart in (losses, weights, accuracies))


def losses(name: str) -> Chart:
    """Train and test loss of a panel."""
    found = panel(name)
    return _chart(name, "loss (nats)", {"train loss": found.train_loss, "test loss": found.test_loss})


def weights(name: str) -> Chart:
    """w_g and w_m of a panel."""
    found = panel(name)
    return _chart(name, "weight", {"w_g": found.gen, "w_m": found.mem})


def accuracies(name: str) -> Chart:
    """Train and test accuracy of a panel, 0 or 1."""
    found = panel(name)
    return _chart(name, "accuracy", {"train": found.train_accuracy, "test": found.test_accuracy})


def delay_by_speed(grid: Grid) -> Chart:
    """How much later than memorising a simulation generalises, by Gen's second factor at the start, at P_m/P_g = 2."""
    series: dict[str, list[Point]] = {}
    for one, delay in zip(grid.phases.settings, grid.phases.delay, strict=True):
        if abs(one.efficiency.mem_norm / one.efficiency.gen_norm - 2) < 1e-9 and np.isfinite(delay):
            series.setdefault(f"kappa = {one.efficiency.kappa:g}", []).append((one.speeds.gen_second, float(delay)))
    title = f"Delay of generalising, P_m / P_g = 2, penalty times {grid.normalisation}"
    return Chart(title=title, x="w_g2(0)", y="steps to generalise / to memorise", series=series, log_x=True, log_y=True)


def delay_by_ratio(grid: Grid, gen_second: float = 0.01) -> Chart:
    """The same by P_m / P_g, at one start."""
    series: dict[str, list[Point]] = {}
    for one, delay in zip(grid.phases.settings, grid.phases.delay, strict=True):
        ratio = one.efficiency.mem_norm / one.efficiency.gen_norm
        if np.isclose(one.speeds.gen_second, gen_second) and np.isfinite(delay):
            series.setdefault(f"kappa = {one.efficiency.kappa:g}", []).append((ratio, float(delay)))
    title = f"Delay of generalising, w_g2(0) = {gen_second:g}, penalty times {grid.normalisation}"
    return Chart(
        title=title, x="P_m / P_g", y="steps to generalise / to memorise", series=series, log_x=True, log_y=True
    )


def _chart(name: str, y: str, curves: dict[str, Float[np.ndarray, "setting step"]]) -> Chart:
    title, steps = presets.FIGURE_2[name][0], panel(name).steps
    return Chart(
        title=f"({name}) {title}: {y}",
        x="step (from 1)",
        y=y,
        series={
            f"{what}, {normalisation}": [(float(s), float(v)) for s, v in zip(steps, curve[n], strict=True) if s > 0]
            for n, normalisation in enumerate(NORMALISATIONS)
            for what, curve in curves.items()
        },
        log_x=True,
    )
