"""Figures of many runs: points are the runs, lines the fits that were put in."""

import math

import numpy as np
import plotly.graph_objects as go
import pytest

from groklab import figures
from groklab.curves import fit_transition, kaplan_meier
from groklab.curves.sigmoid import TENTHS
from groklab.errors import Mistake
from groklab.figures.survival import staircase
from groklab.figures.transition import logistic
from groklab.findings import Analysis
from groklab.studies import find
from groklab.training.settings import Run
from groklab.training.status import Status
from made_up_record import STEPS, Values, made_up, rise, train_size


def marks(figure: go.Figure, arm: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.meta["arm"] == arm]


def by_decay(run: Run) -> Values:
    """Half-way at 300 pairs at decay 0.5, at 400 otherwise; the parents learn all, seed 3's do not."""
    half = 300.0 if run.optimiser.weight_decay == 0.5 else 400.0
    learnt = 0.5 if run.start is None and run.seed == 3 else 1.0
    return {"train_accuracy": learnt, "test_accuracy": rise(train_size(run), half * (1 + 0.02 * run.seed), 3.0)}


def test_a_transition_has_a_point_a_run_and_the_logistic_that_was_put_in() -> None:
    record = made_up("varma/ungrokking_decay", by_decay, seeds=4)
    figure = figures.size_transition(record)  # type: ignore[arg-type]
    points, line, place = marks(figure, "decay 0.5")
    runs = [run for run in record.runs if run.start and run.seed != 3 and run.optimiser.weight_decay == 0.5]
    assert sorted(points.x) == sorted(train_size(run) for run in runs)
    by_size = sorted(runs, key=lambda run: (train_size(run), -run.seed))
    shown = np.array(sorted(zip(points.x, points.y, strict=True)))
    assert np.allclose(shown, [(train_size(run), by_decay(run)["test_accuracy"]) for run in by_size])
    found = fit_transition(points.x, points.y, [run.seed for run in runs], draws=200)
    assert place.x[0] == found.location.value == pytest.approx(306, rel=0.03)
    assert place.x[0] - place.error_x.arrayminus[0] == pytest.approx(found.location.low)
    assert place.x[0] + place.error_x.array[0] == pytest.approx(found.location.high)
    assert np.interp(300, line.x, line.y) == pytest.approx(rise(300, found.location.value, found.width.value), abs=0.01)
    assert {trace.meta["arm"] for trace in figure.data} == {"decay 0.5", "decay 1", "decay 1.5", "decay 3"}
    assert figure.layout.meta["sentences"][0] == f"decay 0.5: {found.sentence}."
    assert figure.layout.xaxis.type == "log"


def test_the_fitted_curve_is_the_logistic_of_log_size() -> None:
    sizes = np.repeat(np.geomspace(60, 1300, 9), 3)
    found = fit_transition(sizes, [rise(size, 333.0, 2.5) for size in sizes], np.tile([0, 1, 2], 9), draws=5)
    x, y = logistic(found, 60, 1300)
    m, s = found.location.value, math.log(found.width.value) / TENTHS
    assert np.allclose(y, 1 / (1 + (m / x) ** (1 / s)))
    assert y[np.searchsorted(x, m)] == pytest.approx(0.5)


def test_runs_that_have_not_ended_are_at_no_final_accuracy() -> None:
    record = made_up("varma/ungrokking_decay", by_decay, seeds=2)
    whole = len(marks(figures.size_transition(record), "decay 3")[0].x)  # type: ignore[arg-type]
    last = next(number for number, run in enumerate(record.runs) if run.start and run.optimiser.weight_decay == 3)
    running = Status(state="running", step=10, sentence="running")
    record.statuses = tuple(running if n == last else one for n, one in enumerate(record.statuses))
    assert len(marks(figures.size_transition(record), "decay 3")[0].x) == whole - 1  # type: ignore[arg-type]


