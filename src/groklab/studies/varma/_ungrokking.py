"""What the runs of `ungrokking` say: how much of generalisation stays on each kind of pairs."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.curves import bootstrap
from groklab.findings import Analysis, Chart, Claim, Finding, Table, by_seeds, untested
from groklab.studies.reading import Arms, Reading, count_of, in_words, mean_of, median_of, spread_of
from groklab.studies.study import find
from groklab.studies.varma._cooled import cooled_alike, cooled_table
from groklab.studies.varma._ends import LEARNT, OPEN, ends, from_converged, of_number, seeds, settled, sizes
from groklab.studies.varma._transitions import transition
from groklab.tasks import Split, Task
from groklab.training.settings import Run

if TYPE_CHECKING:
    from groklab.record import Record

READS = (
    "train_accuracy",
    "test_accuracy",
    "train_loss",
    "sum_of_squares",
    "trig_share",
    "mirror_accuracy_trained",
    "mirror_accuracy_untrained",
)
MIDDLING = (0.1, 0.9)
"""Test accuracy of a network half-way."""
HALF = 0.5
"""Test accuracy below which a network has fallen."""
LEFT_OUT, NO_DECAY, WRONG, RIGHT_ONLY = (
    "left out",
    "left out, no decay",
    "wrong labels",
    "left out, a fixed fifth tested",
)
COOLED = "left out, the learning rate falls at the end"
BEFORE, NEVER = "three quarters first, tested on the rest", "three quarters first, tested on the held-out quarter"


def arm(run: Run) -> str:
    """The arm of a run; "" for one that others start from."""
    if run.start is None:
        return ""
    if run.start.split.held_out > 0:
        return NEVER if run.split.held_out > 0 else BEFORE
    if run.split.noise > 0:
        return WRONG
    if run.split.held_out > 0:
        return RIGHT_ONLY
    if run.optimiser.cooldown > 0:
        return COOLED
    return LEFT_OUT if run.optimiser.weight_decay == run.start.optimiser.weight_decay else NO_DECAY


def analyse(record: "Record") -> Analysis:
    """Test accuracy at convergence by size and arm, split by mirrors; its transition; what of it is memory."""
    read = Reading(record)
    sound = from_converged(read)
    arms = {name: runs[sound[runs]] for name, runs in read.arms(arm).items()}
    none = np.zeros(0, dtype=int)
    main, cooled = arms.get(LEFT_OUT, none), arms.pop(COOLED, none)
    accuracy = ends(read, "test_accuracy")
    remembered = _remembered(read, arms.get(BEFORE, none), arms.get(NEVER, none))
    tables = [_table(read, name, runs) for name, runs in arms.items() if len(runs)]
    tables += [cooled_table(read, main, cooled)] if len(cooled) else []
    return Analysis(
        findings=[
            *_main(read, main, accuracy),
            _no_decay(read, accuracy, main, arms.get(NO_DECAY, none)),
            *_mirrors(read, main, accuracy),
            _memory(read, remembered),
            _wrong(read, accuracy, arms.get(WRONG, none), arms.get(RIGHT_ONLY, none)),
            cooled_alike(claims()["varma.ungrokking-rule"], read, main, cooled),
        ],
        tables=[*tables, _parents(read)],
        charts=_charts(read, arms, accuracy),
        remarks=_remarks(read, sound),
    )


def claims() -> dict[str, Claim]:
    """The study's claims by identifier."""
    return {claim.identifier: claim for claim in find("varma/ungrokking").claims}


