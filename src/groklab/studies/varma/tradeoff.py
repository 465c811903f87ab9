"""Gen against Mem at every size: from a network that generalises, and from scratch."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from groklab.curves import bootstrap
from groklab.findings import Analysis, Chart, Finding, Table, by_seeds
from groklab.findings.claim import Claim
from groklab.studies.reading import Reading, count_of, in_words, spread_of
from groklab.studies.study import Scale, experiment
from groklab.studies.varma._ends import (
    GENERALISES,
    LEARNT,
    RULE,
    ends,
    from_converged,
    how_settled,
    mixed,
    named,
    of_number,
    seeds,
    sizes,
)
from groklab.studies.varma._runs import PART_STEPS, WHOLE_STEPS, gone_on, network, on_all
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Varma et al. 2023, appendix A.4, figure 10"
CLAIMS = (
    Claim(
        identifier="varma.tradeoff-monotone",
        source=SOURCE,
        claim="The ratio of Gen's to Mem's logit grows monotonically with the size of the training set.",
        published="monotone",
        how="Networks continued from the whole table: Kendall's tau between size and ratio over one seed's "
        "networks, over pairs that are not tied; a Mem logit of 0 or below counts as a ratio above every other.",
        criterion="Tau at least 0.9 in at least 80% of the seeds.",
        since="Put more exactly on 2026-11-22 while the runs were under way, before any of them was looked at: pairs "
        "of networks that are tied were not spoken of.",
    ),
    Claim(
        identifier="varma.tradeoff-orders",
        source=SOURCE,
        claim="The ratio spans six orders of magnitude.",
        published="6",
        how="log10 of the largest over the least positive ratio of one seed's networks, mean over seeds, bootstrap "
        "interval.",
        criterion="The 95% interval lies above 5.",
    ),
    Claim(
        identifier="varma.tradeoff-monotone-leads",
        source="Beyond Varma et al. 2023, appendix B",
        claim="The same of the ratio of Gen's to Mem's lead, a proxy that tells train and held-out pairs apart.",
        published=None,
        how="As for the logits, with the measures gen_lead and mem_lead.",
        criterion="Tau at least 0.9 in at least 80% of the seeds.",
        since="Put more exactly on 2026-11-22 while the runs were under way, before any of them was looked at: pairs "
        "of networks that are tied were not spoken of.",
    ),
    Claim(
        identifier="varma.tradeoff-smooth",
        source=SOURCE,
        claim="Test accuracy at convergence changes smoothly with the size where networks come from a generalising "
        "one, and not from scratch.",
        published="in words",
        how="Largest jump of test accuracy at convergence between neighbouring sizes of one seed, from scratch minus "
        "continued, mean over seeds, bootstrap interval.",
        criterion="The 95% interval lies above 0.",
    ),
    Claim(
        identifier="varma.tradeoff-loss",
        source=SOURCE,
        claim="The train loss at convergence is lower from a generalising network than from random weights.",
        published="in all runs",
        how="Train loss at convergence of networks of the same seed and training set, both ways.",
        criterion="Lower in at least 80% of the pairs of networks.",
    ),
)
SIZES: dict[Scale, tuple[int, ...]] = {
    "laptop": (60, 120, 240, 340, 480, 680, 1000, 1600, 2600),
    "paper": (200, 400, 800, 1200, 1700, 2500, 4000, 7000),
}


def analyse(record: "Record") -> Analysis:
    """Both circuits' strengths, accuracy and train loss at convergence by size, both ways."""
    read = Reading(record)
    on, scratch = (
        from_converged(read),
        np.array([run.split.size is not None and run.start is None for run in read.runs]),
    )
    memorised = scratch & (ends(read, "test_accuracy") < 0.1) & (ends(read, "train_accuracy") > LEARNT)
    logits = _ratio(ends(read, "gen_logit"), ends(read, "mem_logit"))
    leads = _ratio(ends(read, "gen_lead"), ends(read, "mem_lead"))
    monotone, orders, monotone_leads, smooth, loss = CLAIMS
    spans = bootstrap(np.array([_orders(logits[runs]) for runs in _by_seed(read, on)], float), statistic=np.mean)
    accuracy, lost = ends(read, "test_accuracy"), ends(read, "train_loss")
    both = sorted({*seeds(read)[on].tolist()} & {*seeds(read)[scratch].tolist()})
    jumps = [
        _jump(read, accuracy, scratch & (seeds(read) == seed)) - _jump(read, accuracy, on & (seeds(read) == seed))
        for seed in both
    ]
    gap = bootstrap(np.array(jumps, float), statistic=np.mean)
    twins = [
        (one, other)
        for one in np.flatnonzero(on).tolist()
        for other in np.flatnonzero(
            scratch & (seeds(read) == seeds(read)[one]) & (sizes(read) == sizes(read)[one])
        ).tolist()
    ]
    twins = [(one, other) for one, other in twins if not np.isnan(lost[one] + lost[other])]
    lower = np.array([lost[one] < lost[other] for one, other in twins], dtype=bool)
    at = np.array([sizes(read)[one] for one, _ in twins])
    by_size = ", ".join(f"{size:,.0f}: {int(lower[at == size].sum())}" for size in np.unique(at).tolist())
    return Analysis(
        findings=[
            _monotone(monotone, read, logits, on, memorised),
            of_number(
                orders,
                spans,
                read,
                allowed=(5, math.inf),
                contrary=[(0, 2)],
                units="orders of magnitude",
                sentence=f"the positive ratios of one seed span {in_words(spans)} orders of magnitude",
            ),
            _monotone(monotone_leads, read, leads, on, memorised),
            of_number(
                smooth,
                gap,
                read,
                allowed=(0, 1),
                contrary=[(-1, 0)],
                units="accuracy",
                sentence=f"the largest jump between neighbouring sizes is larger from scratch by {in_words(gap)}; "
                "sizes lie 1.4 to 2 times apart, and from scratch there is the jump at which networks no longer grok "
                f"within {read.lasted[scratch].max(initial=0):,.0f} steps",
            ),
            by_seeds(
                loss,
                lower,
                contrary=~lower,
                scale=read.scale,
                sentence=f"the train loss is lower in {count_of(lower)} pairs of networks of one seed and size (by "
                f"size {by_size}), which are not independent",
            ),
        ],
        tables=[
            _table(read, "Continued from the whole table, at convergence", on),
            _table(read, "From scratch, at convergence", scratch),
        ],
        charts=_charts(read, on, logits, leads, {"continued": on, "from scratch": scratch}),
        remarks=[
            *_of_proxies(read, on, memorised, {"logits": logits, "leads": leads}),
            *_of_starts(read, on, logits),
            how_settled(read, on),
        ],
    )


