"""Do the efficiencies of networks of one circuit predict the size at which others ungrok?"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import SizeTransition
from groklab.findings import Analysis, Chart, Finding, Table, by_seeds
from groklab.findings.claim import Claim
from groklab.studies.reading import Reading, count_of, in_words
from groklab.studies.study import Scale, experiment
from groklab.studies.varma._efficiency import READS, networks
from groklab.studies.varma._ends import RULE, ends, from_converged, how_settled, mean_by_size
from groklab.studies.varma._prediction import Forecast, predict, written
from groklab.studies.varma._runs import PART_STEPS, gone_on, network, on_all
from groklab.studies.varma._transitions import transition
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "A question of the reviewers of Varma et al. 2023"
HOW = (
    "For each modulus the size at which Mem and Gen need the same norm for the same {}, fitted to networks of one "
    "circuit alone and written down first, over the half-way size of the ungrokking transition."
)
CRITERION = "Between 0.8 and 1.25 for at least 80% of the moduli."
CLAIMS = (
    Claim(
        identifier="varma.critical-size-margin",
        source=SOURCE,
        claim="The size at which networks ungrok is where Mem and Gen need the same norm for the same margin.",
        published=None,
        how=HOW.format("margin"),
        criterion=CRITERION,
    ),
    Claim(
        identifier="varma.critical-size-logit",
        source=SOURCE,
        claim="The size at which networks ungrok is where Mem and Gen need the same norm for the same correct logit.",
        published=None,
        how=HOW.format("correct logit"),
        criterion=CRITERION,
    ),
    Claim(
        identifier="varma.critical-size-intervals",
        source=SOURCE,
        claim="The prediction on margins agrees with the transition within their errors.",
        published=None,
        how="The 95% intervals of the predicted size and of the half-way size overlap, by modulus.",
        criterion="For at least 80% of the moduli.",
    ),
)
MODULI = {"laptop": (43, 59, 79), "paper": (89, 113, 139)}
MEM_SIZES = {"laptop": (100, 250, 600, 1200), "paper": (300, 600, 1200, 2400)}
PART_SIZES = {"laptop": (90, 150, 240, 360, 540, 850, 1300), "paper": (390, 488, 610, 763, 955, 1194, 1494)}
GEN_SHARES = (0.55, 0.75)
DECAYS = {"laptop": (0.75, 1.5), "paper": (0.5, 1.0)}
STEPS = {"laptop": 6000, "paper": 30_000}


def analyse(record: "Record") -> Analysis:
    """The prediction, made and written from networks of one circuit; then the transitions; then how far they agree."""
    read = Reading(record)
    single = [number for number, run in enumerate(read.runs) if run.start is None and run.split.fraction is None]
    prediction = written(predict(networks(read, single)), record.path)
    # Nothing of the networks that were continued has been read up to here.
    accuracy, on = ends(read, "test_accuracy"), from_converged(read)
    moduli = np.array([run.table.modulus for run in read.runs])
    seen = {modulus: transition(read, accuracy, on & (moduli == modulus)) for modulus in np.unique(moduli).tolist()}
    by_margin = [one for one in prediction.forecasts if one.strength == "margin"]
    by_logit = [one for one in prediction.forecasts if one.strength == "correct logit"]
    unwritten = "not written down: this record is no store, and has no such file beside it"
    made = f"written on {prediction.made}" if prediction.made else unwritten
    return Analysis(
        findings=[
            _near(CLAIMS[0], read, by_margin, seen),
            _near(CLAIMS[1], read, by_logit, seen),
            _overlap(CLAIMS[2], read, by_margin, seen),
        ],
        tables=[_table([*by_margin, *by_logit], seen)],
        charts=[
            Chart(
                title="Ungrokking by modulus",
                x="pairs",
                y="test accuracy at convergence, mean",
                series={f"P = {modulus}": mean_by_size(read, on & (moduli == modulus), accuracy) for modulus in seen},
                log_x=True,
            )
        ],
        remarks=[
            f"The prediction rests on {prediction.networks} networks of one circuit ({prediction.rests_on}), {made}.",
            how_settled(read, on),
        ],
    )


Seen = dict[int, SizeTransition | None]


def _ratios(forecasts: list[Forecast], seen: Seen) -> list[float]:
    """Predicted over seen; infinite or 0 for a prediction beyond the range, NaN where no transition was seen."""
    found = [(one, seen.get(one.modulus)) for one in forecasts]
    return [math.nan if it is None or not it.found else one.size / it.location.value for one, it in found]


def _near(claim: Claim, read: Reading, forecasts: list[Forecast], seen: Seen) -> Finding:
    ratios = np.array([ratio for ratio in _ratios(forecasts, seen) if not math.isnan(ratio)], float)
    holds = (ratios >= 0.8) & (ratios <= 1.25)
    words = ", ".join(f"{ratio:.3g}" for ratio in ratios)
    return by_seeds(
        claim,
        holds,
        contrary=(ratios < 0.5) | (ratios > 2),
        scale=read.scale,
        sentence=f"predicted over seen is {words}: within 0.8 to 1.25 for {count_of(holds)} moduli",
        of="moduli",
    )


def _overlap(claim: Claim, read: Reading, forecasts: list[Forecast], seen: Seen) -> Finding:
    known = [(one, it) for one in forecasts if (it := seen.get(one.modulus)) is not None and it.found]
    holds = np.array([one.low <= it.location.high and it.location.low <= one.high for one, it in known], dtype=bool)
    sentence = f"the intervals overlap for {count_of(holds)} moduli"
    return by_seeds(claim, holds, scale=read.scale, sentence=sentence, of="moduli")


def _table(forecasts: list[Forecast], seen: Seen) -> Table:
    rows: list[list[str | int | float | None]] = []
    for one, ratio in zip(forecasts, _ratios(forecasts, seen), strict=True):
        it = seen.get(one.modulus)
        here = None if it is None else in_words(it.location) if it.found else it.sentence
        predicted = f"{one.size:.4g} (95% interval {one.low:.4g} to {one.high:.4g})"
        rows.append([one.modulus, one.strength, predicted, here, ratio])
    return Table(
        title="Predicted and seen",
        columns=["modulus", "compared at equal", "predicted size", "half-way size", "predicted over seen"],
        rows=rows,
        note="A prediction of 0 lies below all sizes at which memorisers were trained, an infinite one above.",
    )


@experiment(
    source=SOURCE,
    laptop="180 networks, P = 43, 59 and 79, 6,000 to 12,000 steps: about 22 minutes on two cores",
    paper="180 networks, P = 89, 113 and 139, 30,000 to 60,000 steps: days on two cores, half a day on a GPU",
    seeds=3,
    claims=CLAIMS,
    choices=(
        RULE,
        "Networks of one circuit: random labels at four sizes, right labels on 55% and 75% of the pairs, two decays. "
        "The others go on from the whole table, at seven sizes and the main decay. They share nothing.",
        "The prediction is made by a function that is handed the networks of one circuit alone. The first analysis "
        "that finds these ended writes it with the time into prediction.json in the store's folder, before the other "
        "networks' accuracies are read; it is never overwritten. Where the runs change, so does its digest, and "
        "the new one is written beside it.",
        "Three moduli at the same width; sizes are the same for all of them.",
    ),
    reads=(*READS, "test_accuracy"),
    analysis=analyse,
)
def critical_size(scale: Scale, seeds: int) -> Iterator[Run]:
    """Networks of one circuit, from which the critical size is predicted, and networks that ungrok, at three moduli."""
    main = max(DECAYS[scale])
    for modulus in MODULI[scale]:
        task = {"task.modulus": modulus}
        for seed in range(seeds):
            for decay in DECAYS[scale]:
                steps = round(STEPS[scale] * main / decay)
                for size in MEM_SIZES[scale]:
                    yield network(scale, seed, size=size, steps=steps, labels="random", weight_decay=decay, **task)
                for share in GEN_SHARES:
                    size = int(share * modulus**2)
                    yield network(scale, seed, size=size, steps=steps, weight_decay=decay, **task)
            whole = on_all(scale, seed, **task)
            yield whole
            for size in PART_SIZES[scale]:
                yield gone_on(whole, size=size, steps=PART_STEPS[scale])
