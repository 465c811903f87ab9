"""Does the size at which networks ungrok depend on the strength of the weight decay? (P3)"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.findings import Analysis, Chart, Table
from groklab.findings.claim import Claim
from groklab.studies.reading import Reading, in_words, spread_of
from groklab.studies.study import Scale, experiment
from groklab.studies.varma._ends import (
    RULE,
    ends,
    from_converged,
    how_settled,
    mean_by_size,
    of_number,
    sizes,
    up_to,
    within,
)
from groklab.studies.varma._runs import PART_STEPS, UNGROKKING_SIZES, gone_on, on_all
from groklab.studies.varma._transitions import passage, ratio
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Varma et al. 2023, sections 4.2 and 5.2, figure 4b"
CLAIMS = (
    Claim(
        identifier="varma.decay-independent",
        source=SOURCE,
        claim="The size at which networks ungrok does not depend on the strength of the weight decay.",
        published="the curves coincide",
        how="Half-way size: where the mean test accuracy at convergence passes one half, linear in log size. That at "
        "the strongest decay over that at the weakest, bootstrap over seeds.",
        criterion="The 95% interval lies between 0.8 and 1.25, while the decays differ by a factor of six.",
    ),
)
DECAYS = {"laptop": (0.5, 1.0, 1.5, 3.0), "paper": (0.35, 0.6, 1.0, 2.1)}


def analyse(record: "Record") -> Analysis:
    """Where each decay has its transition, and how far the outer two lie apart."""
    read = Reading(record)
    accuracy, sound = ends(read, "test_accuracy"), from_converged(read)
    decay = read.metrics["weight_decay"].values.astype(float)
    masks = {value: sound & (decay == value) for value in np.unique(decay[sound]).tolist()}
    least, most = min(masks, default=math.nan), max(masks, default=math.nan)
    nobody = np.zeros(len(read.runs), dtype=bool)
    shift = ratio(read, accuracy, masks.get(most, nobody), masks.get(least, nobody))
    rows: list[list[str | int | float | None]] = []
    series: dict[str, list[tuple[float, float]]] = {}
    for value, runs in masks.items():
        rows.append([value, int(runs.sum()), in_words(passage(read, accuracy, runs))])
        series[f"decay {value:g}"] = mean_by_size(read, runs, accuracy)
    return Analysis(
        findings=[
            of_number(
                CLAIMS[0],
                shift,
                read,
                allowed=(0.8, 1.25),
                contrary=[(0.0, 0.8), (1.25, math.inf)],
                units="ratio of sizes",
                sentence=f"the half-way size at decay {most:g} over that at decay {least:g} is {in_words(shift)}",
            )
        ],
        tables=[
            Table(title="Transitions", columns=["decay", "networks", "half-way size"], rows=rows),
            _each(read, masks, accuracy),
        ],
        charts=[
            Chart(
                title="Test accuracy at convergence by weight decay",
                x="pairs",
                y="test accuracy at convergence, mean",
                series=series,
                log_x=True,
            )
        ],
        remarks=[how_settled(read, sound), *_earlier(read, masks)],
    )


def _earlier(read: Reading, masks: dict[float, np.ndarray]) -> list[str]:
    """The shift at half the steps of each decay, and at equal steps, which are the fewest: in a sentence."""
    if len(masks) < 2:
        return []
    least, most = masks[min(masks)], masks[max(masks)]
    steps = float(read.lasted[least | most].min())
    half = ratio(read, within(read, "test_accuracy", 0.375, 0.5), most, least)
    equal = ratio(read, up_to(read, "test_accuracy", steps), most, least)
    return [
        f"Steps are inversely proportional to the decay. Read off at half of them (medians over 37.5% to 50%) the "
        f"ratio is {in_words(half)}; after equal steps, {steps:,.0f} for every decay, it is {in_words(equal)}."
    ]


def _each(read: Reading, masks: dict[float, np.ndarray], accuracy: np.ndarray) -> Table:
    at = sizes(read)
    known = np.unique(at[np.any(list(masks.values()), axis=0)]) if masks else np.zeros(0)
    rows = [
        [int(size), *(spread_of(accuracy[runs & (at == size)]) for runs in masks.values())] for size in known.tolist()
    ]
    columns = ["pairs", *(f"decay {decay:g}" for decay in masks)]
    note = "Test accuracy at convergence: mean (least to largest)."
    return Table(title="Test accuracy by size and decay", columns=columns, rows=rows, note=note)


@experiment(
    source=SOURCE,
    laptop="148 networks, P = 59, 6,000 to 36,000 steps: about 20 minutes on two cores",
    paper="116 networks, P = 113, 19,000 to 114,000 steps: a day on two cores, hours on a GPU",
    seeds=4,
    claims=CLAIMS,
    choices=(
        RULE,
        "The networks on the whole table are trained at the main setting's decay, and shared; only what follows has "
        "another one.",
        "Unused weights decay within 1 / (learning rate * decay) steps, so that the number of steps is inversely "
        "proportional to the decay: at the main setting's it is that of `ungrokking`.",
        "The sizes are those of `ungrokking`; four decays, the outer ones a factor of six apart.",
    ),
    reads=("train_accuracy", "test_accuracy"),
    analysis=analyse,
)
def ungrokking_decay(scale: Scale, seeds: int) -> Iterator[Run]:
    """Ungrokking at several strengths of weight decay."""
    for seed in range(seeds):
        whole = on_all(scale, seed)
        yield whole
        for decay in DECAYS[scale]:
            steps = round(PART_STEPS[scale] * whole.optimiser.weight_decay / decay)
            for size in UNGROKKING_SIZES[scale]:
                yield gone_on(whole, size=size, steps=steps, weight_decay=decay)
