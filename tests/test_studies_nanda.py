"""The analyses of the studies of Nanda et al.: what they read off records whose content is known."""

import math

import numpy as np
import pytest

from groklab.curves import Estimate
from groklab.findings import Analysis, Finding
from groklab.models.settings import TransformerSettings
from groklab.studies import catalogue, find
from groklab.studies.nanda.mainline import FRESH
from groklab.studies.reading import Reading, count_of, in_steps, in_words, rank_agreement, staircase
from groklab.training.settings import Run
from groklab.training.status import Status
from made_up_record import STEPS, Values, made_up

NAMES = [name for name in catalogue() if name.startswith("nanda/")]
MEMORISED = 100


def analysed(record: object, name: str) -> Analysis:
    analysis = find(name).analysis
    assert analysis is not None
    return analysis(record)  # type: ignore[arg-type]


def finding(analysis: Analysis, end: str) -> Finding:
    (found,) = [one for one in analysis.findings if one.claim.identifier == f"nanda.{end}"]
    return found


def grokking(at: float = 600.0, lead: float = 100.0, *, late: float = 0.3) -> Values:
    """The published course: everything in its phase, the restricted loss `lead` steps before the test loss.

    `at` is the step of grokking, infinite for never; `late` the test accuracy in between.
    """
    learnt = 1 / (1 + np.exp(-(STEPS - at) / 20)) if math.isfinite(at) else 0 * STEPS
    before = 1 / (1 + np.exp(-(STEPS - at + lead) / 20)) if math.isfinite(at) else 0 * STEPS
    formed = np.clip((STEPS - MEMORISED) / 400, 0, 1)
    known = np.minimum(STEPS / MEMORISED, 1)
    return {
        "train_accuracy": known,
        "train_loss": 4 * np.exp(-STEPS / 10.0) + 1e-7,
        "test_accuracy": late * known * (1 - learnt) + learnt,
        "test_loss": np.exp(2 - 16 * learnt),
        "restricted_loss_test": np.exp(2 - 17 * before),
        "restricted_loss": np.exp(2 - 17 * before),
        "excluded_loss": np.exp(1.5 - 6 * known + 7 * formed * (1 if math.isfinite(at) else 0)),
        "sum_of_squares": 600 + 400 * known - 100 * formed - 300 * learnt,
        "gini_neuron_logit": 0.2 + 0.1 * formed + 0.4 * learnt,
        "gini_embedding": 0.2 + 0.1 * formed + 0.4 * learnt,
        "trig_share": 0.95 * learnt,
        "effective_frequencies_embedding": 29 - 25 * learnt,
        "key_frequency": np.arange(6) < 4,
        "key_count": 4.0 * (at < STEPS),
        "logit_cosine": np.ones((STEPS.size, 1)) * np.array([1, 1, 1, 1, 0.1, 0]),
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_comes_back_once_in_order(name: str) -> None:
    found = analysed(made_up(name, lambda run: grokking(500 + 30 * run.seed), seeds=2), name)
    assert [one.claim for one in found.findings] == list(find(name).claims)
    assert all(one.sentence and one.scale == "laptop" for one in found.findings)
    for table in found.tables:
        assert all(len(row) == len(table.columns) for row in table.rows), table.title
        for cell in (cell for row in table.rows for cell in row):
            assert cell is None or type(cell) in (str, int, float), (table.title, cell)


@pytest.mark.parametrize("name", NAMES)
def test_runs_that_diverged_do_not_count(name: str) -> None:
    record = made_up(name, lambda run: grokking(), seeds=1)
    record.statuses = tuple(Status(state="diverged", step=20, sentence="diverged") for _ in record.statuses)
    found = analysed(record, name)
    assert [one.claim for one in found.findings] == list(find(name).claims)
    assert {one.verdict for one in found.findings} == {"not tested at this scale"}


def test_the_main_run_as_published() -> None:
    found = analysed(made_up("nanda/mainline", lambda run: grokking(550 + 10 * run.seed), seeds=5), "nanda/mainline")
    assert {one.claim.identifier: one.verdict for one in found.findings} == dict.fromkeys(
        (claim.identifier for claim in find("nanda/mainline").claims), "reproduced"
    )
    phases = found.tables[0].rows[0]
    assert phases[2] is not None
    assert str(phases[2]).startswith("100 ")


@pytest.mark.parametrize(
    ("end", "changes"),
    [
        ("restricted-first", {"restricted_loss_test": np.exp(2 - 16 / (1 + np.exp(-(STEPS - 800) / 20)))}),
        ("excluded-turns", {"excluded_loss": np.exp(-np.minimum(STEPS / 100, 6))}),
        ("key-needed", {"excluded_loss": np.exp(-np.minimum(STEPS / 100, 6))}),
        ("squares-clean-up", {"sum_of_squares": 1000 - 400 * np.clip((STEPS - 100) / 400, 0, 1)}),
        ("gini-sharpest-in-clean-up", {"gini_neuron_logit": np.minimum(STEPS, 100) / 200 + STEPS / 1e5}),
        ("rest-hurts", {"restricted_loss_test": np.exp(2 - 15 / (1 + np.exp(-(STEPS - 400) / 20)))}),
        ("restricted-falls-on", {"restricted_loss_test": np.exp(2 - STEPS / 50) + 1e-3 * np.maximum(STEPS - 450, 0)}),
        ("logits-explained", {"trig_share": 0.3}),
        ("memorise-then-generalise", {"test_accuracy": 0.3}),
    ],
)
def test_each_claim_of_the_main_run_can_fail(end: str, changes: Values) -> None:
    record = made_up("nanda/mainline", lambda run: grokking() | changes, seeds=5)
    assert finding(analysed(record, "nanda/mainline"), end).verdict in ("not reproduced", "contradicted")


def test_other_seeds_with_the_same_frequencies() -> None:
    record = made_up("nanda/seeds", lambda run: grokking(600 if run.seed > FRESH else math.inf), seeds=5)
    found = analysed(record, "nanda/seeds")
    assert finding(found, "seeds-grok").value == 0.8
    assert finding(found, "seeds-few-frequencies").verdict == "reproduced"
    alone = finding(found, "seeds-different-frequencies")
    assert (alone.value, alone.seeds) == (0, 4)


def test_less_data_takes_longer_and_too_little_never_groks() -> None:
    def values(run: Run) -> Values:
        fraction = run.split.fraction or 0
        at = math.inf if fraction < 0.3 else 900 - 800 * (fraction - 0.3) if fraction < 0.6 else 90.0
        return grokking(at)

    found = analysed(made_up("nanda/data_fraction", values, seeds=3), "nanda/data_fraction")
    verdicts = {one.claim.identifier.removeprefix("nanda.fraction-"): one.verdict for one in found.findings}
    assert verdicts["groks"] == verdicts["later-with-less"] == verdicts["at-once"] == "reproduced"
    assert verdicts["too-little"] == "reproduced"
    assert finding(found, "fraction-later-with-less").high < 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("sign", "words", "numbers"), [(1, "reproduced", "contradicted"), (-1, "contradicted", "reproduced")]
)
def test_more_decay_is_sooner_or_later_but_never_both(sign: int, words: str, numbers: str) -> None:
    def values(run: Run) -> Values:
        decay = run.optimiser.weight_decay
        return grokking(600 - sign * 100 * math.log(decay) + run.seed if decay else math.inf)

    found = analysed(made_up("nanda/weight_decay", values, seeds=4), "nanda/weight_decay")
    assert finding(found, "decay-none-never").verdict == "reproduced"
    assert finding(found, "decay-sooner").verdict == words
    assert finding(found, "decay-later").verdict == numbers