def _of_proxies(
    read: Reading,
    on: Bool[np.ndarray, " run"],
    memorised: Bool[np.ndarray, " run"],
    ratios: dict[str, Float[np.ndarray, " run"]],
) -> list[str]:
    """How often the proxies find no Mem or no Gen, and what their ratio does in networks that only memorise."""
    remarks: list[str] = []
    for name, ratio in ratios.items():
        known = ratio[on & np.isfinite(ratio)]
        taus = _taus(read, ratio, memorised)
        taus = taus[~np.isnan(taus)]
        measured, infinite = int(np.sum(on & ~np.isnan(ratio))), int(np.isinf(ratio[on]).sum())
        most = np.max(ratio[memorised & np.isfinite(ratio)], initial=-math.inf)
        tau = float(np.median(taus)) if len(taus) else math.nan
        remarks.append(
            f"By the {name}, of {measured} networks continued {infinite} have no Mem (an infinite ratio) and "
            f"{int(np.sum(known <= 0))} no Gen (0 or below); neither counts in orders of magnitude. Networks from "
            f"scratch that memorised and test below 0.1 have ratios up to {most:.3g}, with a tau of {tau:.3g} over "
            f"sizes (median of {len(taus)} seeds)."
        )
    return remarks


def _of_starts(read: Reading, on: Bool[np.ndarray, " run"], ratio: Float[np.ndarray, " run"]) -> list[str]:
    """What is found without seeds whose network on the whole table is not Gen alone."""
    if not (left := mixed(read)):
        return []
    taus = _taus(read, ratio, on & ~np.isin(seeds(read), left))
    return [
        f"On the whole table the networks of {named(left)} are not Gen alone (trigonometric share "
        f"at most {GENERALISES:.3g}); of the other seeds tau by the logits is at least 0.9 in {count_of(taus >= 0.9)}."
    ]


