"""The phase diagram over efficiency, depth exponent and speed: thousands of simulations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from groklab.theory.phases import Phases, phases
from groklab.theory.presets import all_ingredients
from groklab.theory.settings import Circuits, Normalisation

RATIOS = (0.5, 0.8, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0)
"""P_m / P_g; P_m = 2 as in Table 1."""
KAPPAS = (0.5, 0.8, 1.0, 1.2, 1.5, 1.8, 2.0, 2.2, 3.0, 4.0)
SPEEDS = tuple(10.0 ** (-half / 2) for half in range(8, -1, -1))
"""w_g2(0), from 1e-4 to Mem's 1."""
STEPS = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """A phase diagram under one normalisation of the penalty."""

    normalisation: Normalisation
    """What multiplies the squared norms."""
    steps: int
    """Steps of each simulation."""
    phases: Phases
    """What each simulation did."""


def grid(
    normalisation: Normalisation,
    *,
    ratios: Sequence[float] = RATIOS,
    kappas: Sequence[float] = KAPPAS,
    speeds: Sequence[float] = SPEEDS,
    smoothing: float = 1e-3,
    steps: int = STEPS,
) -> Grid:
    """Every combination; what is not given is as in Table 1."""
    settings = list(_settings(normalisation, ratios, kappas, speeds, smoothing))
    return Grid(normalisation=normalisation, steps=steps, phases=phases(settings, steps))


def _settings(
    normalisation: Normalisation,
    ratios: Sequence[float],
    kappas: Sequence[float],
    speeds: Sequence[float],
    smoothing: float,
) -> Iterable[Circuits]:
    base = all_ingredients(normalisation)
    for ratio, kappa, speed in product(ratios, kappas, speeds):
        gen_norm = base.efficiency.mem_norm / ratio
        yield base.replace({"gen_norm": gen_norm, "kappa": kappa, "gen_second": speed, "smoothing": smoothing})