def test_dropout_is_set_beside_decay_and_l1_may_grok_against_the_paper() -> None:
    def values(run: Run) -> Values:
        plain = not (run.dropout or run.optimiser.l1 or run.optimiser.weight_decay)
        share = 0.8 if run.dropout else 0.95
        return grokking(math.inf if plain else 600) | {"trig_share": share + 0.001 * run.seed}

    found = analysed(made_up("nanda/regularisation", values, seeds=4), "nanda/regularisation")
    assert finding(found, "regularise-dropout-less-trigonometric").value == pytest.approx(-0.15)
    assert finding(found, "regularise-dropout-less-trigonometric").verdict == "reproduced"
    assert finding(found, "regularise-dropout-dense").verdict == "contradicted"
    assert finding(found, "regularise-l1").verdict == "contradicted"


def test_slingshots_are_counted_where_a_loss_jumps_and_returns() -> None:
    kicks = np.where(np.isin(STEPS, (500, 700, 900)), 1e-3, 0)

    def values(run: Run) -> Values:
        jumps = run.loss == "log_softmax" or (isinstance(run.model, TransformerSettings) and run.model.layers == 2)
        return grokking() | {"train_loss": grokking()["train_loss"] + jumps * kicks}

    for name, end in (("nanda/slingshots", "slingshots-precision"), ("nanda/depth", "depth-slingshots")):
        found = analysed(made_up(name, values, seeds=3), name)
        assert (finding(found, end).value, finding(found, end).verdict) == (1, "reproduced")
        assert [row[2:] for row in found.tables[1].rows] == [[0, 0.0, 0], [3, 3.0, 3]]


