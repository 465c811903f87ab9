"""Measures that know nothing of the algorithm: do they move before the test loss as well, and only where one groks?"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from groklab.curves import LeadTime, spectral_energy
from groklab.errors import Mistake
from groklab.findings import Analysis, Chart, Finding, Table, Verdict, untested
from groklab.findings.claim import Claim
from groklab.studies.leading import control, lead_of, lead_table, with_controls
from groklab.studies.nanda.mainline import FRESH, setting
from groklab.studies.reading import Arms, Reading, in_steps, spread_of
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "A question beside Nanda et al. 2023, section 5"
CLAIMS = (
    Claim(
        identifier="forum.blind-lead",
        source=SOURCE,
        claim="Measures that know nothing of the algorithm also move before the test loss does.",
        published=None,
        how="Lead time, as in `nanda/lead_time`, of the local learning coefficient, of norm and rank, of saturated "
        "samples and of the early loss curve's spectrum.",
        criterion="The 95% interval of the lead lies above 0 and no network that never groks moves, for at least three "
        "of the four (partly: two).",
    ),
)
ENERGY = "spectral energy of the train loss"
"""No measure of a network, but read off its curve."""
FOUR: Mapping[str, tuple[str, ...]] = {
    "the local learning coefficient": ("learning_coefficient",),
    "norm and rank": ("sum_of_squares", "rank_neuron_logit"),
    "saturated samples": ("saturated_share",),
    "the early loss curve's spectrum": (ENERGY,),
}
"""The four of the claim, each with the measures that have to lead, all of them."""
BLIND = ("learning_coefficient", "sum_of_squares", "rank_neuron_logit", "saturated_share", "train_loss", "train_margin")
MECHANISTIC = ("restricted_loss", "excluded_loss", "gini_neuron_logit", "effective_frequencies", "key_count")
WINDOW = 0.05
"""Share of the budget over which the spectrum is taken: the time that an alarm has to last as well."""
EVERY: Mapping[Scale, int] = {"laptop": 10, "paper": 50}
"""Steps between two logged losses: the window has 30 of them at laptop scale, 40 at paper scale."""
GROKKED, LATE = "grokked", "not grokked within the budget"
KINDS = ("weight decay 0", "random labels", "too little data")


def analyse(record: "Record") -> Analysis:
    """Leads and false alarms of the blind measures and of those that know the algorithm, in one table."""
    read = Reading(record)
    energy = _energy(read)
    rows = {fraction: _leads(read, energy, fraction) for fraction in (0.1, 0.5)}
    grokked = dict(zip(read.runs, read.has_grokked.tolist(), strict=True))
    arms = read.arms(lambda run: control(run) or (GROKKED if grokked[run] else LATE))
    return Analysis(
        findings=[_finding(read, CLAIMS[0], {row.measure: row for row in rows[0.1]})],
        tables=[*(lead_table(fraction, found) for fraction, found in rows.items()), _stands(read, energy, arms)],
        charts=_charts(read, energy, arms),
    )


def _energy(read: Reading) -> Float[np.ndarray, "run step"]:
    """The spectral energy of the logarithm of each train loss, in a window that ends at each step."""
    losses = np.maximum(read.curve("train_loss"), np.finfo(np.float32).tiny)
    window = WINDOW * max((run.steps for run in read.runs), default=0)
    try:
        return spectral_energy(read.steps, np.log(losses), window=window)
    except Mistake:
        # Runs made so short that the window has no spectrum.
        return np.full(losses.shape, np.nan)


def _leads(read: Reading, energy: Float[np.ndarray, "run step"], fraction: float) -> list[LeadTime]:
    curves = {name: read.curve(name) for name in (*BLIND, *MECHANISTIC)} | {ENERGY: energy}
    grokked = [run for run in np.flatnonzero(read.has_grokked) if control(read.runs[run]) == ""]
    return [
        lead_of(read, name, fraction, values, in_log=True if name == ENERGY else None)
        for name, values in curves.items()
        if np.isfinite(values[grokked]).any(axis=1).all()
    ]


def _finding(read: Reading, claim: Claim, rows: Mapping[str, LeadTime]) -> Finding:
    found = {kind: [rows[name] for name in names if name in rows] for kind, names in FOUR.items()}
    if any(len(found[kind]) < len(names) for kind, names in FOUR.items()):
        return untested(claim, scale=read.scale, sentence="not all four kinds of measures were taken")
    if any(row.verdict == "not tested" for each in found.values() for row in each):
        return untested(claim, scale=read.scale, sentence="too few networks grokked to take a level of alarm from")
    leading = sum(all(map(_leads_alone, each)) for each in found.values())
    after = sum(all(row.lead.high < 0 for row in each) for each in found.values())
    verdict: Verdict = (
        "reproduced"
        if leading >= 3
        else "partly"
        if leading == 2
        else "contradicted"
        if after >= 3
        else "not reproduced"
    )
    said = "; ".join(f"{kind}: {', '.join(map(_in_words, each))}" for kind, each in found.items())
    return Finding(
        claim=claim,
        verdict=verdict,
        sentence=f"{leading} of the four lead and raise no false alarm. {said}",
        value=float(leading),
        units="of four",
        seeds=next(iter(rows.values())).lead.count,
        scale=read.scale,
    )


def _leads_alone(row: LeadTime) -> bool:
    """Whether it leads, and no control moves, of which there must be some of each kind to watch."""
    kinds = [row.false_alarms.get(kind) for kind in KINDS]
    return row.lead.low > 0 and all(kind is not None and kind.watched > 0 and kind.alarms == 0 for kind in kinds)


def _in_words(row: LeadTime) -> str:
    alarms, watched = (
        sum(getattr(kind, count) for kind in row.false_alarms.values()) for count in ("alarms", "watched")
    )
    return f"{row.measure} by {in_steps(row.lead)} steps, false alarms in {alarms} of {watched}"


def _stands(read: Reading, energy: Float[np.ndarray, "run step"], arms: Arms) -> Table:
    """Where the blind measures stand in each kind of network."""
    first = _first(energy)
    shown: dict[str, Callable[[np.ndarray], Float[np.ndarray, " run"]]] = {
        "learning coefficient at memorisation": lambda runs: _at(read, "learning_coefficient")[runs],
        "at the end": lambda runs: read.last("learning_coefficient")[runs],
        "its standard error, at the end": lambda runs: read.last("learning_coefficient_error")[runs],
        "saturated at the end": lambda runs: read.last("saturated_share")[runs],
        "spectral energy, first window": lambda runs: first[runs],
    }
    rows: list[list[str | int | float | None]] = [
        [kind, len(runs), *(spread_of(values(runs)) for values in shown.values())] for kind, runs in arms.items()
    ]
    return Table(
        title="Where the blind measures stand",
        columns=["networks", "how many", *shown],
        rows=rows,
        note="Mean (least to largest). The learning coefficient at memorisation is that of the first network kept from "
        "then on. The first window is that of the first steps, which Notsawo et al. 2023 look at to foretell grokking.",
    )


def _at(read: Reading, name: str) -> Float[np.ndarray, " run"]:
    """The first value of a measure from memorisation on."""
    later = np.where(read.steps >= read.memorised[:, None], read.curve(name), np.nan)
    return _first(later)


def _first(curves: Float[np.ndarray, "run step"]) -> Float[np.ndarray, " run"]:
    """The first known value of each curve."""
    known = ~np.isnan(curves)
    return np.where(known.any(axis=1), curves[np.arange(len(curves)), known.argmax(axis=1)], np.nan)


def _charts(read: Reading, energy: Float[np.ndarray, "run step"], arms: Arms) -> list[Chart]:
    curves = {
        "Local learning coefficient": (read.curve("learning_coefficient"), "local learning coefficient", False),
        "Spectral energy of the train loss": (energy, "energy of its logarithm in the window", True),
        "Saturated samples": (read.curve("saturated_share"), "share of the train pairs", False),
    }
    return [
        Chart(
            title=title,
            x="step",
            y=f"{y}, median",
            log_y=log,
            series={kind: _median(read, values[runs]) for kind, runs in arms.items()},
        )
        for title, (values, y, log) in curves.items()
    ]


def _median(read: Reading, curves: Float[np.ndarray, "run step"]) -> list[tuple[float, float]]:
    """The median over networks at the steps at which all of them have a value, some 200 points."""
    whole = np.flatnonzero(np.isfinite(curves).all(axis=0))
    chosen = whole[:: max(1, math.ceil(len(whole) / 200))]
    return list(zip(read.steps[chosen].tolist(), np.median(curves[:, chosen], axis=0).tolist(), strict=True))


@experiment(
    source=SOURCE,
    laptop="25 networks, P = 59, 6,000 steps, 1,650 kept ones sampled around: about 8 minutes on two cores",
    paper="25 networks, P = 113, 40,000 steps, 4,200 kept ones sampled around: half a day on two cores",
    seeds=5,
    claims=CLAIMS,
    analysis=analyse,
    reads=(*BLIND, "learning_coefficient_error", *MECHANISTIC, "test_loss", "train_accuracy", "test_accuracy"),
    choices=(
        "Seeds from 8 on, which had no part in choosing the laptop setting.",
        "Networks and controls as in `nanda/lead_time`: twice as many networks that grok as controls of each kind; "
        "weight decay 0; random labels; 15% of the pairs.",
        "The norm is the sum of squared weights, the rank the effective rank of W_L, the only rank that is measured "
        "here; both have to lead without false alarms for norm and rank to count.",
        "A measure counts when no control moves and there is one of every kind to watch. Five of a kind cannot exclude "
        "that half of them would.",
        "The local learning coefficient is that of the train loss, by Langevin chains around every kept network: 4 of "
        "80 steps and 20 draws; docs/measures.md says how they were chosen, on other seeds.",
        "A sample is saturated when its label's float32 probability rounds to 1, whatever form of loss is trained on.",
        "Notsawo et al. 2023 look at the loss of the first epochs. Here the spectrum is taken in a window of 5% of the "
        "budget that moves along, of the logarithm of the loss, which falls over seven decades, above two oscillations "
        "a window; its way is measured in logarithms.",
    ),
)
def blind_measures(scale: Scale, seeds: int) -> Iterator[Run]:
    """For measures that know of no algorithm: how long before the test loss they move, and how often in vain."""
    asked: dict[str, object] = {
        "extra_measures": ("learning_coefficient", "learning_coefficient_error"),
        "logging.every": EVERY[scale],
        "logging.growth": 1.0,
        # Before memorisation nobody listens.
        "checkpoints.growth": 3.0,
    }
    yield from with_controls(lambda seed: setting(scale, seed).replace(asked), seeds, FRESH)
