"""The page in a real browser, opened from a file without network: what it does, checked against the data."""

import csv
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from browsing import PLOT, STORE, SWEEP, Opened, needs_chromium, opened
from groklab.curves import find_phases
from groklab.report.explorer import explorer_data
from kept_networks import STEPS

__all__ = ["opened"]
pytestmark = needs_chromium


def test_the_slider_moves_the_line_in_the_curves_and_the_fragment_keeps_it(opened: Opened) -> None:
    opened.go()
    loss = f"{STORE}-loss"
    opened.figure(loss)
    assert opened.shapes(loss)["step"] == (STEPS[-1], STEPS[-1])
    slider = opened.page.locator(f"{STORE} input[type=range]")
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    opened.until(lambda: opened.shapes(loss)["step"] == (STEPS[2], STEPS[2]))
    opened.until(lambda: f"step={STEPS[2]}" in opened.page.url)
    opened.page.reload()
    opened.figure(loss)
    assert opened.shapes(loss)["step"] == (STEPS[2], STEPS[2])
    # The other study on the page has no networks, and so no line.
    opened.figure(f"{SWEEP}-loss")
    assert "step" not in opened.shapes(f"{SWEEP}-loss")


def test_the_phases_are_shaded_where_the_rule_has_them(opened: Opened) -> None:
    opened.go()
    loss = f"{SWEEP}-loss"
    metrics = opened.sweep.metrics()
    for run in (0, 3):
        opened.page.locator(f"{SWEEP} .run-focus").select_option(str(run))
        opened.figure(loss)
        losses = {name: metrics[name].values[run] for name in ("train_loss", "test_loss", "excluded_loss")}
        phases = find_phases(metrics["step"], **losses)
        wanted = {
            "phase: memorisation": phases.memorisation,
            "phase: circuit formation": phases.circuit_formation,
            "phase: clean-up": phases.clean_up,
        }
        for name, phase in wanted.items():
            assert phase.begin is not None
            assert phase.end is not None
            ends = (phase.begin.step, phase.end.step)
            opened.until(lambda name=name, ends=ends: opened.shapes(loss)[name] == pytest.approx(ends))
            words = opened.page.locator(f"{SWEEP} .phase-words").inner_text()
            assert f"{phase.begin.step:,.0f} to {phase.end.step:,.0f}" in words
        assert opened.shapes(loss)["end of memorisation"] == pytest.approx(
            (phases.memorisation.end.low, phases.memorisation.end.high)
        )


def test_runs_are_hidden_and_shown_by_arm(opened: Opened) -> None:
    opened.go()
    loss = f"{SWEEP}-loss"
    opened.figure(loss)
    assert opened.shown(loss) == {0, 1, 2, 3}
    buttons = opened.page.locator(f"{SWEEP} .runs-bar button")
    assert buttons.all_inner_texts()[0].endswith("weight decay 0.5")
    buttons.nth(0).click()
    opened.until(lambda: opened.shown(loss) == {2, 3})
    assert buttons.nth(0).get_attribute("aria-pressed") == "false"
    opened.page.reload()
    opened.figure(loss)
    assert opened.shown(loss) == {2, 3}
    opened.page.locator(f"{SWEEP} .runs-bar [data-runs=all]").click()
    opened.until(lambda: opened.shown(loss) == {0, 1, 2, 3})
    assert "hide" not in opened.page.url


def test_the_run_in_view_is_shown_alone_by_a_button(opened: Opened) -> None:
    opened.go()
    loss = f"{SWEEP}-loss"
    opened.figure(loss)
    opened.page.locator(f"{SWEEP} .run-focus").select_option("2")
    alone = opened.page.get_by_role("button", name="only the one in view").nth(1)
    alone.focus()
    alone.press("Enter")
    opened.until(lambda: opened.shown(loss) == {2, 3})
    opened.page.locator(f"{SWEEP} .runs-bar [data-runs=all]").click()
    opened.until(lambda: opened.shown(loss) == {0, 1, 2, 3})


