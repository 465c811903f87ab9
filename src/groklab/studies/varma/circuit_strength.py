"""How strong Gen and Mem are while a network groks, and what the norm does."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from groklab.curves import running_median
from groklab.findings import Analysis, Chart, Table, by_seeds
from groklab.findings.claim import Claim
from groklab.studies.nanda.mainline import setting
from groklab.studies.reading import Reading, count_of
from groklab.studies.study import Scale, experiment
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

SOURCE = "Varma et al. 2023, appendix A.3, figure 9"
CLAIMS = (
    Claim(
        identifier="varma.strength-both-rise",
        source=SOURCE,
        claim="For a time after memorisation the logits of Gen and of Mem both rise while the parameter norm falls.",
        published="from epoch 200 to 1,500 of the run shown",
        how="From the peak of the norm to the peak of the Mem logit, both smoothed and before grokking: that time is "
        "not empty, and the Gen logit rises over it.",
        criterion="At least 80% of the networks that grokked.",
    ),
    Claim(
        identifier="varma.strength-gen-falls",
        source=SOURCE,
        claim="At the end the Gen logit falls while Mem's is already 0.",
        published="after epoch 4,000 of the run shown",
        how="After the peak of the smoothed Gen logit, from the step on at which the Mem logit is below a tenth of "
        "it: the Gen logit falls by at least 5%, and the test loss falls.",
        criterion="At least 80% of the networks that grokked.",
    ),
    Claim(
        identifier="varma.strength-mem-negative",
        source="Varma et al. 2023, appendix B",
        claim="The paper's proxies understate Mem and overstate Gen: Mem's logit becomes negative.",
        published="in words",
        how="The least smoothed Mem logit after memorisation is below minus a twentieth of the largest Gen logit.",
        criterion="At least 80% of the networks that grokked.",
    ),
)
READS = (
    "train_accuracy",
    "test_accuracy",
    "train_loss",
    "test_loss",
    "sum_of_squares",
    "gen_logit",
    "mem_logit",
    "gen_lead",
    "mem_lead",
)
SMOOTHING = 0.05
"""Share of the logged points of the running median."""


def analyse(record: "Record") -> Analysis:
    """Peaks of the norm and of both logits, and what the circuits are at the end, by both proxies."""
    read = Reading(record)
    gen, mem, norm = (_smooth(read, name) for name in ("gen_logit", "mem_logit", "sum_of_squares"))
    both: list[bool] = []
    late: list[bool] = []
    negative: list[bool] = []
    rows: list[list[str | int | float | None]] = []
    for run in np.flatnonzero(read.has_grokked & ~np.isnan(read.memorised)).tolist():
        known = np.flatnonzero(~np.isnan(gen[run]))
        steps = read.steps[known]
        g, m, n = gen[run][known], mem[run][known], norm[run][known]
        loss = read.curve("test_loss")[run][known]
        before = steps <= read.grokked[run]
        after = steps >= read.memorised[run]
        top, peak = int(np.where(before, n, -np.inf).argmax()), int(np.where(before, m, -np.inf).argmax())
        both.append(top < peak and g[peak] > g[top])
        summit = int(g.argmax())
        gone = np.flatnonzero((np.arange(len(g)) >= summit) & (m < 0.1 * g))
        begin = int(gone[0]) if len(gone) else len(g) - 1
        late.append(g[-1] <= 0.95 * g[begin] and loss[-1] < loss[begin])
        negative.append(bool(np.min(m[after]) < -g.max() / 20))
        rows.append(
            [
                run,
                *(float(steps[place]) for place in (top, peak, summit)),
                *(float(value) for value in (g.max(), g[-1], m[-1])),
                *(float(read.last(name)[run]) for name in ("gen_lead", "mem_lead")),
            ]
        )
    rises, falls, below = (np.array(values, dtype=bool) for values in (both, late, negative))
    return Analysis(
        findings=[
            by_seeds(
                CLAIMS[0],
                rises,
                contrary=~rises,
                scale=read.scale,
                sentence=f"in {count_of(rises)} networks the Mem logit goes on rising past the peak of the norm, and "
                "the Gen logit with it",
            ),
            by_seeds(
                CLAIMS[1],
                falls,
                contrary=~falls,
                scale=read.scale,
                sentence=f"in {count_of(falls)} networks the Gen logit falls by 5% or more with Mem's gone",
            ),
            by_seeds(
                CLAIMS[2],
                below,
                contrary=~below,
                scale=read.scale,
                sentence=f"in {count_of(below)} networks the Mem logit becomes clearly negative",
            ),
        ],
        tables=[
            Table(
                title="Peaks and ends of the networks that grokked",
                columns=[
                    "run",
                    "norm peaks at step",
                    "Mem logit peaks at",
                    "Gen logit peaks at",
                    "largest Gen logit",
                    "last Gen logit",
                    "last Mem logit",
                    "last Gen lead",
                    "last Mem lead",
                ],
                rows=rows,
                note="Logits by the paper's proxies, smoothed; the first two peaks are those before grokking. Leads: "
                "see the measures `gen_lead` and `mem_lead`.",
            )
        ],
        charts=_charts(read),
    )


def _smooth(read: Reading, name: str) -> np.ndarray:
    values = read.curve(name)
    smooth = np.full_like(values, np.nan)
    for run, row in enumerate(values):
        known = ~np.isnan(row)
        smooth[run, known] = running_median(row[known], SMOOTHING)
    return smooth


def _charts(read: Reading) -> list[Chart]:
    run = int(read.has_grokked.argmax())

    def line(values: np.ndarray) -> list[tuple[float, float]]:
        known = ~np.isnan(values)
        return list(zip(read.steps[known].tolist(), values[known].tolist(), strict=True))

    groups = {
        "Correct logits of Gen and Mem, the paper's proxies": ("gen_logit", "mem_logit"),
        "Leads of Gen and Mem": ("gen_lead", "mem_lead"),
        "Losses": ("train_loss", "test_loss"),
    }
    charts = [
        Chart(
            title=f"{title}, run {run}",
            x="step",
            y="loss (nats)" if title == "Losses" else "nats",
            series={name.replace("_", " "): line(read.curve(name)[run]) for name in names},
            log_y=title == "Losses",
        )
        for title, names in groups.items()
    ]
    norm = {"norm": line(np.sqrt(read.curve("sum_of_squares")[run]))}
    return [*charts, Chart(title=f"Parameter norm, run {run}", x="step", y="norm", series=norm)]


@experiment(
    source=SOURCE,
    laptop="5 networks, P = 59, 8,000 steps: about 1 minute on two cores",
    paper="5 networks, P = 113, 40,000 steps: half an hour on two cores",
    seeds=5,
    claims=CLAIMS,
    choices=(
        "The main setting; the paper shows one run, these are several.",
        "Curves are smoothed by a running median over a twentieth of the logged points before peaks are looked for.",
        "Strengths are the paper's proxies (appendix B); a better one, on leads, stands beside them.",
    ),
    reads=READS,
    analysis=analyse,
)
def circuit_strength(scale: Scale, seeds: int) -> Iterator[Run]:
    """The strengths of both circuits, the norm and the losses along runs that grok."""
    for seed in range(seeds):
        run = setting(scale, seed)
        steps = 8000 if scale == "laptop" else run.steps
        yield run.replace({"steps": steps, "checkpoints.every": steps, "checkpoints.growth": 1.0})
