"""Figures of single runs and of the theory: what is drawn is what the dataset and the curves' rules say."""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

from fake_record import FakeRecord, fake_record
from groklab import figures
from groklab.curves import find_phases
from groklab.errors import Mistake
from groklab.figures.in_phases import boundaries, spans
from groklab.figures.look import height_of, logarithmic, panels, see_through
from groklab.figures.reading import key_frequencies, thinned, worth_showing
from groklab.figures.sizes import MM
from groklab.theory import simulate
from groklab.theory.presets import FIGURE_2, HORIZON
from groklab.theory.simulation import recorded_steps

STEPS = np.arange(0, 6001, 50)


def phased(runs: int = 2) -> FakeRecord:
    """Runs whose excluded loss is least at step 500, and whose test loss falls about 3,500; run 0's never does."""
    record = fake_record(runs=runs, points=len(STEPS))
    falls = 1 / (1 + np.exp((STEPS - 3500) / 120))
    losses = {
        "train_loss": 4 * np.exp(-STEPS / 60) + 1e-7,
        "test_loss": 1e-6 + 20 * falls,
        "excluded_loss": np.exp(np.abs(np.log((STEPS + 1) / 501))),
        "restricted_loss": 1e-7 + 4 * np.exp(-STEPS / 400),
        "gen_logit": STEPS / 100,
        "mem_logit": 5 * falls,
    }
    for name, values in losses.items():
        every = np.tile(values, (runs, 1))
        if name == "test_loss":
            every[0] = 20
        record.dataset[name] = (("run", "step"), every, {"units": "nats", "description": name})
    cosines = np.stack([np.full(STEPS.shape, k / 10) for k in range(1, 27)], axis=1)
    record.dataset["logit_cosine"] = (("run", "step", "frequency"), np.tile(cosines, (runs, 1, 1)), {"units": "nats"})
    marked = np.isin(np.arange(1, 27), (4, 9)).astype(float)
    record.dataset["key_frequency"] = (("run", "frequency"), np.tile(marked, (runs, 1)))
    return record


def drawn(figure: go.Figure, name: str) -> go.Scatter:
    (trace,) = [one for one in figure.data if one.name == name]
    return trace


def test_the_losses_stand_over_the_phases_that_the_rule_finds() -> None:
    record = phased()
    figure = figures.phases_curves(record, 1)  # type: ignore[arg-type]
    run = record.dataset.isel(run=1)
    phases = find_phases(STEPS, **{name: run[name].values for name in ("train_loss", "test_loss", "excluded_loss")})
    for word, name in {"train": "train_loss", "test": "test_loss", "excluded, train pairs": "excluded_loss"}.items():
        assert np.array_equal(drawn(figure, word).x, STEPS)
        assert np.allclose(drawn(figure, word).y, run[name].values)
    assert phases.memorisation.end is not None
    assert phases.memorisation.end.step == 500
    stripes = [(shape.x0, shape.x1) for shape in figure.layout.shapes]
    assert stripes[:3] == [(begin, end) for _, _, begin, end in spans(phases, 6000)]
    assert stripes[3:] == [(one.low, one.high) for one in boundaries(phases)]
    assert {"memorisation", "circuit formation", "clean-up"} < {trace.name for trace in figure.data}
    assert "Circuit formation: step 500 to " in figure.layout.meta["alt"]
    never = figures.phases_curves(record, 0)  # type: ignore[arg-type]
    assert "clean-up" not in {trace.name for trace in never.data}
    assert "Clean-up: none, as the test loss did not end below" in never.layout.meta["alt"]