def test_play_moves_the_slider_and_an_explorers_figure_is_saved(opened: Opened) -> None:
    opened.go()
    slider, pair = opened.page.locator(f"{STORE} input[type=range]"), f"{STORE} .explorer-figure.pair"
    slider.focus()
    slider.press("Home")
    opened.page.locator(f"{STORE} .speed").select_option("32")
    opened.page.locator(f"{STORE} .play").click()
    opened.until(lambda: slider.input_value() == str(len(STEPS) - 1))
    opened.until(lambda: opened.page.locator(f"{STORE} .play").get_attribute("aria-label") == "Play")
    opened.page.locator(pair).scroll_into_view_if_needed()
    opened.until(lambda: opened.page.locator(f"{pair} svg path, {pair} svg polyline").count())
    run = int(opened.page.locator(f"{STORE} [data-state=run]").input_value())
    data = explorer_data(opened.store)
    assert data is not None
    alpha = np.asarray(data[0][f"{run}.logit_cosine"])[-1]
    header, *rows = list(csv.reader(io.StringIO(opened.save(pair, "CSV").decode())))
    assert header == ["answer", "frequency 2 (nats)", "frequency 5 (nats)", "sum (nats)"]
    a, b = (int(opened.page.locator(f"{pair} input[type=number]").nth(place).input_value()) for place in (0, 1))
    waves = [alpha[k - 1] * np.cos(2 * np.pi * k * (a + b - np.arange(13)) / 13) for k in (2, 5)]
    np.testing.assert_allclose(np.array(rows, float)[:, 1:], np.transpose([*waves, sum(waves)]), atol=1e-5)
    svg = ElementTree.fromstring(opened.save(pair, "SVG").decode())
    assert "answer c (token)" in "".join(svg.itertext())
    assert sum(one.tag.endswith("polyline") for one in svg.iter()) == 3
    png = opened.save(pair, "PNG")
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == 2 * int(svg.get("width") or 0)


def test_a_run_that_the_explorer_lacks_stays_in_view(opened: Opened) -> None:
    opened.go()
    opened.figure(f"{STORE}-loss")
    view, words = "document.querySelector('#study-0').page.run", opened.page.locator(f"{STORE} .lacking")
    opened.page.evaluate("document.querySelector('#study-0').page.see(7)")
    assert words.inner_text().startswith("Run 7 is in view, and is not in the explorer")
    slider = opened.page.locator(f"{STORE} input[type=range]")
    slider.focus()
    slider.press("Home")
    opened.until(lambda: opened.shapes(f"{STORE}-loss")["step"] == (0, 0))
    assert opened.page.evaluate(view) == 7
    opened.until(lambda: "run=7" in opened.page.url and "step=0" in opened.page.url)
    chosen = opened.page.locator(f"{STORE} [data-state=run]")
    other = 1 - int(chosen.input_value())
    chosen.select_option(str(other))
    assert opened.page.evaluate(view) == other
    assert not words.is_visible()


def test_a_figure_that_fails_says_so_and_stops_no_other(opened: Opened) -> None:
    opened.go()
    opened.page.evaluate("delete document.querySelector('#study-1').page.facts.figures.loss")
    failed = opened.page.locator(f"{SWEEP}-loss .failed")
    opened.page.locator(f"{SWEEP}-loss").scroll_into_view_if_needed()
    opened.until(failed.count)
    opened.figure(f"{SWEEP}-accuracy")
    opened.figure(f"{SWEEP}-sum-of-squares")
    opened.page.goto("about:blank")
    assert opened.messages
    opened.messages.clear()


def test_a_file_of_thinned_lines_says_so_in_its_name(opened: Opened) -> None:
    opened.go()
    opened.page.evaluate("document.querySelector('#study-1').page.facts.thinned = { loss: 40 }")
    for name, wanted in (
        ("loss", "nanda-mainline-loss-thinned-to-40-points.csv"),
        ("accuracy", "nanda-mainline-accuracy.csv"),
    ):
        with opened.page.expect_download() as waited:
            opened.page.locator(f"{SWEEP}-{name} .save button", has_text="CSV").click()
        assert waited.value.suggested_filename == wanted


def test_axes_can_be_switched_and_stay_so(opened: Opened) -> None:
    opened.go()
    loss = f"{SWEEP}-loss"
    opened.figure(loss)
    kind = PLOT + "[plot._fullLayout.xaxis.type, plot._fullLayout.yaxis.type] }"
    assert opened.page.evaluate(kind, [loss]) == ["linear", "log"]
    opened.page.locator(f"{loss} [data-axis=x][data-type=log]").click()
    opened.page.locator(f"{loss} [data-axis=y][data-type=linear]").click()
    opened.until(lambda: opened.page.evaluate(kind, [loss]) == ["log", "linear"])
    opened.page.reload()
    opened.figure(loss)
    assert opened.page.evaluate(kind, [loss]) == ["log", "linear"]
    # Step 0 has no place on a logarithmic axis: the first phase begins at its left end.
    assert opened.shapes(loss)["phase: memorisation"][0] == 1


