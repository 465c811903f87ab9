"""Other algorithmic tasks: phase changes with unlimited data, grokking with limited?"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from groklab.findings import Analysis, Claim, Finding, by_seeds, untested
from groklab.models.settings import TransformerSettings
from groklab.studies.nanda._induction_shown import heads_shown, heads_table, patterns
from groklab.studies.nanda._other_tasks_claims import CLAIMS
from groklab.studies.nanda._sequence_reading import (
    LIMITED,
    TASKS,
    UNLIMITED,
    Arms,
    apart,
    arm_of,
    digit_times,
    grokking,
    induction,
    phase_change,
    without_carry,
)
from groklab.studies.nanda._sequence_tables import curve_charts, lead_table, network_tables
from groklab.studies.nanda.mainline import FRESH
from groklab.studies.reading import Reading, count_of, spread_of
from groklab.studies.study import Scale, experiment
from groklab.tasks.sequences.settings import DigitsSettings, SubsequencesSettings, TrigramsSettings
from groklab.training.settings import OptimiserSettings, Run, Schedule

if TYPE_CHECKING:
    from groklab.record import Record

LIMITS = {"digits": 700, "subsequences": 512, "trigrams": 512}
"""Sequences of the training set where data are limited."""


def analyse(record: "Record") -> Analysis:
    """Phase changes and grokking of each task, the digits one by one, the induction heads."""
    read, seen = Reading(record), record.derived()
    arms = {
        (task, data): [number for number, run in enumerate(read.runs) if arm_of(run) == (task, data)]
        for task in TASKS.values()
        for data in (UNLIMITED, LIMITED)
    }
    return Analysis(
        findings=[_finding(read, claim, arms) for claim in CLAIMS],
        tables=[*network_tables(read, arms), *heads_table(seen, record.runs), *lead_table(read, arms)],
        charts=curve_charts(read, arms),
        heat_maps=heads_shown(seen, record.runs),
    )


def _finding(read: Reading, claim: Claim, arms: Arms) -> Finding:
    task, _, what = claim.identifier.partition(".")[2].partition("-")
    if what == "phase-change":
        changes = [phase_change(read, run) for run in arms[task, UNLIMITED]]
        holds = np.array([one.holds for one in changes], dtype=bool)
        # In log a long tail down to small losses is most of the fall: both scales are said.
        sentence = (
            f"in {count_of(holds)} networks with unlimited data the test loss falls by half of its way in log within a "
            f"tenth of training, the train loss no lower; from 90% to 10% of its way in nats it takes "
            f"{_spread([one.nats for one in changes])}, a tenth of training being "
            f"{_spread([one.tenth for one in changes])}"
        )
        slow = np.array([one.contrary for one in changes], dtype=bool)
        return by_seeds(claim, holds, contrary=slow, scale=read.scale, sentence=sentence)
    if what == "limited-phase-change":
        changes = [phase_change(read, run, "train_loss") for run in arms[task, LIMITED]]
        holds = np.array([one.holds for one in changes], dtype=bool)
        sentence = (
            f"in {count_of(holds)} networks with limited data the train loss falls by half of its way in log within a "
            f"tenth of training; from 90% to 10% of its way in nats it takes {_spread([one.nats for one in changes])}, "
            f"a tenth of training being {_spread([one.tenth for one in changes])}"
        )
        slow = np.array([one.contrary for one in changes], dtype=bool)
        return by_seeds(claim, holds, contrary=slow, scale=read.scale, sentence=sentence)
    if what == "limited-groks":
        found = [grokking(read, run) for run in arms[task, LIMITED]]
        holds = np.array([one.groks for one in found], dtype=bool)
        sentence = (
            f"{count_of(holds)} networks grok; half of its way has the train loss gone "
            f"{_steps([one.train for one in found])}, the test loss {_steps([one.test for one in found])}"
        )
        # A test loss that has not fallen by the end may fall later: that is no evidence against the claim.
        without = np.array([math.isfinite(one.test) and not one.groks for one in found], dtype=bool)
        return by_seeds(claim, holds, contrary=without, scale=read.scale, sentence=sentence)
    if what == "one-by-one":
        times = [digit_times(read, run) for run in arms[task, UNLIMITED]]
        shares = np.array([apart(one) for one in times], dtype=float).reshape(-1, 2)
        if np.isnan(shares).any():
            return untested(claim, scale=read.scale, sentence="the loss of each digit was not measured")
        least, most = shares.T
        without = np.array([apart(without_carry(read, one))[0] for one in times], dtype=float)
        sentence = (
            f"the share of pairs of digits at different times is {spread_of(least) or 'not measured'}, without the "
            f"first digit, which is 0 or 1, {spread_of(without) or 'not measured'}"
        )
        return by_seeds(claim, least >= 0.5, contrary=most < 0.5, scale=read.scale, sentence=sentence)
    heads = [induction(read, run) for run in arms[task, UNLIMITED]]
    if any(one is None for one in heads):
        return untested(claim, scale=read.scale, sentence="the heads' scores were not measured")
    wholes = read.lasted[arms[task, UNLIMITED]]
    holds = np.array([one is not None and one.together(whole) for one, whole in zip(heads, wholes, strict=True)], bool)
    # A test loss that has not fallen by the end may fall later, with a head that forms then.
    falls = np.array([one is not None and math.isfinite(one.falls) for one in heads], dtype=bool)
    there = [one is not None and one.found for one in heads]
    sentence = (
        f"{count_of(there)} networks with unlimited data have an induction head in the second layer at the end, and in "
        f"{count_of(holds)} it forms as the test loss falls"
    )
    return by_seeds(claim, holds, contrary=~holds & falls, scale=read.scale, sentence=sentence)


def _steps(values: list[float]) -> str:
    """When something comes, in words: the median step, and in how many networks not within the budget."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "in none within the budget"
    late = len(values) - len(finite)
    return f"after {np.median(finite):,.0f} steps" + (f" (in {late} not within the budget)" if late else "")


