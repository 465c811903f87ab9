"""What the simulations measure, as tables."""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from groklab.findings import Table
from groklab.findings.analysis import Cell
from groklab.theory import presets
from groklab.theory.allocation import closed_ratio
from groklab.theory.grid import Grid
from groklab.theory.judging import NORMALISATIONS, panel, settled
from groklab.theory.phases import Phase, Phases, classify

PHASES: tuple[Phase, ...] = get_args(Phase)


def panels_table() -> Table:
    """Figure 2: flips, times, weights at the figure's last step and at convergence, and the closed form."""
    rows: list[list[Cell]] = []
    for name, (title, _) in (presets.FIGURE_2 | presets.ALTERNATIVES).items():
        short, long = panel(name), panel(name, presets.CONVERGED)
        times = classify(short)
        for n, normalisation in enumerate(NORMALISATIONS):
            price = short.settings[n].efficiency
            rows.append(
                [
                    f"({name}) {title}",
                    normalisation,
                    *(_time(which[n]) for which in (times.memorised, times.generalised, short.test_flip)),
                    *_weights(short.gen[n, -1], short.mem[n, -1]),
                    *_weights(long.gen[n, -1], long.mem[n, -1]),
                    round(closed_ratio(price.gen_norm, price.mem_norm, price.kappa), 6),
                    settled(long, n),
                ]
            )
    horizon, end = f"{presets.HORIZON:,}", f"{presets.CONVERGED:,}"
    return Table(
        title="The three panels, and what (b) and (c) could have been as well",
        columns=(
            "panel", "penalty times", "train loss below half chance, step", "test loss, step",
            "first right on test, step",
            f"w_g at {horizon}", f"w_m at {horizon}", f"ratio at {horizon}",
            f"w_g at {end}", f"w_m at {end}", f"ratio at {end}", "ratio in closed form", "within 1% of it from step",
        ),
        rows=rows,
        note="half chance is log(113) / 2 = 2.36 nats; train answers are right from step 1 on in all panels; the step "
        "of the first right test answer is exact, the other times are recorded ones, 2 to 4% apart",
    )  # fmt: skip


def counts_table(grids: Sequence[Grid]) -> Table:
    """How many simulations of each grid are in each phase."""
    return Table(
        title="Phases",
        columns=("penalty times", "simulations", *PHASES),
        rows=[
            [one.normalisation, len(one.phases.phase), *(one.phases.count(phase) for phase in PHASES)] for one in grids
        ],
    )


def groks_table(grid: Grid) -> Table:
    """Kappa against P_m / P_g: in how many starts there is grokking, and what the others do."""
    settings = grid.phases.settings
    ratios = sorted({_ratio(grid.phases, n) for n in range(len(settings))})
    kappas = sorted({one.efficiency.kappa for one in settings})
    cells: dict[tuple[float, float], list[Phase]] = {}
    for n, phase in enumerate(grid.phases.phase):
        cells.setdefault((settings[n].efficiency.kappa, _ratio(grid.phases, n)), []).append(phase)
    return Table(
        title=f"Where it groks, penalty times {grid.normalisation}",
        columns=("kappa", *(f"P_m/P_g = {ratio:g}" for ratio in ratios)),
        rows=[[f"{kappa:g}", *(_cell(cells[kappa, ratio]) for ratio in ratios)] for kappa in kappas],
        note=f"each cell counts the starts w_g2(0), {grid.steps:,} steps each",
    )


def smoothing_table(grids: Sequence[tuple[float, Grid]]) -> Table:
    """The phases for kappa > 2 by the penalty's smoothing."""
    rows: list[list[Cell]] = []
    for smoothing, one in grids:
        for kappa in sorted({setting.efficiency.kappa for setting in one.phases.settings}):
            phases = [
                phase
                for setting, phase in zip(one.phases.settings, one.phases.phase, strict=True)
                if setting.efficiency.kappa == kappa
            ]
            rows.append([f"{kappa:g}", f"{smoothing:g}", len(phases), *(phases.count(phase) for phase in PHASES)])
    return Table(
        title="What the smoothing decides beyond kappa = 2",
        columns=("kappa", "smoothing", "simulations", *PHASES),
        rows=sorted(rows, key=lambda row: float(str(row[0]))),
        note="the penalty's slope at 0 is infinite there; what passes below the smoothing is the smoothing's doing",
    )


def _weights(gen: float, mem: float) -> list[Cell]:
    return [round(float(gen), 4), round(float(mem), 4), round(float(gen / mem), 6)]


def _time(step: int) -> Cell:
    return None if step < 0 else int(step)


def _ratio(phases: Phases, n: int) -> float:
    price = phases.settings[n].efficiency
    return float(np.round(price.mem_norm / price.gen_norm, 9))


def _cell(phases: Sequence[Phase]) -> str:
    counts = [(phase, phases.count(phase)) for phase in PHASES]
    return ", ".join(f"{count} {phase}" for phase, count in counts if count)