def test_what_is_saved_is_the_data_and_the_picture(opened: Opened) -> None:
    opened.go()
    metrics = opened.sweep.metrics()
    for name, variables in {
        "accuracy": {"test": "test_accuracy", "train": "train_accuracy"},
        "sum-of-squares": {"all parameters": "sum_of_squares"},
    }.items():
        place = f"{SWEEP}-{name}"
        opened.figure(place)
        rows = list(csv.reader(io.StringIO(opened.save(place, "CSV").decode())))
        assert rows[0][:3] == ["run", "line", "training (optimiser steps)"]
        for line, variable in variables.items():
            for run in range(4):
                mine = [row for row in rows[1:] if row[0].startswith(f"run {run} ") and row[1] == line]
                assert [int(row[2]) for row in mine] == metrics["step"].values.tolist()
                np.testing.assert_array_equal(np.float32([row[3] for row in mine]), metrics[variable].values[run])
    svg = ElementTree.fromstring(opened.save(place, "SVG").decode())
    text = " ".join(svg.itertext())
    assert "All weights" in text
    assert "sum of squares (pure number)" in text
    assert sum("js-line" in (path.get("class") or "") for path in svg.iter()) >= 4
    png = opened.save(place, "PNG")
    assert png.startswith(b"\x89PNG")
    assert [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)] == [1920, 1120]


def test_spectra_are_saved_with_all_their_values(opened: Opened) -> None:
    opened.go()
    place = f"{SWEEP}-embedding_norm"
    opened.figure(place)
    rows = list(csv.reader(io.StringIO(opened.save(place, "CSV").decode())))
    values = opened.sweep.metrics()["embedding_norm"].transpose("run", "frequency", "step").values
    np.testing.assert_array_equal(np.float32([row[-1] for row in rows[1:]]), values.ravel())


def test_a_figure_over_all_runs_is_saved_with_its_runs_and_intervals(opened: Opened) -> None:
    from groklab.figures import grokking_survival

    opened.go()
    place = f"{SWEEP}-survival"
    opened.figure(place)
    header, *rows = list(csv.reader(io.StringIO(opened.save(place, "CSV").decode())))
    drawn = grokking_survival(opened.sweep).data
    assert len(rows) == sum(len(trace.x) for trace in drawn)
    for at, axis in (
        (header.index("training (optimiser steps)"), "x"),
        (header.index("training (optimiser steps)") + 1, "y"),
    ):
        wanted = np.concatenate([np.asarray(getattr(trace, axis), np.float32) for trace in drawn])
        np.testing.assert_array_equal(np.array([float(row[at] or "nan") for row in rows], np.float32), wanted)


def test_a_folded_measure_is_found(opened: Opened) -> None:
    opened.go()
    fold = f"{SWEEP}-others"
    opened.page.locator(f"{fold} > summary").click()
    names = opened.page.locator(f"{fold} figure:visible h4")
    assert names.all_inner_texts() == ["Margin spread"]
    opened.page.locator(f"{fold} .filter").fill("spread marg")
    assert names.count() == 1
    opened.page.locator(f"{fold} .filter").fill("nothing like it")
    assert names.count() == 0
    assert opened.page.locator(f"{fold} .found").inner_text() == "0 figures"
    opened.page.reload()
    opened.until(lambda: opened.page.evaluate(f"document.querySelector('{fold}').open"))


def test_an_article_is_swapped_for_a_newer_one_and_keeps_its_state(opened: Opened) -> None:
    opened.go()
    loss = f"{STORE}-loss"
    opened.figure(loss)
    slider = opened.page.locator(f"{STORE} input[type=range]")
    slider.focus()
    slider.press("Home")
    opened.page.locator(f"{STORE} .runs-bar button").nth(1).click()
    opened.until(lambda: "step=0" in opened.page.url and "hide=1" in opened.page.url)
    opened.page.evaluate(
        """async ([text, id]) => {
          const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(id);
          const old = document.getElementById(id);
          window.groklab.unmount(old);
          old.replaceWith(document.adoptNode(fresh));
          await window.groklab.mount(fresh);
        }""",
        [opened.file.read_text(encoding="utf-8"), STORE[1:]],
    )
    opened.figure(loss)
    assert opened.shapes(loss)["step"] == (0, 0)
    assert opened.shown(loss) == {0}
    assert slider.input_value() == "0"
    slider.focus()
    slider.press("End")
    opened.until(lambda: opened.shapes(loss)["step"] == (STEPS[-1], STEPS[-1]))
    assert opened.page.locator(f"{STORE} .save").count() == opened.page.locator(f"{STORE} figure").count()