def _spread(values: list[float]) -> str:
    """Numbers of steps in words: their mean, with the least and the largest where they differ."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "a number of steps that is not known"
    ends = f" ({min(known):,.0f} to {max(known):,.0f})" if min(known) < max(known) else ""
    return f"{np.mean(known):,.0f} steps{ends}"


def network(scale: Scale, task: str) -> Run:
    """A task's network, with unlimited data."""
    return _published(task) if scale == "paper" else _small(task)


def _published(task: str) -> Run:
    common = Run(logging=Schedule(every=100), checkpoints=Schedule(every=5000, growth=1.0))
    if task == "digits":
        return replace(
            common,
            task=DigitsSettings(test=1024),
            model=TransformerSettings(d_model=512, d_mlp=2048, classes=10),
            optimiser=OptimiserSettings(learning_rate=1e-4, weight_decay=0.1),
            batch_size=64,
            steps=20_000,
        )
    narrow = TransformerSettings(layers=2, d_model=48, d_mlp=0)
    if task == "subsequences":
        return replace(common, task=SubsequencesSettings(), model=narrow, batch_size=256, steps=20_000)
    trigrams = TrigramsSettings()
    model = narrow.replace({"layers": 1, "classes": trigrams.classes})
    return replace(common, task=trigrams, model=model, batch_size=256, steps=20_000)


def _small(task: str) -> Run:
    """Narrow networks and short sequences, chosen on seed 0 with unlimited data as ones that learn in 2,000 steps."""
    common = Run(
        optimiser=OptimiserSettings(learning_rate=3e-3, weight_decay=0.1),
        batch_size=64,
        steps=4000,
        logging=Schedule(every=50),
        checkpoints=Schedule(every=1000, growth=1.0),
    )
    if task == "digits":
        model = TransformerSettings(d_model=64, d_mlp=256, classes=10)
        return replace(common, task=DigitsSettings(test=256), model=model)
    narrow = TransformerSettings(layers=2, d_model=32, d_mlp=0)
    if task == "subsequences":
        sequences = SubsequencesSettings(tokens=64, sequence=24, block=8, test=256)
        return replace(common, task=sequences, model=narrow)
    trigrams = TrigramsSettings(test=256)
    return replace(common, task=trigrams, model=narrow.replace({"layers": 1, "classes": trigrams.classes}))


