"""Forks against the post's explanations: what the analysis reads off records whose content is known."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

from fake_record import FakeRecord
from groklab.curves import Estimate, bootstrap
from groklab.findings import Analysis, Finding
from groklab.groups import Cyclic
from groklab.models import MLPSettings, named_parameters, skeleton, with_parameters
from groklab.studies import find
from groklab.studies.forum import _forks
from groklab.studies.forum._arms import ARMS, CONTROL, DOUBLED, NO_DECAY, NO_MEMORY, NULL, REMOVED
from groklab.studies.forum._circle import leading_plane, random_planes, shares
from groklab.studies.forum.explanations import circle
from groklab.tasks import Task, TaskSettings
from groklab.training.settings import Run
from groklab.training.status import Status
from made_up_record import STEPS, made_up

NAME = "forum/explanations"
FORK = 200
USUAL: dict[str, float] = {
    "unchanged": 600, NULL: 620, NO_DECAY: math.inf, NO_MEMORY: 400, DOUBLED: 400, REMOVED: 900,
    CONTROL.format(NO_MEMORY): 700, CONTROL.format(DOUBLED): 700, CONTROL.format(REMOVED): 640,
}  # fmt: skip
"""The step of grokking by arm."""


def arm_of(run: Run) -> str:
    return next((name for name, arm in ARMS.items() if arm == run.intervention), "unchanged")


def record_of(
    groks: dict[str, float] | None = None,
    *,
    unforked: int = 0,
    ranks: tuple[float, float] = (0.99, 0.5),
    seeds: int = 6,
    jitter: float = 20.0,
) -> FakeRecord:
    """A record in which every arm groks at its step; the first `unforked` references have no fork."""
    when = USUAL | (groks or {})

    def values(run: Run) -> dict[str, float | np.ndarray]:
        step = when[arm_of(run)] + jitter * (run.seed % 3)
        learnt = step <= STEPS
        return {
            "train_accuracy": 1.0,
            "test_accuracy": np.where(learnt, 1.0, 0.1),
            "train_loss": np.where(STEPS < FORK, 1e-5, 1e-4),
            "test_loss": np.where(learnt, 1e-3, 10.0),
            "sum_of_squares": 1000.0,
        }

    record = made_up(NAME, values, seeds=seeds)
    runs = [run for run in record.runs if isinstance(run, Run)]
    first = min(run.seed for run in runs)
    record.statuses = tuple(
        dataclasses.replace(status, changed=None if run.intervention is None or run.seed < first + unforked else FORK)
        for run, status in zip(runs, record.statuses, strict=True)
    )
    references = [number for number, run in enumerate(runs) if run.intervention is None]
    columns = {"frequency": 4.0, "final_share": 0.9, "share": 0.2, "rank": ranks[0], "own_share": 0.1}
    columns["own_rank"] = ranks[1]
    record.together = xr.Dataset(
        {name: ("network", np.full(len(references), value)) for name, value in columns.items()},
        {"network": references},
    )
    return record


@pytest.fixture(autouse=True, scope="module")
def bootstraps_drawn_once() -> Iterator[None]:
    """Most tests change few arms, and an interval is the same whenever it is drawn."""
    known: dict[Any, Estimate] = {}

    def drawn_once(*samples: Any, **how: Any) -> Estimate:
        key = (tuple(np.asarray(one, float).tobytes() for one in samples), tuple(how.items()))
        if key not in known:
            known[key] = bootstrap(*samples, **how)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (_forks, __import__("groklab.studies.forum.explanations", fromlist=["bootstrap"])):
            patch.setattr(module, "bootstrap", drawn_once)
        yield


def analysed(record: FakeRecord) -> Analysis:
    analysis = find(NAME).analysis
    assert analysis is not None
    return analysis(record)  # type: ignore[arg-type]


def finding(analysis: Analysis, end: str) -> Finding:
    (found,) = [one for one in analysis.findings if one.claim.identifier == f"forum.{end}"]
    return found


def test_its_claims_are_those_that_were_planned_and_each_has_a_finding() -> None:
    claims = find(NAME).claims
    assert [one.claim.identifier for one in analysed(record_of()).findings] != []
    assert {one.claim for one in analysed(record_of()).findings} == set(claims)
    assert [claim.identifier for claim in claims if claim.since] == ["forum.pressure-by-decay", "forum.forks-no-kicks"]


def test_its_runs_are_forks_of_fresh_seeds() -> None:
    for scale in ("laptop", "paper"):
        runs = find(NAME)(scale).runs
        assert len(runs) == 8 * (1 + len(ARMS))
        assert {run.seed for run in runs} == set(range(8, 16))
        assert {run.reference for run in runs if run.reference} == {run for run in runs if run.intervention is None}
        assert all(run.logging.steps(run.steps)[-1] == run.steps for run in runs)


def test_usual_forks_bear_every_claim_out_but_that_of_the_lottery_ticket() -> None:
    found = {one.claim.identifier: one.verdict for one in analysed(record_of()).findings}
    assert found == {
        "forum.pressure-by-decay": "reproduced",
        "forum.memory-removed": "reproduced",
        "forum.frequencies-amplified": "reproduced",
        "forum.circle-at-the-start": "reproduced",
        "forum.circle-its-own": "contradicted",
        "forum.forks-noise": "reproduced",
        "forum.forks-no-kicks": "reproduced",
    }


VERDICTS: list[tuple[str, dict[str, float], str]] = [
    ("pressure-by-decay", {NO_DECAY: 900}, "contradicted"),
    ("pressure-by-decay", {NULL: math.inf}, "not reproduced"),
    ("memory-removed", {NO_MEMORY: 600}, "not reproduced"),
    ("memory-removed", {NO_MEMORY: 900}, "contradicted"),
    ("memory-removed", {NO_MEMORY: math.inf}, "contradicted"),
    ("memory-removed", {NO_MEMORY: math.inf, NULL: 960}, "contradicted"),
    ("memory-removed", {NULL: math.inf}, "reproduced"),
    ("memory-removed", {NO_MEMORY: math.inf, NULL: math.inf}, "not tested at this scale"),
    ("frequencies-amplified", {DOUBLED: 620}, "partly"),
    ("frequencies-amplified", {REMOVED: 400}, "partly"),
    ("frequencies-amplified", {REMOVED: math.inf}, "reproduced"),
    ("frequencies-amplified", {DOUBLED: 620, REMOVED: 640}, "not reproduced"),
    ("frequencies-amplified", {DOUBLED: 900, REMOVED: 400}, "contradicted"),
    ("forks-noise", {NULL: 900}, "contradicted"),
    ("forks-noise", {NULL: math.inf}, "contradicted"),
    ("forks-noise", {"unchanged": math.inf}, "contradicted"),
    ("forks-noise", {NULL: math.inf, "unchanged": math.inf}, "not tested at this scale"),
    ("forks-no-kicks", {CONTROL.format(DOUBLED): 400}, "partly"),
    ("forks-no-kicks", {CONTROL.format(NO_MEMORY): 420, CONTROL.format(DOUBLED): 420, CONTROL.format(REMOVED): 880},
     "not reproduced"),
    ("forks-no-kicks", {NO_MEMORY: 900, DOUBLED: 900, REMOVED: 400}, "contradicted"),
]  # fmt: skip


@pytest.mark.parametrize(("end", "groks", "verdict"), VERDICTS)
def test_every_verdict(end: str, groks: dict[str, float], verdict: str) -> None:
    found = finding(analysed(record_of(groks)), end)
    assert found.verdict == verdict, found.sentence
    assert found.claim.identifier == f"forum.{end}"


@pytest.mark.parametrize(
    ("ranks", "verdicts"),
    [((0.5, 0.96), ("contradicted", "reproduced")), ((0.95, 0.951), ("contradicted", "reproduced"))],
)
def test_the_circles_verdicts(ranks: tuple[float, float], verdicts: tuple[str, str]) -> None:
    analysis = analysed(record_of(ranks=ranks))
    assert finding(analysis, "circle-at-the-start").verdict == verdicts[0]
    assert finding(analysis, "circle-its-own").verdict == verdicts[1]


def test_networks_that_never_grok_have_no_say_on_circles() -> None:
    analysis = analysed(record_of({"unchanged": math.inf}))
    assert finding(analysis, "circle-at-the-start").verdict == "not tested at this scale"


def test_numbers_are_those_of_pairs_of_forks() -> None:
    analysis = analysed(record_of({"unchanged": 600, NULL: 600, NO_MEMORY: 400}, jitter=0.0))
    memory = finding(analysis, "memory-removed")
    assert memory.value == pytest.approx(0.5)
    assert memory.seeds == 6
    assert finding(analysis, "forks-noise").value == 0
    assert "in 6 of 6 networks only the fork with decay groks" in finding(analysis, "pressure-by-decay").sentence
    arms, explanations, seeds, circles = analysis.tables
    assert [row[0] for row in explanations.rows] == [NO_DECAY, NO_MEMORY, DOUBLED, REMOVED]
    assert explanations.rows[0][1:3] == ["0 of 6 grokked", "the null arm"]
    assert explanations.rows[1][1:4] == ["6 of 6 grokked", "its control", "0.4 (95% interval 0.4 to 0.4)"]
    row = dict(zip(arms.columns, arms.rows[["unchanged", *ARMS].index(NO_MEMORY)], strict=True))
    assert row["grokked"] == 6
    assert str(row["steps from the fork to grokking, median (95%)"]).startswith("200")
    assert str(row["over those of the null arm"]).startswith("0.5")
    assert row["train loss at the fork"] == pytest.approx(1e-4)
    decay = dict(zip(seeds.columns, seeds.rows[0], strict=True))
    assert (decay["seed"], decay["fork at step"], decay[NO_DECAY]) == (8, 200.0, "800+")
    assert [circles.rows[0][place] for place in (0, 1)] == [8, 5]
    chart = {chart.title: chart for chart in analysis.charts}
    assert set(chart["Share of networks that have not grokked yet"].series) == {"unchanged", *ARMS}
    after = chart["Test loss of seed 8, forked at step 200"].series
    assert min(step for step, _ in after[NULL]) == FORK
    assert min(step for step, _ in after["unchanged"]) == 0


def test_what_was_not_forked_is_left_out_and_said() -> None:
    analysis = analysed(record_of(unforked=2))
    assert finding(analysis, "pressure-by-decay").seeds == 4
    assert analysis.remarks[0].startswith("Of 6 networks 2 were not forked")
    assert not any("not forked" in remark for remark in analysed(record_of()).remarks)
    none = analysed(record_of(unforked=6))
    ends = ("pressure-by-decay", "memory-removed", "frequencies-amplified", "forks-noise", "forks-no-kicks")
    assert {finding(none, end).verdict for end in ends} == {"not tested at this scale"}
    assert not any("nan" in one.sentence for one in none.findings)
    assert len(none.remarks) == 1


def test_every_sentence_names_its_control() -> None:
    analysis = analysed(record_of(dict.fromkeys(USUAL, 600) | {REMOVED: 400, CONTROL.format(REMOVED): 500}, jitter=0))
    assert "; its control at random: 1 (" in finding(analysis, "memory-removed").sentence
    amplified = finding(analysis, "frequencies-amplified").sentence
    assert "removed 0.5 (95% interval 0.5 to 0.5), their control at random 0.75 (" in amplified
    assert amplified.endswith("; removing them brings it forward")
    assert not finding(analysed(record_of()), "frequencies-amplified").sentence.endswith("forward")
    kicks = finding(analysis, "forks-no-kicks").sentence
    assert "removed 0.5 (95% interval 0.5 to 0.5), its control 0.75 (" in kicks
    assert analysis.remarks[-1].startswith("Of 6 changes of weights, the random ones among them, 2 brought")


@pytest.mark.parametrize(
    ("groks", "outcomes", "foretold"),
    [
        ({}, ["never", "sooner", "sooner", "later"], "random walk 2, lottery ticket 2, pressure by decay 4"),
        # As the null arm, and as its control.
        (
            {NO_DECAY: 620, NO_MEMORY: 700},
            ["no clear change", "no clear change", "sooner", "later"],
            "random walk 4, lottery ticket 4, pressure by decay 2",
        ),
    ],
)
def test_each_explanation_foretells_every_change(groks: dict[str, float], outcomes: list[str], foretold: str) -> None:
    analysis = analysed(record_of(groks))
    (table,) = [one for one in analysis.tables if "explanations" in one.title]
    assert [row[4] for row in table.rows] == outcomes
    for row in table.rows:
        assert all(str(cell).endswith("yes") == str(cell).startswith(f"{row[4]}:") for cell in row[5:])
    assert sum(foretold in remark for remark in analysis.remarks) == 1


def test_how_long_networks_without_decay_were_watched_is_said() -> None:
    sentence = finding(analysed(record_of({NULL: 600}, jitter=0)), "pressure-by-decay").sentence
    assert sentence.endswith(
        "watched at least 2.0 times as long as the fork with decay took, and their test loss rose in 0 of 6, "
        "from 10 to 10 nats on average"
    )


def test_circles_are_counted_among_networks_that_end_as_one_too() -> None:
    record = record_of()
    assert isinstance(record.together, xr.Dataset)
    record.together["final_share"].values[:] = [0.95, 0.95, 0.95, 0.5, 0.5, 0.5]
    record.together["rank"].values[:] = [0.99, 0.99, 0.5, 0.5, 0.5, 0.5]
    found = finding(analysed(record), "circle-at-the-start")
    assert "in 2 of 6 networks" in found.sentence
    assert "in 2 of 3 of those that end as a circle" in found.sentence


def test_forks_that_were_not_their_references_before_the_change_are_counted() -> None:
    record = record_of()
    assert "Of 48 forks 0 differ" in analysed(record).remarks[0]
    number = next(number for number, run in enumerate(record.runs) if isinstance(run, Run) and run.intervention)
    record.dataset["sum_of_squares"].values[number, 0] += 1
    assert "Of 48 forks 1 differ" in analysed(record).remarks[0]
    record = record_of()
    record.dataset["sum_of_squares"].values[number, STEPS >= FORK] += 1
    assert "Of 48 forks 0 differ" in analysed(record).remarks[0]


def test_a_fork_that_diverged_is_left_out() -> None:
    record = record_of()
    number = next(number for number, run in enumerate(record.runs) if isinstance(run, Run) and arm_of(run) == NO_MEMORY)
    statuses = list(record.statuses)
    statuses[number] = Status(state="diverged", step=300, sentence="diverged", changed=FORK)
    record.statuses = tuple(statuses)
    analysis = analysed(record)
    assert finding(analysis, "memory-removed").seeds == 5
    assert finding(analysis, "pressure-by-decay").seeds == 6


# Circles.


def circle_of(order: int, frequency: int, width: int, seed: int = 0) -> np.ndarray:
    """A circle in a random plane, away from the origin."""
    angle = 2 * np.pi * frequency * np.arange(order) / order
    plane = random_planes(width, 1, seed)[0]
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) @ plane.T + 3.0


def test_a_circle_has_all_of_one_frequency_in_its_plane() -> None:
    embedding = circle_of(13, 4, 8) + 1e-3 * np.random.default_rng(0).standard_normal((13, 8))
    (found,) = shares(Cyclic(13), embedding, leading_plane(embedding))
    assert found[3] > 0.999
    assert found.sum() == pytest.approx(1)


def test_points_without_order_have_as_much_of_every_frequency() -> None:
    rng, group = np.random.default_rng(0), Cyclic(13)
    drawn = [shares(group, rng.standard_normal((13, 8)), random_planes(8, 20, seed)) for seed in range(60)]
    np.testing.assert_allclose(np.concatenate(drawn).mean(axis=0), 1 / 6, atol=0.02)


def test_random_planes_are_orthonormal_and_point_everywhere() -> None:
    planes = random_planes(6, 500)
    np.testing.assert_allclose(planes.transpose(0, 2, 1) @ planes, np.broadcast_to(np.eye(2), (500, 2, 2)), atol=1e-12)
    onto = (planes @ planes.transpose(0, 2, 1)).mean(axis=0)
    np.testing.assert_allclose(onto, np.eye(6) / 3, atol=0.05)
    np.testing.assert_array_equal(planes, random_planes(6, 500))


@pytest.mark.parametrize("hidden", [True, False])
def test_a_circle_that_is_there_from_the_start_is_found_and_none_where_there_is_none(hidden: bool) -> None:
    """The last embedding is a circle of frequency 4; the first one noise, with or without a faint one in its plane."""
    task, settings = Task.of(TaskSettings(modulus=13)), MLPSettings(d_embed=8, d_mlp=4)
    outline = skeleton(settings, task.vocabulary, task.length)
    rng = np.random.default_rng(5)

    def network(step: int) -> Any:
        noise = {name: rng.standard_normal(leaf.shape) for name, leaf in named_parameters(outline).items()}
        last = circle_of(13, 4, 8)
        start = 0.05 * noise["embed.W_E"][:13] + (last - 3.0 if hidden else 0)
        noise["embed.W_E"][:13] = last if step else start
        return with_parameters(outline, noise)

    networks = {0: network(0), 90: network(90)}
    run = Run(task=TaskSettings(modulus=13), model=settings)
    fork = dataclasses.replace(run, intervention=ARMS[NO_DECAY])

    class Record:
        runs = (run, fork, dataclasses.replace(run, seed=1))
        statuses = tuple(Status(state=state, step=9, sentence="") for state in ("finished", "finished", "diverged"))
        task: Callable[[Any, int], Task] = lambda self, number: task
        steps: Callable[[Any, int], list[int]] = lambda self, number: [0, 90]
        model: Callable[[Any, int, int], Any] = lambda self, number, step: networks[step]

    found = circle(Record())  # type: ignore[arg-type]
    assert found["network"].values.tolist() == [0]
    one = {str(name): float(values.values[0]) for name, values in found.data_vars.items()}
    assert one["frequency"] == 3
    assert one["final_share"] > 0.999
    assert (one["rank"] > 0.95) == (one["own_rank"] > 0.95) == hidden
    assert (one["own_share"] > 0.9) == hidden