def _ratio(gen: Float[np.ndarray, " run"], mem: Float[np.ndarray, " run"]) -> Float[np.ndarray, " run"]:
    """Gen over Mem; infinite where there is no Mem, NaN where nothing was measured."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isnan(gen + mem), np.nan, np.where(mem <= 0, np.inf, gen / mem))


def _by_seed(read: Reading, runs: Bool[np.ndarray, " run"]) -> list[np.ndarray]:
    """The numbers of the runs seed by seed, by size."""
    order = np.argsort(sizes(read), kind="stable")
    return [
        np.array([run for run in order.tolist() if runs[run] and seeds(read)[run] == seed], dtype=int)
        for seed in np.unique(seeds(read)[runs]).tolist()
    ]


def _monotone(
    claim: Claim,
    read: Reading,
    ratio: Float[np.ndarray, " run"],
    on: Bool[np.ndarray, " run"],
    memorised: Bool[np.ndarray, " run"],
) -> Finding:
    tau, of_mem = _taus(read, ratio, on), _taus(read, ratio, memorised)
    of_mem = of_mem[~np.isnan(of_mem)]
    beside = f"; among those from scratch that only memorised it is {np.median(of_mem):.3g}" if len(of_mem) else ""
    return by_seeds(
        claim,
        tau >= 0.9,
        contrary=tau <= 0,
        scale=read.scale,
        sentence=f"tau is at least 0.9 in {count_of(tau >= 0.9)} seeds; the median is "
        f"{float(np.median(tau)) if len(tau) else math.nan:.3g}{beside}",
    )


def _taus(
    read: Reading, ratio: Float[np.ndarray, " run"], runs: Bool[np.ndarray, " run"]
) -> Float[np.ndarray, " seed"]:
    """Kendall's tau between size and ratio of each seed's runs, over untied pairs; NaN where there is none."""
    taus: list[float] = []
    for those in _by_seed(read, runs & ~np.isnan(ratio)):
        first, second = np.triu_indices(len(those), 1)
        up = ratio[those[second]] > ratio[those[first]]
        down = ratio[those[second]] < ratio[those[first]]
        untied = int(up.sum() + down.sum())
        taus.append(float(up.sum() - down.sum()) / untied if untied else math.nan)
    return np.array(taus)


def _orders(ratio: Float[np.ndarray, " run"]) -> float:
    known = ratio[np.isfinite(ratio) & (ratio > 0)]
    return float(np.log10(known.max() / known.min())) if len(known) > 1 else math.nan


def _jump(read: Reading, accuracy: Float[np.ndarray, " run"], runs: Bool[np.ndarray, " run"]) -> float:
    """The largest jump of accuracy between neighbouring sizes; NaN for fewer than two."""
    known = np.flatnonzero(runs & ~np.isnan(accuracy))
    line = accuracy[known[np.argsort(sizes(read)[known])]]
    return float(np.abs(np.diff(line)).max()) if len(line) > 1 else math.nan


def _table(read: Reading, title: str, runs: Bool[np.ndarray, " run"]) -> Table:
    names = ("test_accuracy", "train_loss", "gen_logit", "mem_logit", "gen_lead", "mem_lead")
    values = {name: ends(read, name) for name in names}
    at = sizes(read)
    rows = [
        [int(size), int(np.sum(runs & (at == size))), *(spread_of(values[name][runs & (at == size)]) for name in names)]
        for size in np.unique(at[runs]).tolist()
    ]
    columns = ["pairs", "networks", *(name.replace("_", " ") for name in names)]
    return Table(title=title, columns=columns, rows=rows, note="Mean (least to largest) over seeds.")


def _charts(
    read: Reading,
    on: Bool[np.ndarray, " run"],
    logits: Float[np.ndarray, " run"],
    leads: Float[np.ndarray, " run"],
    ways: dict[str, Bool[np.ndarray, " run"]],
) -> list[Chart]:
    at = sizes(read)

    def medians(values: Float[np.ndarray, " run"], runs: Bool[np.ndarray, " run"]) -> list[tuple[float, float]]:
        known = runs & ~np.isnan(values)
        levels = np.unique(at[known]).tolist()
        points = [(size, float(np.median(values[known & (at == size)]))) for size in levels]
        return [point for point in points if math.isfinite(point[1])]

    ratios = {name: [point for point in medians(values, on) if point[1] > 0] for name, values in (
        ("logits, the paper's proxies", logits), ("leads", leads),
    )}  # fmt: skip
    accuracy = {name: medians(ends(read, "test_accuracy"), runs) for name, runs in ways.items()}
    losses = {
        name: [point for point in medians(ends(read, "train_loss"), runs) if point[1] > 0]
        for name, runs in ways.items()
    }
    return [
        Chart(title="Gen over Mem, continued", x="pairs", y="ratio, median", series=ratios, log_x=True, log_y=True),
        Chart(title="Test accuracy at convergence", x="pairs", y="test accuracy, median", series=accuracy, log_x=True),
        Chart(title="Train loss at convergence", x="pairs", y="nats, median", series=losses, log_x=True, log_y=True),
    ]


@experiment(
    source=SOURCE,
    laptop="95 networks, P = 59, 12,000 and 16,000 steps: about 15 minutes on two cores",
    paper="85 networks, P = 113, 40,000 and 55,000 steps: a day on two cores, hours on a GPU",
    seeds=5,
    claims=CLAIMS,
    choices=(
        RULE,
        "The ratio is undefined where the proxy of Mem is 0 or below; there Mem is taken as absent, the ratio as above "
        "every other.",
        "From scratch a network has as many steps as the other has on the whole table and on the part together.",
        "The paper goes on with networks that are Gen alone. Here all go on that have learnt the whole table; the "
        "remarks say which of them are not Gen alone by the trigonometric share of their logits, and what is found "
        "without these.",
    ),
    reads=(
        "train_accuracy",
        "test_accuracy",
        "train_loss",
        "trig_share",
        "gen_logit",
        "mem_logit",
        "gen_lead",
        "mem_lead",
    ),
    analysis=analyse,
)
def tradeoff(scale: Scale, seeds: int) -> Iterator[Run]:
    """Strengths of Gen and Mem against the size of the training set, from the whole table and from scratch."""
    for seed in range(seeds):
        whole = on_all(scale, seed)
        yield whole
        for size in SIZES[scale]:
            yield gone_on(whole, size=size, steps=PART_STEPS[scale])
            yield network(scale, seed, size=size, steps=WHOLE_STEPS[scale] + PART_STEPS[scale])