def limited(run: Run, scale: Scale, task: str) -> Run:
    """The same with limited data, and more steps."""
    few = run.replace({"task.examples": LIMITS[task]})
    if scale == "laptop":
        return few.replace({"optimiser.weight_decay": 0.3, "steps": 10_000})
    return few.replace({"batch_size": None, "steps": 230_000 if task == "subsequences" else 40_000})


@experiment(
    source="Nanda et al. 2023, appendix E",
    laptop="30 networks, 4,000 to 10,000 steps: about 12 minutes on two cores",
    paper="30 networks, up to 230,000 steps: days on a GPU",
    seeds=5,
    claims=CLAIMS,
    analysis=analyse,
    derived=patterns,
    run_with="forum",
    reads=("loss_by_digit", "prefix_matching", "copying", "previous_token", "sum_of_squares"),
    choices=(
        "The facts that are published: 5-digit addition in one layer with 700 sums where data are limited; repeated "
        "subsequences in two layers of attention of width 48, vocabulary 128, length 85, with 512 sequences; skip "
        "trigrams with 512. The rest is ours, or read off public copies of the released notebook: for the sums "
        "learning rate 1e-4, decay 0.1, batches of 64, width 512.",
        "Sums: the most significant digit first, in the numbers and in the answer, which has six; each is predicted "
        "from those before it. Digits are uniform, leading zeros included.",
        "Repeated subsequences: one block of random tokens comes twice in each sequence, at two random places, so that "
        "no fixed distance tells what comes next; what counts is the block's second copy without its first token. "
        "What the released notebook counts is not known.",
        "Skip trigrams: 8 tokens A, 8 tokens B and an answer of its own for each of the 64 pairs. A stands at a random "
        "place in random noise of 496 tokens, B at the end, where the answer is read. Length 85, as for the "
        "subsequences: what is published of this task is not known.",
        "A training set is drawn once, with the run's seed; unlimited data are drawn anew at each step.",
        "At laptop scale networks are narrower (64 with 256 neurons for sums, 32 for the others), subsequences of 8 in "
        "24 of 64 tokens, and training sets are taken in minibatches of 64.",
        "At laptop scale the decay is 0.1 with unlimited data and 0.3 with limited: the post says that grokking takes "
        "high regularisation, not which. Of 0.1, 0.3, 1 and 2, tried on seeds 0 and 1 after a first run of 6,000 steps "
        "with 1, it is the largest with which the training set of every task is learned: with 1 that of the "
        "subsequences is not. At paper scale it is 0.1 for sums and 1 for the others.",
        "Accuracies are those of single answers.",
        "A fall is that of a running median over a twentieth of the logged points, from the first value to the median "
        "over the last tenth of the steps; a loss that does not halve does not fall.",
        "Copying: the share of tokens whose own logit the head's way from embedding to logits raises most "
        "(docs/measures.md). The induction head is looked for among the networks with unlimited data.",
        "The head that is shown is that of the last layer with the highest prefix matching of the last network, the "
        "sequence the first that the run's seed draws for the test set, whatever they look like.",
        "Seeds from 8 on: 0 to 7 are for trying settings.",
    ),
)
def other_tasks(scale: Scale, seeds: int) -> Iterator[Run]:
    """Addition digit by digit, repeated subsequences and skip trigrams, with unlimited and with limited data."""
    for task in LIMITS:
        run = network(scale, task)
        for seed in range(FRESH, FRESH + seeds):
            yield run.replace({"seed": seed})
        few = limited(run, scale, task)
        for seed in range(FRESH, FRESH + seeds):
            yield few.replace({"seed": seed})
