"""The page: every section is there, its data are the dataset's, and it loads nothing from outside."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import xarray as xr

from fake_record import FakeRecord, fake_record
from fake_sweep import sweep, with_excluded_loss
from groklab import report
from groklab.curves import find_phases
from groklab.errors import Mistake
from groklab.report.article import FEW, MANY
from groklab.report.extraction import FEWEST, extracted, thinned
from groklab.report.heatmaps import COLUMNS
from groklab.report.labels import labelled, telling
from groklab.style import OKABE_ITO, axis_title, colours, run_colours, run_names
from test_report_packing import unpacked

FIGURES = {
    "loss": ("test_loss", "train_loss"),
    "accuracy": ("test_accuracy", "train_accuracy"),
    "trig-share": ("trig_share",),
    "sparsity": ("gini_embedding", "gini_neuron_logit"),
    "sum-of-squares": ("sum_of_squares",),
    "margin": ("test_margin", "train_margin"),
    "mirror": ("mirror_accuracy_untrained", "mirror_accuracy_trained"),
    "margin_spread": ("test_margin_spread", "train_margin_spread"),
}
EMPTY = ("meta", "link", "br", "input")


class Page(HTMLParser):
    """What a page holds: tags with attributes, the text outside scripts, each record's packed figures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.packed: list[tuple[Any, dict[str, np.ndarray]]] = []
        self.scripts: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY and not (self.open and "svg" in self.open and tag in ("path", "circle")):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        attrs = self.tags[-1][1] if self.tags else {}
        if inside == "script" and attrs.get("data-pack") == "curves":
            self.packed.append(unpacked(data))
        elif inside == "script" and "type" not in attrs:
            self.scripts.append(data)
        elif inside not in ("script", "style"):
            self.words += data

    def figure(self, name: str, record: int = 0) -> dict[str, Any]:
        """The figure's facts with its numbers put back."""
        facts, arrays = self.packed[record]

        def restored(value):
            if isinstance(value, dict) and "packed" in value:
                return arrays[value["packed"]]
            if isinstance(value, dict):
                return {key: restored(inner) for key, inner in value.items()}
            return [restored(inner) for inner in value] if isinstance(value, list) else value

        return restored(facts["figures"][name])