def _main(read: Reading, main: Int[np.ndarray, " run"], accuracy: Float[np.ndarray, " run"]) -> list[Finding]:
    falls, sharp, stays = (claims()[f"varma.ungrokking{end}"] for end in ("", "-sharp", "-train-stays"))
    at = sizes(read)[main]
    least = main[at == at.min(initial=np.inf)]
    low, train = accuracy[least], ends(read, "train_accuracy")[main]
    mask = np.isin(np.arange(len(read.runs)), main)
    found = transition(read, accuracy, mask)
    return [
        by_seeds(
            falls,
            low < 0.1,
            contrary=low > 0.9,
            scale=read.scale,
            sentence=f"{count_of(low < 0.1)} networks on {at.min(initial=np.inf):,.0f} pairs end below 0.1; "
            f"mean test accuracy {mean_of(low) or 0:.3g}",
        ),
        untested(sharp, scale=read.scale, sentence="fewer than three sizes were trained")
        if found is None
        else of_number(
            sharp,
            found.width,
            read,
            allowed=(1, 3.8),
            contrary=[(3.8, np.inf)],
            units="factor of the size",
            sentence=f"{found.sentence}; {count_of(settled(read)[main])} networks had settled at the end",
        ),
        by_seeds(
            stays,
            train > LEARNT,
            scale=read.scale,
            sentence=f"{count_of(train > LEARNT)} networks answer all their train pairs at convergence",
        ),
    ]


def _no_decay(
    read: Reading, accuracy: Float[np.ndarray, " run"], main: Int[np.ndarray, " run"], without: Int[np.ndarray, " run"]
) -> Finding:
    """By seed: the least accuracy without decay of the sizes at which the same network with decay falls below half."""
    place = {(seeds(read)[run], sizes(read)[run]): accuracy[run] for run in main.tolist()}
    fell = [run for run in without.tolist() if place.get((seeds(read)[run], sizes(read)[run]), np.nan) < HALF]
    by_seed = {seed: min(accuracy[run] for run in fell if seeds(read)[run] == seed) for seed in seeds(read)[fell]}
    least = np.array(list(by_seed.values()), float)
    kept = accuracy[fell] > MIDDLING[1]
    return by_seeds(
        claims()["varma.ungrokking-needs-decay"],
        least > MIDDLING[1],
        contrary=least < HALF,
        scale=read.scale,
        sentence=f"of networks that fall below one half with decay {count_of(kept)} keep a test accuracy above "
        f"{MIDDLING[1]:g} without, all of them in {count_of(least > MIDDLING[1])} seeds; the mean is "
        f"{mean_of(accuracy[fell]) or 0:.3g}, the least {accuracy[fell].min(initial=1):.3g}",
    )


def _mirrors(read: Reading, main: Int[np.ndarray, " run"], accuracy: Float[np.ndarray, " run"]) -> list[Finding]:
    alone, helps = claims()["varma.ungrokking-mirrors"], claims()["varma.ungrokking-mirrors-help"]
    half = main[(accuracy[main] > MIDDLING[0]) & (accuracy[main] < MIDDLING[1])]
    without = ends(read, "mirror_accuracy_untrained")[half]
    gains = ends(read, "mirror_accuracy_trained")[half] - without
    label = seeds(read)[half]
    gain = bootstrap(np.array([gains[label == seed].mean() for seed in np.unique(label)]), statistic=np.mean)
    return [
        by_seeds(
            alone,
            without < 0.1,
            contrary=without > 0.1,
            scale=read.scale,
            sentence=f"{count_of(without < 0.1)} networks half-way answer fewer than a tenth of the pairs whose mirror "
            f"was dropped as well; the mean is {mean_of(without) or 0:.3g}, beside "
            f"{mean_of(accuracy[half]) or 0:.3g} on all dropped pairs",
        ),
        of_number(
            helps,
            gain,
            read,
            allowed=(0, 1),
            contrary=[(-1, 0)],
            units="accuracy",
            sentence=f"what the kept mirror adds to the accuracy is {in_words(gain)}",
        ),
    ]


def _memory(read: Reading, rows: list[tuple[int, int, float, float]]) -> Finding:
    """The mean over seeds of the difference, of each the mean over the sizes at which there is one to see."""
    inside = [row for row in rows if OPEN[0] < row[3] < OPEN[1]]
    by_seed = [np.mean([row[2] - row[3] for row in inside if row[0] == seed]) for seed in {row[0] for row in inside}]
    gain = bootstrap(np.array(by_seed, float), statistic=np.mean)
    return of_number(
        claims()["varma.ungrokking-memory"],
        gain,
        read,
        allowed=(0, 1),
        contrary=[(-1, 0)],
        units="accuracy",
        sentence=f"what having been trained on adds to the accuracy is {in_words(gain)}, over {len(inside)} networks",
    )