def test_small_large_and_neighbouring_primes() -> None:
    def values(run: Run) -> Values:
        if run.task.modulus == 31 and run.optimiser.weight_decay < 2:
            return grokking(math.inf)
        return grokking(120, late=0.9) if run.task.modulus == 113 else grokking()

    found = analysed(made_up("nanda/moduli", values, seeds=5), "nanda/moduli")
    verdicts = {one.claim.identifier.removeprefix("nanda.moduli-"): one.verdict for one in found.findings}
    # No neighbour of the main prime is among the runs of this scale.
    wanted = {"small-needs-decay": "reproduced", "neighbour": "not tested at this scale", "large-at-once": "reproduced"}
    assert verdicts == wanted


def test_other_networks_are_told_apart_and_the_main_one_does_not_count() -> None:
    def values(run: Run) -> Values:
        main = isinstance(run.model, TransformerSettings) and run.model.d_mlp > 0
        main = main and run.model.activation == "relu" and not run.model.layer_norm  # type: ignore[union-attr]
        return grokking(math.inf if main else 600)

    found = analysed(made_up("nanda/architecture", values, seeds=2), "nanda/architecture")
    assert finding(found, "architecture-groks").value == 1
    names = [row[0] for row in found.tables[0].rows]
    assert names == ["ReLU transformer", "attention only", "MLP", "GELU neurons", "with LayerNorm"]


@pytest.mark.parametrize("keyless", [False, True])
def test_a_measure_that_leads_and_one_that_cries_wolf(keyless: bool) -> None:
    def values(run: Run) -> Values:
        control = run.split.labels == "random" or run.optimiser.weight_decay == 0 or run.split.fraction == 0.15
        found = dict(grokking(math.inf if control else 600))
        # The sum of squares falls in every network, the restricted loss only where one groks.
        found["sum_of_squares"] = 1000 - STEPS / 2 + 0.1 * run.seed
        # Random labels leave no key frequencies, so that nothing that refers to them can be watched there.
        found["key_count"] = 0.0 if run.split.labels == "random" and keyless else 4.0
        return found

    found = analysed(made_up("nanda/lead_time", values, seeds=5), "nanda/lead_time")
    restricted = finding(found, "lead-restricted")
    assert restricted.verdict == ("partly" if keyless else "reproduced")
    assert ("none to watch with random labels" in restricted.sentence) == keyless
    assert restricted.value == pytest.approx(100, abs=25)
    assert finding(found, "lead-squares").verdict == "partly"
    assert "test_loss" not in {row[0] for row in found.tables[0].rows}


def test_an_order_by_rank_counts_what_never_grokked_as_last() -> None:
    setting = np.array([1.0, 2.0, 3.0, 4.0])
    time, grokked = np.array([100.0, 100.0, 60.0, 20.0]), np.array([False, True, True, True])
    assert rank_agreement(setting, time, grokked, np.arange(4)).value == -1
    alone = rank_agreement(setting[:1], time[:1], grokked[:1], np.arange(1))
    assert math.isnan(alone.low)


@pytest.mark.parametrize(
    ("value", "low", "high", "steps", "number"),
    [
        (100, 50, 150, "100 (50 to 150)", "100 (95% interval 50 to 150)"),
        (100, 50, math.inf, "100 (at least 50)", "100 (95% interval from 50 on, no upper bound)"),
        (math.inf, 50, math.inf, "not within the budget (at least 50)", None),
        (math.inf, math.inf, math.inf, "not within the budget", None),
        (100, math.nan, math.nan, "100", "100"),
        (math.nan, math.nan, math.nan, "not measured", "not measured"),
    ],
)
def test_open_intervals_are_said_in_plain_words(
    value: float, low: float, high: float, steps: str, number: str | None
) -> None:
    estimate = Estimate(value=value, low=low, high=high, count=6)
    assert in_steps(estimate) == steps
    assert number is None or in_words(estimate) == number


def test_a_median_beyond_the_budget_is_said_to_be() -> None:
    def values(run: Run) -> Values:
        return grokking(600 if run.seed == FRESH else math.inf)

    read = Reading(made_up("nanda/seeds", values, seeds=3))  # type: ignore[arg-type]
    times = read.times(np.arange(3))
    assert in_steps(times.median).startswith("not within the budget")
    assert "never" not in in_steps(times.median)
    assert staircase(times)[0] == (0, 1)
    assert staircase(times)[-1][1] == pytest.approx(2 / 3)
    assert count_of(read.has_grokked) == "1 of 3"
    assert read.lasted.tolist() == [1000] * 3