def test_tasks_have_panels_over_the_share_of_their_table_and_no_transition_is_said() -> None:
    def values(run: Run) -> Values:
        flat = run.task.operation == "subtract"
        return {"test_accuracy": 1.0 if flat else rise(train_size(run), 300.0, 3.0)}

    record = made_up("varma/ungrokking_tasks", values, seeds=1)
    figure = figures.size_transition(record)  # type: ignore[arg-type]
    tasks = [note.text for note in figure.layout.annotations]
    assert len(tasks) == 12
    assert "compose:4" in tasks
    points = [trace for trace in figure.data if trace.mode == "markers" and len(trace.x) > 1]
    assert len(points) == 24
    assert all(max(trace.x) <= 0.81 for trace in points)
    said = [words for words in figure.layout.meta["sentences"] if words.startswith("subtract")]
    assert len(said) == 2
    assert all(words.endswith("no transition between the shares trained on.") for words in said)


def test_ungrokking_has_its_own_arms_and_counts_right_labels() -> None:
    record = made_up("varma/ungrokking", lambda run: {"test_accuracy": rise(300, 300)}, seeds=1)
    figure = figures.size_transition(record)  # type: ignore[arg-type]
    (wrong,) = marks(figure, "wrong labels")
    (few,) = marks(figure, "left out, a fixed fifth tested")
    assert sorted(wrong.x) == pytest.approx(sorted(few.x), abs=1)


def test_survival_is_kaplan_meiers_by_size_with_bands_and_censored_runs() -> None:
    def values(run: Run) -> Values:
        when = 100 + 20 * run.seed
        late = train_size(run) == min(sizes) and run.seed > 0
        return {"test_accuracy": np.where((2000 if late else when) <= STEPS, 1.0, 0.2)}

    sizes = {train_size(run) for run in find("varma/time_to_grok")("laptop", 1).runs}
    record = made_up("varma/time_to_grok", values, seeds=4)
    figure = figures.grokking_survival(record)  # type: ignore[arg-type]
    arm = f"{min(sizes):,} pairs"
    high, low, line, censored = marks(figure, arm)
    expected = kaplan_meier([100, 1000, 1000, 1000], [True, False, False, False])
    assert (list(line.x), list(line.y)) == ([50, *expected.steps], [1, *expected.share])
    assert (list(high.y[1:]), list(low.y[1:])) == (list(expected.high), list(expected.low))
    assert (low.fill, line.line.shape) == ("tonexty", "hv")
    assert (list(censored.x), list(censored.y)) == ([1000], [0.75])
    assert figure.layout.meta["sentences"][0] == f"{arm}: 1 of 4 grokked."
    assert figure.layout.meta["sentences"][1].endswith("4 of 4 grokked, median step 120 (at least 100).")
    assert staircase(expected, expected.share, 500)[0][0] == 100


def test_nothing_can_grok_without_test_pairs() -> None:
    record = made_up("varma/efficiency", lambda run: {"test_accuracy": math.nan}, seeds=1)
    with pytest.raises(Mistake, match="no run from random weights that was tested"):
        figures.grokking_survival(record)  # type: ignore[arg-type]


def single(run: Run) -> Values:
    """Mem: norm = 2 D^0.3 y^0.5; Gen: norm = 5 y^0.5, at logits y by decay."""
    gen, size = run.split.labels == "true", train_size(run)
    logit = 20.0 / run.optimiser.weight_decay * (1 + 0.05 * run.seed)
    norm = 5 * logit**0.5 if gen else 2 * size**0.3 * logit**0.5
    return {
        "sum_of_squares": norm**2, "trig_share": 0.99 if gen else 0.1, "train_margin": logit,
        "gen_logit": logit if gen else 0.0, "mem_logit": 0.0 if gen else logit,
    }  # fmt: skip


@pytest.mark.parametrize("strength", ["correct logit", "margin"])
def test_iso_logit_lines_are_the_laws_that_were_put_in(strength) -> None:
    record = made_up("varma/efficiency", single, seeds=2)
    figure = figures.iso_logit(record, strength)  # type: ignore[arg-type]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [line.meta["gen"] for line in lines] == [False] * 3 + [True] * 3
    for line in lines:
        level, size = line.meta["level"], np.asarray(line.x)
        law = 5 * level**0.5 * np.ones(len(size)) if line.meta["gen"] else 2 * size**0.3 * level**0.5
        assert np.allclose(line.y, law, rtol=1e-6)
    mem, gen = [trace for trace in figure.data if trace.mode == "markers"]
    assert len(mem.x) + len(gen.x) == len(record.runs)
    assert np.allclose(np.asarray(mem.y), 2 * np.asarray(mem.x) ** 0.3 * np.exp(mem.marker.color) ** 0.5)
    assert figure.layout.meta["alt"].startswith("Mem: log norm grows by 0.3 (")