def _remembered(
    read: Reading, before: Int[np.ndarray, " run"], never: Int[np.ndarray, " run"]
) -> list[tuple[int, int, float, float]]:
    """Seed, size, accuracy on dropped and on never trained pairs, for every network that was tested on both.

    Only pairs whose mirror is not trained on. Tested on all the rest, dropped ones and never trained ones are mixed
    by their numbers.
    """
    mean = ends(read, "mirror_accuracy_untrained")
    found: list[tuple[int, int, float, float]] = []
    for held in never.tolist():
        twin = [one for one in before.tolist() if _same(read.runs[one], read.runs[held])]
        if not twin:
            continue
        of_rest, of_never = (_without_mirror(read.runs[one]) for one in (twin[0], held))
        dropped = of_rest - of_never
        known = (of_rest * mean[twin[0]] - of_never * mean[held]) / dropped if dropped else np.nan
        found.append((read.runs[held].seed, int(sizes(read)[held]), float(known), float(mean[held])))
    return found


def _same(one: Run, other: Run) -> bool:
    return one.replace({"held_out": 0.0}) == other.replace({"held_out": 0.0})


def _without_mirror(run: Run) -> int:
    """Test pairs whose mirror is not trained on, those with themselves among them."""
    return int(Split.of(Task.of(run.task), run.split, run.data_seed).mirror_untrained.sum())


def _wrong(
    read: Reading,
    accuracy: Float[np.ndarray, " run"],
    wrong: Int[np.ndarray, " run"],
    right: Int[np.ndarray, " run"],
) -> Finding:
    twins = _paired(read, wrong, right)
    telling = [pair for pair in twins if any(OPEN[0] < accuracy[one] < OPEN[1] for one in pair)]
    counted = [(read.runs[one].seed, accuracy[one] - accuracy[twin]) for one, twin in telling]
    by_seed = [np.mean([gap for seed, gap in counted if seed == one]) for one in {seed for seed, _ in counted}]
    gap = bootstrap(np.array(by_seed, float), statistic=np.mean)
    there = np.array([one for one, _ in telling], dtype=int)
    return of_number(
        claims()["varma.ungrokking-wrong-labels"],
        gap,
        read,
        allowed=(-0.1, 0.1),
        contrary=[(-1, -0.1), (0.1, 1)],
        units="accuracy",
        sentence=f"what the wrong labels add to the accuracy on the tested fifth is {in_words(gap)}, over "
        f"{len(counted)} networks, which answer {spread_of(ends(read, 'train_accuracy')[there]) or 'none'} of their "
        "train pairs, wrong labels among them: they also have more to store",
    )


def _paired(read: Reading, wrong: Int[np.ndarray, " run"], right: Int[np.ndarray, " run"]) -> list[tuple[int, int]]:
    """Networks with wrong labels beside those of the same seed with as many right ones."""
    by_place = {(read.runs[one].seed, right_labels(read.runs[one])): one for one in right.tolist()}
    places = [(one, (read.runs[one].seed, right_labels(read.runs[one]))) for one in wrong.tolist()]
    return [(one, by_place[place]) for one, place in places if place in by_place]


def right_labels(run: Run) -> int:
    """How many pairs a run is trained on with their right answers, on average over the draw of the noise."""
    return round((run.split.size or 0) * (1 - run.split.noise))


def _fallen(read: Reading, runs: Int[np.ndarray, " run"], name: str = "test_accuracy") -> Float[np.ndarray, " run"]:
    """The first logged step with an accuracy below one half; NaN for never."""
    below = read.curve(name)[runs] < HALF
    return np.where(below.any(axis=1), read.steps[below.argmax(axis=1)], np.nan)


def _fell(read: Reading, runs: Int[np.ndarray, " run"], name: str) -> str | None:
    """The median step at which an accuracy falls below one half, and in how many networks it does."""
    fallen = _fallen(read, runs, name)
    fell = fallen[~np.isnan(fallen)]
    return f"{np.median(fell):,.0f} ({len(fell)})" if len(fell) else None