def page_of(*records: FakeRecord, path) -> Page:
    parsed = Page(report.write_page(records, path).read_text(encoding="utf-8"))
    assert parsed.open == []
    return parsed


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRecord, Page, str]:
    """A record of five runs, one diverged, its page, and the page's text."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    record = fake_record(diverged=2)
    return record, page_of(record, path=path), path.read_text(encoding="utf-8")


def test_the_data_in_the_page_are_those_of_the_dataset(one):
    record, page, _ = one
    metrics = record.metrics()
    for name, variables in FIGURES.items():
        traces = page.figure(name)["data"]
        assert len(traces) == 5 * len(variables)
        for index, trace in enumerate(traces):
            variable, run = variables[index // 5], index % 5
            line = metrics[variable].isel(run=run).dropna("step")
            np.testing.assert_array_equal(trace["x"], line["step"])
            np.testing.assert_array_equal(trace["y"], line)
            assert trace["line"]["color"] == OKABE_ITO[run]
            assert trace["line"]["dash"] == ("solid" if index < 5 else "dash")
    assert len({trace["marker"]["symbol"] for trace in page.figure("loss")["data"]}) == 5
    for index, trace in enumerate(page.figure("matrix-norm")["data"]):
        line = metrics["matrix_norm"].isel(run=index % 5, matrix=index // 5).dropna("step")
        np.testing.assert_array_equal(trace["y"], line)
    for name in ("embedding_norm", "neuron_logit_norm"):
        for run, trace in enumerate(page.figure(name)["data"]):
            steps = np.isin(metrics["step"], trace["x"])
            np.testing.assert_array_equal(trace["z"], metrics[name].values[run, steps].T)
        for run, trace in enumerate(page.figure(f"{name}-last")["data"]):
            seen = metrics[name].isel(run=run).dropna("step", how="all")
            np.testing.assert_array_equal(trace["y"], seen.values[-1])
            np.testing.assert_array_equal(trace["x"], metrics["frequency"])


def test_the_phases_are_those_of_the_rule(tmp_path):
    record = with_excluded_loss(fake_record(runs=2))
    metrics = record.metrics()
    facts, _ = page_of(record, path=tmp_path / "page.html").packed[0]
    for run in facts["runs"]:
        losses = {name: metrics[name].values[run["run"]] for name in ("train_loss", "test_loss", "excluded_loss")}
        phases = find_phases(metrics["step"], **losses)
        assert [phase["name"] for phase in run["phases"]] == ["memorisation", "circuit formation", "clean-up"]
        wanted = (phases.memorisation, phases.circuit_formation, phases.clean_up)
        for found, phase in zip(run["phases"], wanted, strict=True):
            assert phase.end is not None
            assert found["begin"]["step"] == phase.begin.step
            assert (found["end"]["low"], found["end"]["step"]) == (phase.end.low, phase.end.step)


def test_every_axis_has_a_name_and_a_unit_and_every_figure_its_words(one):
    _, page, _ = one
    names = page.packed[0][0]["figures"]
    for name in names:
        for axis in ("xaxis", "yaxis"):
            assert re.fullmatch(r".+ \(.+\)", page.figure(name)["layout"][axis]["title"]["text"]), name
    plots = [attrs for tag, attrs in page.tags if tag == "div" and attrs.get("role") == "img"]
    told = {attrs["id"] for tag, attrs in page.tags if tag == "p" and attrs.get("id")}
    assert len(plots) == len(names)
    assert all(plot["aria-label"] and plot["aria-describedby"] in told for plot in plots)
    assert "train: median of 5 runs from 4" in page.words
    assert axis_title("loss", {"units": "nats"}) == "loss (nats)"


def test_loss_is_logarithmic_and_both_axes_can_be_switched(one):
    _, page, _ = one
    assert page.figure("loss")["layout"]["yaxis"]["type"] == "log"
    buttons = [attrs for tag, attrs in page.tags if tag == "button" and "data-axis" in attrs][:4]
    shown = [(b["data-axis"], b["data-type"], b["aria-pressed"]) for b in buttons]
    assert shown == [
        ("x", "linear", "true"),
        ("x", "log", "false"),
        ("y", "linear", "false"),
        ("y", "log", "true"),
    ]


def test_sections_tables_settings_and_glossary(one):
    record, page, _ = one
    for heading in (
        "Loss and accuracy",
        "Norms, sparsity and margins",
        "Other measures",
        "Runs",
        "Glossary",
        "Settings",
    ):
        assert heading in page.words
    assert "nanda/mainline" in page.words
    assert "diverged at step 812: the loss was not a number" in page.words
    assert "groklab 0.1.0" in page.words
    assert "optimiser.weight_decay" in page.words
    for values in record.metrics().data_vars.values():
        assert values.attrs["description"] in page.words


def test_nothing_is_loaded_from_outside_and_only_known_scripts_run(one):
    _, page, text = one
    for tag, attrs in page.tags:
        assert "src" not in attrs, tag
        assert not any(name.startswith("on") for name in attrs), tag
        assert not (tag == "link" and not str(attrs["href"]).startswith("data:"))
        assert not (tag == "a" and not str(attrs["href"]).startswith("#"))
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe" not in policy.split("style-src")[0]
    (script,) = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy


def test_text_from_data_is_escaped(tmp_path):
    evil = "</script><img src=x onerror=alert(1)>"
    record = fake_record()
    record.study = evil
    record.provenance[0]["device"] = evil
    record.dataset["test_loss"].attrs["description"] = evil
    record.dataset["test_loss"].attrs["units"] = evil
    record.dataset = record.dataset.assign_coords(task=("run", [evil, "b", "c", "d", "e"]))
    page = page_of(record, path=tmp_path / "page.html")
    assert all(tag != "img" for tag, _ in page.tags)
    assert page.words.count(evil) >= 3
    assert len(page.packed[0][0]["figures"]) == 13
    assert "&lt;" in page.figure("loss")["data"][0]["hovertemplate"]


def test_many_runs_have_colours_of_their_own_and_no_endless_legend(tmp_path):
    record = fake_record(runs=60, points=300)
    assert len(set(colours(100))) == 100
    figure = report.loss_curves(record.metrics())
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["test", "train"]
    page = page_of(record, path=tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 8e6
    assert len(page.figure("loss")["data"]) == 120
    heatmaps = page.figure("embedding_norm")["data"]
    assert [trace["meta"]["of"] for trace in heatmaps] == np.linspace(0, 59, FEW).round().tolist()
    assert heatmaps[0]["x"].shape == (COLUMNS,)
    assert heatmaps[0]["x"][[0, -1]].tolist() == [0, 299 * 50]
    assert f"drawn of {FEW} of the 60 runs" in page.words
    assert MANY < 60


def test_lines_are_thinned_to_the_room_and_no_spike_is_lost():
    values = np.zeros(1000)
    values[[137, 801]] = 5, -5
    kept = thinned(values, 100)
    assert len(kept) <= 100
    assert {0, 137, 801, 999} <= set(kept.tolist())
    np.testing.assert_array_equal(thinned(values[:100], 100), np.arange(100))
    dataset = xr.Dataset(
        {"test_loss": (("run", "step"), np.random.default_rng(0).normal(size=(9, 1000)))},
        {"run": np.arange(9), "step": np.arange(1000)},
    )
    figures = {"loss": report.loss_curves(dataset)}
    whole, less, least = extracted(figures, 10**6), extracted(figures, 20_000), extracted(figures, 10)
    assert whole.points is None
    assert len(whole.arrays) == 10
    assert less.nbytes <= 20_000 < whole.nbytes
    assert less.points is not None
    assert max(map(len, less.arrays.values())) <= less.points
    assert least.points == FEWEST
    assert (whole.thinned, less.thinned) == ([], ["loss"])
    for run in range(9):
        x, y = (less.arrays[less.figures["loss"]["data"][run][axis]["packed"]] for axis in "xy")
        np.testing.assert_array_equal(y, dataset["test_loss"].values[run, x].astype(np.float32))


@pytest.mark.parametrize("group", [True, False])
def test_one_run_with_step_0_only(tmp_path, group):
    page = page_of(fake_record(runs=1, points=1, group=group), path=tmp_path / "page.html")
    assert page.figure("loss")["data"][0]["mode"] == "markers"
    assert any("embedding" in name for name in page.packed[0][0]["figures"]) == group


def test_a_run_that_never_measured_a_spectrum_is_left_out():
    metrics = fake_record(runs=3).metrics()
    metrics["embedding_norm"][1] = np.nan
    figure = report.spectra(metrics, "embedding_norm")
    assert [trace.meta["of"] for trace in figure.data] == [0, 2]
    assert figure.layout.meta["options"] == ["run 0 · seed 0", "run 2 · seed 2"]


def test_key_frequencies_are_marked_by_a_sign_and_a_colour():
    metrics = fake_record(runs=2).metrics()
    key = np.zeros((2, 26))
    key[1, [3, 8]] = 1
    metrics["key_frequency"] = (("run", "frequency"), key)
    _, second = report.final_spectra(metrics, "embedding_norm").data
    assert [k for k, sign in zip(second.x, second.text, strict=True) if sign] == [4, 9]
    assert {colour for sign, colour in zip(second.text, second.marker.color, strict=True) if sign} == {OKABE_ITO[1]}


def test_a_new_measure_gets_a_figure_without_being_listed():
    metrics = xr.Dataset(
        {
            "novelty": (("run", "step"), np.ones((2, 3)), {"units": "bits", "description": "New"}),
            "head_norm": (("run", "step", "head"), np.ones((2, 3, 4)), {"units": "1"}),
            "by_part": (("run", "step", "head", "part"), np.ones((2, 3, 4, 2)), {"units": "1"}),
            "phase": (("run", "step", "frequency"), np.ones((2, 3, 5)), {"units": "rad"}),
        },
        {"run": [0, 1], "step": [0, 1, 2], "head": np.arange(4), "part": ["a", "b"], "frequency": np.arange(5)},
    )
    panels = {panel.name: panel for panel in report.panels(metrics)}
    assert set(panels) == {"novelty", "head_norm", "by_part", "phase", "phase-last"}
    assert panels["novelty"].figure.layout.yaxis.title.text == "novelty (bits)"
    assert panels["novelty"].caption == "New."
    assert panels["head_norm"].figure.layout.meta["options"] == ["0", "1", "2", "3"]
    assert panels["by_part"].figure.layout.meta["options"][:3] == ["0 · a", "0 · b", "1 · a"]


def test_runs_are_named_by_what_differs():
    metrics = fake_record(runs=2).metrics().assign_coords(seed=("run", [7, 7]), weight_decay=("run", [0.5, 1.0]))
    assert run_names(metrics) == ["run 0 · weight decay 0.5", "run 1 · weight decay 1"]


def test_runs_that_differ_in_more_than_seeds_are_arms_with_a_colour_each():
    record = sweep()
    metrics = labelled(record)
    assert metrics["arm"].values.tolist() == ["weight decay 0.5"] * 2 + ["weight decay 1"] * 2
    assert run_names(metrics)[1] == "run 1 · weight decay 0.5 · seed 1"
    assert run_colours(metrics) == [OKABE_ITO[0]] * 2 + [OKABE_ITO[1]] * 2
    assert run_colours(metrics.isel(run=[3])) == [OKABE_ITO[1]]
    assert "arm" not in labelled(fake_record()).coords


def test_what_most_runs_share_goes_without_saying():
    record = sweep()
    record.runs = tuple(
        run.replace({"optimiser.weight_decay": 0.5 if place else 1.0}) for place, run in enumerate(record.runs)
    )
    record.runs = (*record.runs[:3], record.runs[3].replace({"learning_rate": 0.1}))
    rate = record.runs[0].optimiser.learning_rate
    names = ["weight decay 1", *[f"learning rate {rate:g} · weight decay 0.5"] * 2, "learning rate 0.1"]
    assert labelled(record)["arm"].values.tolist() == names


def test_settings_that_change_together_are_named_once():
    runs = [
        {"a.size": 1, "b.rate": 0.1, "seed": 1},
        {"a.size": 2, "b.rate": 0.2, "seed": 2},
        {"a.size": 2, "b.rate": 0.2},
    ]
    assert telling(runs) == [["size 1", "size 2", "size 2"]]


def test_two_records_share_a_page(tmp_path):
    page = page_of(fake_record(tmp_path / "a"), fake_record(tmp_path / "b"), path=tmp_path / "page.html")
    inside = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert inside[1:] == ["#study-0", "#study-1"]
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert {"study-0-loss", "study-1-loss", inside[0][1:]} <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_no_draft(tmp_path):
    target = tmp_path / "page.html"
    target.mkdir()
    with pytest.raises(Mistake, match="cannot write the page"):
        report.write_page([fake_record(runs=1, points=2)], target)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
