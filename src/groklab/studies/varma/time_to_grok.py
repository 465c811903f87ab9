"""How does the time to grok grow as the training set shrinks?"""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from groklab.curves import growth_laws
from groklab.curves.laws import Law
from groklab.findings import Analysis, Chart, Table, by_interval
from groklab.findings.claim import Claim
from groklab.findings.words import short
from groklab.studies.reading import ACCURACY, Reading, in_words, rank_agreement, staircase
from groklab.studies.study import Scale, experiment
from groklab.studies.varma._ends import of_number, seeds, sizes
from groklab.studies.varma._runs import network
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Varma et al. 2023, section 7"
CLAIMS = (
    Claim(
        identifier="varma.time-rises",
        source=SOURCE,
        claim="The fewer pairs, the longer a network takes to grok.",
        published=None,
        how="Kendall's tau between training-set size and time to grok, networks that did not grok within the budget "
        "ranked last; bootstrap over seeds.",
        criterion="The 95% interval lies below 0.",
    ),
    Claim(
        identifier="varma.time-super-exponential",
        source=SOURCE,
        claim="The time to grok grows faster than exponentially as the training set shrinks.",
        published="in words, after Power et al. 2021",
        how="Censored log-normal fits: coefficient of the quadratic term of log time in the size; bootstrap over "
        "seeds. Sizes at which half of the networks or more grok before twice the step of memorisation are left out: "
        "they generalise at once, and their constant time would bend any law.",
        criterion="The 95% interval lies above 0.",
    ),
)
SIZES: dict[Scale, tuple[int, ...]] = {
    "laptop": (820, 880, 950, 1030, 1120, 1230, 1360, 1520, 1750, 2050),
    "paper": (1800, 2000, 2250, 2600, 3000, 3500, 4200, 5000),
}
STEPS = {"laptop": 50_000, "paper": 400_000}


def analyse(record: "Record") -> Analysis:
    """Time to grok by size, censored at the budget, and the laws fitted to it."""
    read = Reading(record)
    at = sizes(read)
    tau = rank_agreement(at, read.time, read.has_grokked, seeds(read))
    arms = read.arms(lambda run: f"{run.split.size}")
    soon = read.grokked < 2 * read.memorised
    at_once = [float(name) for name, runs in arms.items() if soon[runs].mean() >= 0.5]
    slow = ~np.isin(at, at_once)
    laws, all_laws = (
        growth_laws(at[runs], read.time[runs], read.has_grokked[runs], seeds(read)[runs])
        for runs in (slow, slow | True)
    )
    medians = {float(name): read.times(runs).median.value for name, runs in arms.items()}
    return Analysis(
        findings=[
            by_interval(
                CLAIMS[0],
                tau.value,
                (tau.low, tau.high),
                allowed=(-1, 0),
                contrary=[(0, 1)],
                units="Kendall's tau",
                seeds=tau.count,
                scale=read.scale,
                sentence=f"tau between size and time to grok: {in_words(tau)}",
            ),
            of_number(
                CLAIMS[1],
                laws.curvature,
                read,
                allowed=(0, math.inf),
                contrary=[(-math.inf, 0)],
                units="1 / pairs squared",
                sentence=laws.sentence,
            ),
        ],
        tables=[
            read.table("Time to grok by size", arms, "pairs"),
            Table(
                title="Laws of growth",
                columns=["law", "parameters", "AIC"],
                rows=[
                    [name, ", ".join(f"{key} = {short(value)}" for key, value in law.parameters.items()), law.aic]
                    for name, law in laws.laws.items()
                ],
                note="Sizes at which networks do not generalise at once. "
                "Censored log-normal fits by maximum likelihood, least AIC first; log T = a - b D (exponential), "
                "a + b D + c D^2 (quadratic), a + b / (D - D0) (super-exponential), a - g log(D - D0) (power).",
            ),
        ],
        charts=[
            Chart(
                title="Time to grok",
                x="pairs",
                y="step by which half the networks grok",
                series={
                    "Kaplan-Meier's median": _finite(medians.items()),
                    **{name: _finite(_median(law, at[slow])) for name, law in laws.laws.items()},
                },
                log_y=True,
            ),
            Chart(
                title="Share of networks that have not grokked yet",
                x="step",
                y="share of networks",
                series={f"{name} pairs": staircase(read.times(runs)) for name, runs in arms.items()},
            ),
        ],
        remarks=[
            f"Sizes left out of the laws, as half of the networks or more generalise at once: "
            f"{', '.join(f'{size:,.0f}' for size in at_once) or 'none'}. With every size: {all_laws.sentence}."
        ],
    )


def _median(law: Law, at: Float[np.ndarray, " run"]) -> list[tuple[float, float]]:
    """A law's median over the sizes that it was fitted to."""
    sizes = np.linspace(at.min(), at.max(), 60)
    return list(zip(sizes.tolist(), law.median_steps(sizes).tolist(), strict=True))


def _finite(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points below a billion steps: a law may have a pole, and a median may lie past the budget."""
    return [(size, steps) for size, steps in points if steps < 1e9]


@experiment(
    source=SOURCE,
    laptop="50 networks, P = 59, up to 50,000 steps: about 15 minutes on two cores",
    paper="40 networks, P = 113, up to 400,000 steps: days on two cores, half a day on a GPU",
    seeds=5,
    claims=CLAIMS,
    choices=(
        "Ten sizes, denser where it takes long. A run ends 1,000 steps after it grokked.",
        "A network that has not grokked within the budget is censored there.",
    ),
    reads=ACCURACY,
    analysis=analyse,
)
def time_to_grok(scale: Scale, seeds: int) -> Iterator[Run]:
    """Time to grok against the size of the training set, from sets that grok at once to sets that hardly do."""
    for size in SIZES[scale]:
        for seed in range(seeds):
            # Whether a run may end is decided where weights are kept.
            yield network(
                scale, seed, size=size, steps=STEPS[scale], **{"after_grokking": 1000, "checkpoints.every": 1000}
            )
