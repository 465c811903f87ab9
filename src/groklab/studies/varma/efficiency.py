"""How much norm do Mem and Gen need for the same logit, at every size of the training set? (P1)"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.findings import Analysis, Chart, Finding, Table, by_interval, by_seeds, untested
from groklab.findings.claim import Claim
from groklab.studies.reading import Reading, count_of, in_words, spread_of
from groklab.studies.study import Scale, experiment
from groklab.studies.varma._efficiency import READS, STRENGTHS, Network, Strength, crossing, networks
from groklab.studies.varma._ends import RULE
from groklab.studies.varma._runs import network
from groklab.theory.critical_size import CriticalSize
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Varma et al. 2023, sections 4.1 and 5.1, figure 3"
MARGIN = "Varma et al. 2023, section 5.1, on the margin instead of the logit"
SLOPE = (
    "Least squares over networks of log norm on log size and log {0}: the size's coefficient, bootstrap over seeds. {1}"
)
CLAIMS = (
    Claim(
        identifier="varma.efficiency-mem",
        source=SOURCE,
        claim="For the same correct logit a memorising network needs the more norm, the more pairs it has.",
        published="shown, no number",
        how=SLOPE.format("correct logit", "Networks trained on random labels."),
        criterion="The 95% interval lies above 0.",
    ),
    Claim(
        identifier="varma.efficiency-gen",
        source=SOURCE,
        claim="For the same correct logit a generalising network needs the same norm at every size.",
        published="shown, no number",
        how=SLOPE.format("correct logit", "Networks on large sets, trigonometric to 95% of the logits' norm."),
        criterion="The 95% interval lies between -0.1 and 0.1: twice the pairs change the norm by 7% at most.",
    ),
    Claim(
        identifier="varma.efficiency-mem-margin",
        source=MARGIN,
        claim="For the same margin a memorising network needs the more norm, the more pairs it has.",
        published=None,
        how=SLOPE.format("margin", "Networks trained on random labels."),
        criterion="The 95% interval lies above 0.",
    ),
    Claim(
        identifier="varma.efficiency-gen-margin",
        source=MARGIN,
        claim="For the same margin a generalising network needs the same norm at every size.",
        published=None,
        how=SLOPE.format("margin", "Networks on large sets, trigonometric to 95% of the logits' norm."),
        criterion="The 95% interval lies between -0.1 and 0.1.",
    ),
    Claim(
        identifier="varma.efficiency-norm-buys-logit",
        source=SOURCE,
        claim="At one size and seed, more norm means a larger correct logit.",
        published="shown as stripes",
        how="Networks that differ in the weight decay alone, of both kinds: of each seed and size, whether the one "
        "with the largest norm has a larger correct logit than the one with the least.",
        criterion="In at least 80% of the seeds and sizes (partly: in more than the half that chance gives, by the 95% "
        "interval).",
        since="Changed on 2026-11-23, after a look: at first half of them was enough for partly, as chance gives.",
    ),
)
MEM_SIZES = {"laptop": (100, 200, 400, 700, 1000), "paper": (500, 900, 1600, 2800)}
GEN_SIZES = {"laptop": (1400, 1700, 2100, 2600), "paper": (4000, 5500, 7500, 10_000)}
DECAYS = {"laptop": (0.5, 1.0, 1.5), "paper": (0.5, 1.0, 1.5)}
STEPS = {"laptop": (6000, 6000), "paper": (20_000, 40_000)}
"""For Mem and for Gen, at the main decay."""


def analyse(record: "Record") -> Analysis:
    """The points of figure 3, both slopes on logits and on margins, and what one logit costs at every size."""
    read = Reading(record)
    found = networks(read, range(len(read.runs)))
    fits: dict[Strength, CriticalSize | None] = {kind: crossing(found, kind) for kind in STRENGTHS}
    mem, gen, mem_margin, gen_margin, buys = CLAIMS
    grows = np.array(_buys(found), dtype=bool)
    return Analysis(
        findings=[
            _slope(mem, read, fits["correct logit"], found, gen=False),
            _slope(gen, read, fits["correct logit"], found, gen=True),
            _slope(mem_margin, read, fits["margin"], found, gen=False),
            _slope(gen_margin, read, fits["margin"], found, gen=True),
            by_seeds(
                buys,
                grows,
                contrary=~grows,
                chance=0.5,
                scale=read.scale,
                sentence=f"the correct logit grows with the norm in {count_of(grows)} groups of one kind, seed and "
                "size",
            ),
        ],
        tables=[_points(found, gen=False), _points(found, gen=True), _kept(read, found)],
        charts=[_chart(kind, fit) for kind, fit in fits.items() if fit is not None],
        remarks=[_crosses(kind, fit) for kind, fit in fits.items() if fit is not None] + _spread(found) + _moved(found),
    )


def _slope(claim: Claim, read: Reading, fit: CriticalSize | None, found: list[Network], *, gen: bool) -> Finding:
    seeds = len({one.run.seed for one in found if one.gen == gen})
    if fit is None:
        sentence = "no line could be laid: too few networks of one circuit, sizes or logits"
        return untested(claim, scale=read.scale, sentence=sentence)
    slope = fit.gen_slope if gen else fit.mem_slope
    words = f"log norm grows by {slope.value:.3g} (95% interval {slope.low:.3g} to {slope.high:.3g}) per log size"
    return by_interval(
        claim,
        slope.value,
        (slope.low, slope.high),
        allowed=(-0.1, 0.1) if gen else (0, math.inf),
        contrary=[(-math.inf, -0.1), (0.1, math.inf)] if gen else [(-math.inf, 0)],
        units="d log norm / d log size",
        seeds=seeds,
        scale=read.scale,
        sentence=words,
    )


def _buys(found: list[Network]) -> list[bool]:
    return [group[-1].logit > group[0].logit for group in _alike(found)]


def _alike(found: list[Network]) -> list[list[Network]]:
    """Networks that differ in the weight decay alone, the least norm first."""
    groups: dict[tuple[bool, int, float], list[Network]] = {}
    for one in found:
        groups.setdefault((one.gen, one.run.seed, one.size), []).append(one)
    return [sorted(group, key=lambda one: one.norm) for group in groups.values() if len(group) > 1]


def _points(found: list[Network], *, gen: bool) -> Table:
    rows: list[list[str | int | float | None]] = []
    chosen = [one for one in found if one.gen == gen]
    for size, decay in sorted({(one.size, one.run.optimiser.weight_decay) for one in chosen}):
        here = [one for one in chosen if (one.size, one.run.optimiser.weight_decay) == (size, decay)]
        values = (np.array([getattr(one, name) for one in here]) for name in ("norm", "logit", "margin"))
        rows.append([int(size), decay, len(here), *(spread_of(value) for value in values)])
    return Table(
        title=f"Networks that {'generalise' if gen else 'memorise random labels'}, at convergence",
        columns=["pairs", "decay", "networks", "norm", "correct logit", "margin"],
        rows=rows,
        note="Mean (least to largest) over seeds.",
    )


def _kept(read: Reading, found: list[Network]) -> Table:
    rows = [
        [
            "Gen" if gen else "Mem",
            sum((run.split.labels == "true") == gen for run in read.runs),
            sum(one.gen == gen for one in found),
        ]
        for gen in (False, True)
    ]
    note = "Mem: all random labels learnt. Gen: all train pairs learnt and trigonometric to 95% of the logits' norm."
    return Table(title="Networks of one circuit", columns=["circuit", "trained", "kept"], rows=rows, note=note)


def _chart(kind: Strength, fit: CriticalSize) -> Chart:
    return Chart(
        title=f"Norm needed for a {kind} of {fit.at:.3g}",
        x="pairs",
        y="parameter norm",
        series={
            "Mem": [(size, mem) for size, mem, _ in fit.curves],
            "Gen": [(size, gen) for size, _, gen in fit.curves],
        },
        log_x=True,
        log_y=True,
    )


def _crosses(kind: Strength, fit: CriticalSize) -> str:
    return (
        f"On the {kind}: {fit.sentence}. Log norm by log {kind} at one size: Mem {in_words(fit.mem_exponent)}, "
        f"Gen {in_words(fit.gen_exponent)}."
    )


def _moved(found: list[Network]) -> list[str]:
    """By how much the decay moves norm and margin within a kind, a seed and a size: what the exponents rest on."""
    norms = [group[-1].norm / group[0].norm - 1 for group in _alike(found)]
    margins = [[one.margin for one in group] for group in _alike(found)]
    spans = [max(values) / min(values) - 1 for values in margins if min(values) > 0]
    if not spans:
        return []
    return [
        "Within a kind, a seed and a size the decays move the norm by "
        f"{np.median(norms):.1%} and the margin by {np.median(spans):.1%} in the median: the exponents rest on that "
        "little, and the comparison at one margin on margins being nearly alike at convergence."
    ]


def _spread(found: list[Network]) -> list[str]:
    """By what factor the raw logit differs between Gen networks whose margins lie within a tenth of the median."""
    gen = [one for one in found if one.gen and one.logit > 0]
    if len(gen) < 2:
        return []
    middle = float(np.median([one.margin for one in gen]))
    near = [one for one in gen if abs(one.margin - middle) <= 0.1 * middle]
    factor = max(one.logit for one in near) / min(one.logit for one in near) if near else math.nan
    return [
        f"Among {len(near)} Gen networks with margins within a tenth of {middle:.3g} the correct logit differs by a "
        f"factor of {factor:.3g}."
    ]


@experiment(
    source=SOURCE,
    laptop="135 networks, P = 59, 6,000 to 18,000 steps: about 16 minutes on two cores",
    paper="120 networks, P = 113, 13,000 to 80,000 steps: days on two cores, hours on a GPU",
    seeds=5,
    claims=CLAIMS,
    choices=(
        RULE,
        "Mem alone: random labels. Gen alone: large sets from random weights, kept where the trigonometric share "
        "of the centred logits' variance is above 0.9025, which is 95% of their norm, the paper's rule.",
        "The correct logit is the mean over the train pairs of the label's logit as it is; the margin, the label's "
        "logit minus the largest other one, stands beside it, since nothing in the loss fixes a logit's origin.",
        "Norm is varied by the weight decay, as in the paper; the number of steps is inversely proportional to it. "
        "Sizes and decays were chosen with other seeds such that every network learns its labels.",
        "Slopes are of the norm at equal logit. Networks of one seed are drawn together.",
    ),
    reads=READS,
    analysis=analyse,
)
def efficiency(scale: Scale, seeds: int) -> Iterator[Run]:
    """Norm against logit of networks that only memorise and of networks that only generalise, over sizes and decays."""
    mem_steps, gen_steps = STEPS[scale]
    main = 1.5 if scale == "laptop" else 1.0
    for seed in range(seeds):
        for decay in DECAYS[scale]:
            for size in MEM_SIZES[scale]:
                steps = round(mem_steps * main / decay)
                yield network(scale, seed, size=size, steps=steps, weight_decay=decay, labels="random")
            for size in GEN_SIZES[scale]:
                yield network(scale, seed, size=size, steps=round(gen_steps * main / decay), weight_decay=decay)