def _table(read: Reading, name: str, runs: Int[np.ndarray, " run"]) -> Table:
    measures = ("test_accuracy", "mirror_accuracy_trained", "mirror_accuracy_untrained", "train_accuracy")
    values = {measure: ends(read, measure) for measure in measures}
    still = settled(read)
    labels = np.array([right_labels(read.runs[run]) for run in runs.tolist()])
    rows: list[list[str | int | float | None]] = []
    for size in np.unique(labels).tolist():
        here = runs[labels == size]
        fallen = _fallen(read, here)
        rows.append(
            [
                int(size),
                len(here),
                *(spread_of(values[measure][here]) for measure in measures),
                int(np.sum(~np.isnan(fallen))),
                median_of(fallen),
                *(_fell(read, here, which) for which in measures[1:3]),
                int(still[here].sum()),
            ]
        )
    return Table(
        title=f"At convergence: {name}",
        columns=[
            "right pairs", "networks", "test accuracy", "mirror kept", "mirror dropped", "train accuracy",
            "fell below 0.5", "median step of that", "where the mirror is kept", "where it is dropped", "settled",
        ],
        rows=rows,
        note="Mean (least to largest). Median steps are those of the networks that fell; for both kinds of dropped "
        "pairs beside how many fell on them. Settled: the median of test accuracy over the last quarter of the steps "
        "is that over the quarter before, up to 0.02.",
    )  # fmt: skip


def _parents(read: Reading) -> Table:
    accuracy, share = ends(read, "train_accuracy"), ends(read, "trig_share")
    rows = [
        [run.seed, int(sizes(read)[number]), float(accuracy[number]), float(share[number])]
        for number, run in enumerate(read.runs)
        if run.start is None
    ]
    columns = ["seed", "pairs", "train accuracy", "trigonometric share"]
    return Table(title="The networks that others start from, at convergence", columns=columns, rows=rows)


def _charts(read: Reading, arms: Arms, accuracy: Float[np.ndarray, " run"]) -> list[Chart]:
    by_size = {name: _means(read, runs, accuracy) for name, runs in arms.items() if len(runs)}
    main = arms.get(LEFT_OUT, np.zeros(0, dtype=int))
    mirrors = {
        label: _means(read, main, ends(read, measure))
        for label, measure in (
            ("mirror kept", "mirror_accuracy_trained"),
            ("mirror dropped", "mirror_accuracy_untrained"),
        )
    }
    first = main[seeds(read)[main] == seeds(read)[main].min(initial=0)] if len(main) else main
    over_time: dict[str, list[tuple[float, float]]] = {}
    for run in first.tolist():
        values = read.curve("test_accuracy")[run]
        known = ~np.isnan(values)
        points = list(zip(read.steps[known].tolist(), values[known].tolist(), strict=True))
        over_time[f"{sizes(read)[run]:.0f} pairs"] = points
    x, y = "pairs with right answers", "test accuracy at convergence, mean"
    return [
        Chart(title="Test accuracy at convergence", x=x, y=y, series=by_size, log_x=True),
        Chart(title="Dropped pairs, by whether the mirror was kept", x=x, y=y, series=mirrors, log_x=True),
        Chart(title="Ungrokking of the first seed", x="step", y="test accuracy", series=over_time),
    ]


def _means(
    read: Reading, runs: Int[np.ndarray, " run"], values: Float[np.ndarray, " run"]
) -> list[tuple[float, float]]:
    labels = np.array([right_labels(read.runs[run]) for run in runs.tolist()])
    known = ~np.isnan(values[runs])
    return [
        (float(size), float(values[runs][(labels == size) & known].mean()))
        for size in np.unique(labels[known]).tolist()
    ]


def _remarks(read: Reading, sound: Bool[np.ndarray, " run"]) -> list[str]:
    children = np.array([run.start is not None for run in read.runs])
    return [
        f"{int(np.sum(children & ~sound))} of {int(children.sum())} networks started from one that had not learnt its "
        "table and are left out.",
    ]