def test_figures_of_sweeps_say_what_they_need() -> None:
    record = made_up("varma/circuit_strength", lambda run: {}, seeds=1)
    with pytest.raises(Mistake, match=r"^a transition takes runs on 3 training-set sizes or more of one task, and"):
        figures.size_transition(record)  # type: ignore[arg-type]
    with pytest.raises(Mistake, match=r"has 0 and 0: they are those of varma/efficiency$"):
        figures.iso_logit(record)  # type: ignore[arg-type]
    with pytest.raises(Mistake, match="no measure of run and step is called 'test_los'; did you mean test_loss"):
        figures.training_curves(record, "test_los")  # type: ignore[arg-type]


def test_every_run_has_its_curve_in_its_arms_panel_with_its_settings() -> None:
    record = made_up("varma/ungrokking_decay", by_decay, seeds=2)
    figure = figures.training_curves(record)  # type: ignore[arg-type]
    shown = {trace.meta["run"]: trace for trace in figure.data}
    assert set(shown) == {number for number, run in enumerate(record.runs) if run.start is not None}
    assert [note.text for note in figure.layout.annotations] == ["decay 0.5", "decay 1", "decay 1.5", "decay 3"]
    axes = {record.runs[run].optimiser.weight_decay: trace.yaxis for run, trace in shown.items()}  # type: ignore[attr-defined]
    assert axes == {0.5: "y", 1.0: "y2", 1.5: "y3", 3.0: "y4"}
    for run, trace in shown.items():
        assert np.allclose(trace.y, by_decay(record.runs[run])["test_accuracy"])  # type: ignore[arg-type]
        assert f"weight decay {record.runs[run].optimiser.weight_decay:g}" in trace.hovertemplate  # type: ignore[attr-defined]
    colours = {trace.name: trace.line.color for trace in shown.values()}
    assert len(set(colours.values())) == len(colours) == 9
    assert sum(bool(trace.showlegend) for trace in shown.values()) == 9


def test_few_runs_that_differ_by_seed_alone_have_a_colour_each() -> None:
    figure = figures.training_curves(made_up("varma/circuit_strength", lambda run: {"test_loss": 2.0}), "test_loss")  # type: ignore[arg-type]
    assert [trace.name for trace in figure.data] == ["seed 0", "seed 1", "seed 2"]
    assert (figure.layout.yaxis.type, figure.layout.yaxis.title.text) == ("log", "test loss (pure number)")


def test_the_charts_of_a_study_have_the_points_and_axes_of_its_analysis() -> None:
    record = made_up("varma/ungrokking_decay", by_decay, seeds=2)
    experiment = find("varma/ungrokking_decay")
    assert experiment.analysis is not None
    record.analysis = lambda: experiment.analysis(record)  # type: ignore[method-assign]
    made = figures.study_charts(record)  # type: ignore[arg-type]
    charts = {chart.title: chart for chart in experiment.analysis(record).charts}  # type: ignore[arg-type]
    assert made.keys() == charts.keys() != set()
    for title, figure in made.items():
        chart = charts[title]
        assert {trace.name: list(zip(trace.x, trace.y, strict=True)) for trace in figure.data} == {
            name: [tuple(point) for point in points] for name, points in chart.series.items() if points
        }
        assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (chart.x, chart.y)
        assert (figure.layout.xaxis.type == "log") == chart.log_x


def test_a_study_without_charts_says_so() -> None:
    record = made_up("varma/ungrokking_decay", by_decay, seeds=1)
    record.analysis = Analysis  # type: ignore[method-assign]
    with pytest.raises(Mistake, match="gives no chart"):
        figures.study_charts(record)  # type: ignore[arg-type]
