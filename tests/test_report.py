"""The page: every section is there, its data are the dataset's, and it loads nothing from outside."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from fake_record import fake_record
from groklab import report
from groklab.errors import StoreError
from groklab.report.heatmaps import COLUMNS
from groklab.report.style import OKABE_ITO, axis_title, colours, run_names

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


class Page(HTMLParser):
    """What a page holds: tags with attributes, the text outside scripts, figures' JSON by the figure's id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.figure = ""
        self.data: dict[str, dict] = {}
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        if tag == "figure":
            self.figure = dict(attrs)["id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside == "script" and self.tags[-1][1].get("type") == "application/json":
            self.data[self.figure] = json.loads(data)
        elif inside not in ("script", "style"):
            self.words += data


def page_of(*records, path) -> Page:
    parsed = Page(report.write_page(records, path).read_text(encoding="utf-8"))
    assert parsed.open == []
    return parsed


def numbers(plain) -> np.ndarray:
    """The numbers of a figure's JSON: a list, or base64 of typed values."""
    if isinstance(plain, dict):
        values = np.frombuffer(base64.b64decode(plain["bdata"]), dtype=plain["dtype"])
        return values.reshape([int(n) for n in plain["shape"].split(",")]) if "shape" in plain else values
    return np.array(plain, dtype=float)


def test_the_data_in_the_page_are_those_of_the_dataset(tmp_path):
    record = fake_record(diverged=2)
    metrics = record.metrics()
    data = page_of(record, path=tmp_path / "page.html").data
    for name, variables in FIGURES.items():
        traces = data[f"figure-0-{name}"]["data"]
        assert len(traces) == 5 * len(variables)
        for index, trace in enumerate(traces):
            variable, run = variables[index // 5], index % 5
            np.testing.assert_array_equal(numbers(trace["x"]), metrics["step"])
            np.testing.assert_array_equal(numbers(trace["y"]), metrics[variable].values[run])
            assert trace["line"]["color"] == OKABE_ITO[run]
            assert trace["line"]["dash"] == ("solid" if index < 5 else "dash")
    traces = data["figure-0-matrix-norm"]["data"]
    for index, trace in enumerate(traces):
        np.testing.assert_array_equal(numbers(trace["y"]), metrics["matrix_norm"].values[index % 5, :, index // 5])
    for name in ("embedding_norm", "neuron_logit_norm"):
        for run, trace in enumerate(data[f"figure-0-{name}"]["data"]):
            steps = np.isin(metrics["step"], numbers(trace["x"]))
            np.testing.assert_array_equal(numbers(trace["z"]), metrics[name].values[run, steps].T)
        for run, trace in enumerate(data[f"figure-0-{name}-last"]["data"]):
            seen = metrics[name].isel(run=run).dropna("step", how="all")
            np.testing.assert_array_equal(numbers(trace["y"]), seen.values[-1])
            np.testing.assert_array_equal(numbers(trace["x"]), metrics["frequency"])


def test_every_axis_has_a_name_and_a_unit(tmp_path):
    for place, figure in page_of(fake_record(), path=tmp_path / "page.html").data.items():
        for axis in ("xaxis", "yaxis"):
            assert re.fullmatch(r".+ \(.+\)", figure["layout"][axis]["title"]["text"]), place
    assert axis_title("loss", {"units": "nats"}) == "loss (nats)"


def test_loss_is_logarithmic_and_both_axes_can_be_switched(tmp_path):
    page = page_of(fake_record(), path=tmp_path / "page.html")
    assert page.data["figure-0-loss"]["layout"]["yaxis"]["type"] == "log"
    buttons = [attrs for tag, attrs in page.tags if tag == "button" and "data-axis" in attrs][:4]
    shown = [(b["data-axis"], b["data-type"], b["aria-pressed"]) for b in buttons]
    assert shown == [
        ("x", "linear", "true"),
        ("x", "log", "false"),
        ("y", "linear", "false"),
        ("y", "log", "true"),
    ]


def test_sections_tables_settings_and_glossary(tmp_path):
    record = fake_record(diverged=1)
    words = page_of(record, path=tmp_path / "page.html").words
    for heading in (
        "Learning",
        "What the networks build",
        "Weights and margins",
        "Runs",
        "Glossary",
        "Settings",
    ):
        assert heading in words
    assert "nanda/mainline" in words
    assert "diverged at step 812: the loss was not a number" in words
    assert "groklab 0.1.0" in words
    assert "optimiser.weight_decay" in words
    for values in record.metrics().data_vars.values():
        assert values.attrs["description"] in words


def test_nothing_is_loaded_from_outside(tmp_path):
    page = page_of(fake_record(), path=tmp_path / "page.html")
    for tag, attrs in page.tags:
        assert "src" not in attrs, tag
        assert not (tag == "link" and not str(attrs["href"]).startswith("data:"))
        assert not (tag == "a" and not str(attrs["href"]).startswith("#"))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


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
    assert len(page.data) == 13


def test_many_runs_have_colours_of_their_own_and_no_endless_legend(tmp_path):
    record = fake_record(runs=100, points=300)
    assert len(set(colours(100))) == 100
    figure = report.loss_curves(record.metrics())
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["test", "train"]
    data = page_of(record, path=tmp_path / "page.html").data
    assert len(data["figure-0-embedding_norm"]["data"]) == 100
    heatmap = data["figure-0-embedding_norm"]["data"][0]
    assert numbers(heatmap["x"]).shape == (COLUMNS,)
    assert numbers(heatmap["x"])[[0, -1]].tolist() == [0, 299 * 50]


@pytest.mark.parametrize("group", [True, False])
def test_one_run_with_step_0_only(tmp_path, group):
    data = page_of(fake_record(runs=1, points=1, group=group), path=tmp_path / "page.html").data
    assert data["figure-0-loss"]["data"][0]["mode"] == "markers"
    assert any("embedding" in name for name in data) == group


def test_a_run_that_never_measured_a_spectrum_is_left_out():
    metrics = fake_record(runs=3).metrics()
    metrics["embedding_norm"][1] = np.nan
    figure = report.spectra(metrics, "embedding_norm")
    assert [trace.meta["of"] for trace in figure.data] == [0, 2]
    assert figure.layout.meta["options"] == ["run 0 · seed 0", "run 2 · seed 2"]


def test_a_new_measure_gets_a_figure_without_being_listed():
    metrics = xr.Dataset(
        {
            "novelty": (("run", "step"), np.ones((2, 3)), {"units": "bits", "description": "New"}),
            "head_norm": (("run", "step", "head"), np.ones((2, 3, 4)), {"units": "1"}),
            "phase": (("run", "step", "frequency"), np.ones((2, 3, 5)), {"units": "rad"}),
        },
        {"run": [0, 1], "step": [0, 1, 2], "head": np.arange(4), "frequency": np.arange(5)},
    )
    panels = {panel.name: panel for panel in report.panels(metrics)}
    assert set(panels) == {"novelty", "head_norm", "phase", "phase-last"}
    assert panels["novelty"].figure.layout.yaxis.title.text == "novelty (bits)"
    assert panels["novelty"].caption == "New."
    assert panels["head_norm"].figure.layout.meta["options"] == ["0", "1", "2", "3"]


def test_runs_are_named_by_what_differs():
    metrics = fake_record(runs=2).metrics().assign_coords(seed=("run", [7, 7]), weight_decay=("run", [0.5, 1.0]))
    assert run_names(metrics) == ["run 0 · weight decay 0.5", "run 1 · weight decay 1"]


def test_two_records_share_a_page(tmp_path):
    page = page_of(fake_record(tmp_path / "a"), fake_record(tmp_path / "b"), path=tmp_path / "page.html")
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a"] == ["#study-0", "#study-1"]
    assert {"figure-0-loss", "figure-1-loss"} <= page.data.keys()


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_no_draft(tmp_path):
    target = tmp_path / "page.html"
    target.mkdir()
    with pytest.raises(StoreError, match="cannot write the page"):
        report.write_page([fake_record(runs=1, points=2)], target)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