def test_the_progress_measures_have_four_shaded_panels_of_the_first_run_with_all_phases() -> None:
    record = phased(3)
    assert worth_showing(record) == 1  # type: ignore[arg-type]
    figure = figures.progress_measures(record)  # type: ignore[arg-type]
    assert figure.layout.meta["run"] == 1
    stripes = [(shape.xref, shape.x0, shape.x1) for shape in figure.layout.shapes]
    one = [(shape.x0, shape.x1) for shape in figures.phases_curves(record, 1).layout.shapes]  # type: ignore[arg-type]
    assert sorted(stripes) == sorted((axis, *stripe) for axis in ("x", "x2", "x3", "x4") for stripe in one)
    shown = {(trace.name, trace.yaxis): trace for trace in figure.data if trace.y is not None and len(trace.y) > 1}
    expected = {
        ("train", "y"): "train_loss", ("test", "y"): "test_loss", ("excluded, train pairs", "y"): "excluded_loss",
        ("train", "y2"): "train_loss", ("test", "y2"): "test_loss", ("restricted, all pairs", "y2"): "restricted_loss",
        ("embedding W<sub>E</sub>", "y3"): "gini_embedding", ("all weights", "y4"): "sum_of_squares",
        ("neuron-logit map W<sub>L</sub>", "y3"): "gini_neuron_logit",
    }  # fmt: skip
    assert set(shown) == set(expected)
    for place, name in expected.items():
        assert np.allclose(shown[place].y, record.dataset[name].values[1]), name


def test_a_kept_result_has_the_restricted_loss_that_its_analysis_read_and_says_what_was_not_kept(
    tmp_path: Path,
) -> None:
    record = phased()
    record.path = tmp_path / "kept.zip"
    record.path.touch()
    record.dataset = record.dataset.rename(restricted_loss="restricted_loss_test")
    for figure in (figures.phases_curves(record, 1), figures.progress_measures(record)):  # type: ignore[arg-type]
        values = record.dataset["restricted_loss_test"].values[1]
        assert np.allclose(drawn(figure, "restricted, test pairs").y, values)
    record.dataset = record.dataset.drop_vars("restricted_loss_test")
    with pytest.raises(Mistake, match=r"has no restricted_loss: it was not kept in this file; take the folder of its"):
        figures.progress_measures(record, 1)  # type: ignore[arg-type]


def test_circuit_strengths_have_the_parts_of_the_logit_and_the_norm() -> None:
    record = phased()
    figure = figures.circuit_strengths(record, 1)  # type: ignore[arg-type]
    assert np.allclose(drawn(figure, "Gen").y, STEPS / 100)
    assert np.allclose(drawn(figure, "norm").y ** 2, record.dataset["sum_of_squares"].values[1])
    assert "Gen's correct logit ends at 60 nats, Mem's" in figure.layout.meta["alt"]


def test_spectra_mark_the_key_frequencies_and_know_their_step() -> None:
    record = phased()
    figure = figures.spectra(record, 0, 2000)  # type: ignore[arg-type]
    run = record.dataset.isel(run=0).sel(step=2000)
    for name in ("embedding_norm", "neuron_logit_norm"):
        bars = [trace for trace in figure.data if trace.meta["variable"] == name]
        heights = {int(k): float(y) for trace in bars for k, y in zip(trace.x, trace.y, strict=True)}
        assert heights == {k: float(run[name].sel(frequency=k)) for k in range(1, 27)}
        (key,) = [trace for trace in bars if trace.meta["key"]]
        assert (list(key.x), list(key.text)) == ([4, 9], ["4", "9"])
    assert figures.spectra(record, 0).layout.meta["step"] == 6000  # type: ignore[arg-type]
    with pytest.raises(Mistake, match="no spectrum was logged at step 2020; the nearest are at 1950, 2000, 2050"):
        figures.spectra(record, 0, 2020)  # type: ignore[arg-type]


def test_key_frequencies_are_the_stores_else_the_outliers_of_the_last_spectrum() -> None:
    record = phased()
    run = record.dataset.isel(run=0)
    assert key_frequencies(run) == [4, 9]
    own = run.drop_vars("key_frequency")
    norms = own["neuron_logit_norm"].isel(step=-1)
    assert key_frequencies(own) == norms["frequency"].values[norms.values > 3].tolist()
    assert len(key_frequencies(own)) == 5
    by_step = np.zeros((len(STEPS), 26))
    by_step[-1, 6] = 1
    later = xr.DataArray(np.where(np.arange(len(STEPS))[:, None] > 119, by_step, np.nan), dims=("step", "frequency"))
    assert key_frequencies(own.assign(key_frequency=later)) == [7]
    assert key_frequencies(own.drop_vars("neuron_logit_norm")) == []


def test_cosines_have_a_line_a_frequency_the_key_ones_in_the_legend() -> None:
    figure = figures.logit_cosines(phased())  # type: ignore[arg-type]
    assert len(figure.data) == 26
    assert [trace.name for trace in figure.data if trace.showlegend] == ["k = 4", "k = 9"]
    assert np.allclose(drawn(figure, "k = 13").y, 1.3)
    assert "k = 4 ends at 0.4 nats, k = 9 ends at 0.9 nats; the largest other 2.6" in figure.layout.meta["alt"]


def test_the_simulation_is_the_theorys() -> None:
    figure = figures.simulation("alpha/2")
    for column, (_, setting) in enumerate(FIGURE_2.values(), start=1):
        found = simulate([setting("alpha/2")], recorded_steps(HORIZON))
        axis = "y" if column == 1 else f"y{column}"
        (test,) = [trace for trace in figure.data if trace.name == "test loss" and trace.yaxis == axis]
        assert np.array_equal(test.x, found.steps[1:])
        assert np.allclose(test.y, found.test_loss[0, 1:])
        (gen,) = [trace for trace in figure.data if "Gen" in trace.name and trace.yaxis == f"y{column + 3}"]
        assert np.allclose(gen.y, found.gen[0, 1:])
    with pytest.raises(Mistake, match="no normalisation of the penalty is called 'beta'"):
        figures.simulation("beta")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "draw", [figures.phases_curves, figures.progress_measures, figures.circuit_strengths, figures.spectra,
             figures.logit_cosines],
)  # fmt: skip
def test_what_is_not_there_is_said_in_one_line(draw) -> None:
    with pytest.raises(Mistake, match=r"^runs/fake has runs 0 to 1, not 7$"):
        draw(fake_record(runs=2), 7)
    bare = fake_record(runs=2, group=False)
    bare.dataset = bare.dataset.drop_vars("test_loss")
    with pytest.raises(Mistake, match=r"^run 1 of runs/fake has no [a-z_, ]+: go on with the run, or take one whose"):
        draw(bare, 1)


def test_print_size_is_in_mm_with_letters_of_seven_points() -> None:
    figure = figures.phases_curves(phased(), 1)  # type: ignore[arg-type]
    small = figures.for_print(figure, figures.SINGLE, 60)
    assert small.layout.width / MM == pytest.approx(85, abs=0.2)
    assert small.layout.height / MM == pytest.approx(60, abs=0.2)
    assert small.layout.font.size * 72 / 96 == pytest.approx(7)
    assert drawn(small, "test").line.width < drawn(figure, "test").line.width == 2
    assert drawn(small, "test").line.dash == "4px,2px"
    assert (small.layout.paper_bgcolor, figure.layout.paper_bgcolor) == ("white", "rgba(0,0,0,0)")
    tall = figures.for_print(figure).layout.height
    assert tall == round(height_of(figure, figures.SINGLE) * MM)
    bare = figure.update_layout(showlegend=False)
    assert height_of(bare, figures.SINGLE) * MM < tall - 20


def test_axes_panels_colours_and_thinning_by_hand() -> None:
    assert logarithmic(90, 1100)["ticktext"] == ["100", "300", "1,000"]
    assert logarithmic(16, 35)["tickvals"] == pytest.approx([16, 18, 20, 25, 30, 35])
    assert logarithmic(1, 1e6)["ticktext"][-1] == "1,000,000"
    assert [panels(count) for count in (1, 2, 4, 5, 12)] == [(1, 1), (1, 2), (2, 2), (2, 3), (3, 4)]
    assert see_through("#0072B2", 0.5) == "rgba(0, 114, 178, 0.5)"
    assert see_through("rgb(1, 2, 3)", 1) == "rgba(1, 2, 3, 1)"
    steps, values = thinned(np.arange(1000.0), np.arange(1000.0) ** 2, 10)
    assert (len(steps), steps[0], steps[-1]) == (10, 0, 999)
    assert np.allclose(values, steps**2)
