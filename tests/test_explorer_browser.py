"""The explorer in a real browser: what it draws at a step is what the network computes there."""

import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import groklab
from groklab.circuits import neuron_spectra
from groklab.circuits.basis import Basis
from groklab.models import TransformerSettings, named_parameters, with_parameters
from groklab.report.explorer import explorer_data
from groklab.report.packing import Quantised, pack
from groklab.tasks import Task, TaskSettings
from groklab.training.settings import Run
from kept_networks import STEPS, grokking_runs, random_network, store_networks

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
REPORT = Path(groklab.__file__).parent / "report"
ASK = "(detail) => document.getElementById('root').dispatchEvent(new CustomEvent('groklab:set-step', { detail }))"
WIDE: Any = {"width": 1200, "height": 2600}
READY = "window.ready && document.querySelector('.pair svg')"
OTHER = TaskSettings(operation="divide", modulus=7, layout="a op b =")
"""A group in disguise, with four tokens."""
OWN = ("unpack", "colours", "fourier", "network", "charts", "pictures", "explorer")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the explorer was NOT opened in a browser")


def page_of(text: str) -> str:
    """A page of the explorer alone, whose save buttons only note what they would save."""
    scripts = [path.read_text() for path in sorted((REPORT / "js").glob("*.js")) if path.stem.split("-")[0] in OWN]
    styles = (REPORT / "css" / "explorer.css").read_text()
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><style>
:root {{ --paper: #fff; --card: #fff; --ink: #000; --soft: #555; --line: #ddd; --accent: #06c; --good: #070; }}
body, figure {{ margin: 0; --bad: #b00; }} {styles}</style><div id="root"></div>
<script type="text/plain" id="data">{text}</script><script>(() => {{ "use strict";
const sources = {{}};
function saveButtons(figure, source) {{
  sources[source.name().replace(/^run-\\d+-step-\\d+-/, "")] = source;
  return document.createElement("div");
}}
{"".join(scripts)}
(async () => {{
  const root = document.getElementById("root"), told = [];
  root.addEventListener("groklab:step", ({{ detail }}) => told.push(detail));
  const data = await unpack(document.getElementById("data").textContent);
  const api = mountExplorer(root, data, {{ k: 5, run: "0", head: "nonsense", step: 41 }});
  Object.assign(window, {{ data, api, told, sources, networkAttention, networkNeuron, fourierOfPairs, explorerRun }});
  window.ready = true;
}})(); }})();</script>"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, groklab.Record, dict[str, Any]]]:
    """The page in a browser without network, the record, and the arrays of Python. No message may come."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("explorer")
    runs, networks = grokking_runs()
    other = Run(task=OTHER, model=TransformerSettings(d_model=6, heads=2, d_mlp=5, activation="gelu"), steps=1)
    network = random_network(other.model, Task.of(OTHER), 4)
    # The last run diverged after step 5.
    broken = with_parameters(
        networks[0][60], {name: np.full(leaf.shape, np.nan) for name, leaf in named_parameters(networks[0][60]).items()}
    )
    path = store_networks(
        folder / "out",
        [*runs, other, runs[0].replace({"seed": 9})],
        [*networks, {0: network, 1: network}, {step: networks[0][step] for step in (0, 5)} | {60: broken}],
    )
    record = groklab.open(path)
    data = explorer_data(record)
    assert data is not None
    (folder / "page.html").write_text(page_of(pack(*data)), encoding="utf-8")
    arrays = {name: one.restored if isinstance(one, Quantised) else np.asarray(one) for name, one in data[0].items()}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=WIDE, reduced_motion="reduce")
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto((folder / "page.html").as_uri())
        page.wait_for_function(READY)
        yield page, record, arrays
        assert messages == []
        browser.close()


def at_rest(page: Any) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def heights(page: Any, name: str) -> np.ndarray:
    return np.array(
        page.eval_on_selector_all(f".{name} rect[data-k]", "all => all.map((r) => Number(r.getAttribute('height')))")
    )


def test_the_browser_unpacks_the_numbers_of_python(opened: Any) -> None:
    page, _, arrays = opened
    for name, values in arrays.items():
        found = page.evaluate("(name) => [data.arrays[name].shape, [...data.arrays[name].data]]", name)
        assert found[0] == list(values.shape)
        np.testing.assert_array_equal(np.array(found[1], values.dtype), values.reshape(-1))


def test_it_opens_at_the_nearest_kept_step_and_tells_it(opened: Any) -> None:
    page = opened[0]
    assert page.evaluate("told[0]") == {"run": 0, "step": 40}
    state = page.evaluate("api.state()")
    assert (state["run"], state["step"], state["k"], state["head"]) == (0, 40, 5, 0)


def test_the_keyboard_moves_the_slider_and_the_bars_follow(opened: Any) -> None:
    page, _, arrays = opened
    slider = page.get_by_role("slider", name="Step of training")
    slider.focus()
    for key, step in (("Home", 0), ("ArrowRight", 5), ("ArrowRight", 20), ("End", 60), ("ArrowLeft", 40)):
        slider.press(key)
        at_rest(page)
        at = STEPS.index(step)
        assert f"step {step}," in slider.get_attribute("aria-valuetext")
        for name in ("embedding_norm", "neuron_logit_norm"):
            drawn, values = heights(page, name.replace("_", "-")), arrays[f"0.{name}"]
            # 216 pixels less the margins stand for the largest norm of the whole training.
            np.testing.assert_allclose(drawn, values[at] / values.max() * (216 - 22 - 40), atol=0.02)
        cosines = arrays["0.logit_cosine"]
        spread = max(cosines.max(), 0) - min(cosines.min(), 0)
        np.testing.assert_allclose(
            heights(page, "logit-cosine"), abs(cosines[at]) / spread * (330 - 22 - 40), atol=0.02
        )
    assert page.evaluate("told.at(-1)") == {"run": 0, "step": 40}
    marked = page.eval_on_selector_all(".logit-cosine text[font-weight='700']", "all => all.map((t) => t.textContent)")
    assert marked == ["2", "5"]


@pytest.mark.parametrize(("number", "step"), [(1, 60), (2, 1)])
def test_pictures_are_the_attention_and_the_activations_of_the_network(opened: Any, number: int, step: int) -> None:
    page, record, _ = opened
    task, model = record.task(number), record.model(number, step)
    basis = Basis.of(task)
    _, kept = model.run(task.tokens[basis.pairs], ["blocks.0.attn.pattern", "blocks.0.mlp.post"])
    pattern = np.asarray(kept["blocks.0.attn.pattern"])[:, :, -1]
    post = np.asarray(kept["blocks.0.mlp.post"])[:, -1]
    page.evaluate("(number) => { window.run = explorerRun(data.meta.runs[number], data.arrays); }", number)
    at, neuron = page.evaluate("(step) => [run.facts.steps.indexOf(step), run.facts.neurons[2].number]", step)
    for head in range(2):
        for position, operand in zip(task.operand_positions, "ab", strict=True):
            drawn = page.evaluate("(args) => [...networkAttention(run, ...args)]", [at, head, operand])
            np.testing.assert_allclose(drawn, pattern[:, head, position], atol=1e-3)
    drawn = page.evaluate("(at) => [...networkNeuron(run, at, 2)]", at)
    np.testing.assert_allclose(drawn, post[:, neuron], atol=2e-3 * abs(post[:, neuron]).max())
    spectrum = page.evaluate("(at) => [...fourierOfPairs(networkNeuron(run, at, 2), run.facts.order)]", at)
    expected = neuron_spectra(model, task)[neuron] / basis.order
    np.testing.assert_allclose(np.reshape(spectrum, expected.shape), expected, atol=2e-3 * expected.max())


def test_another_task_says_its_own_answer(opened: Any) -> None:
    page, record, arrays = opened
    page.evaluate("api.set({ run: 2, step: 1, a: 0, b: 3 })")
    at_rest(page)
    structure = record.task(2).group
    a, b = page.evaluate("[api.state().a, api.state().b]")
    assert (a in range(1, 7), b) == (True, 3)
    assert f"{a} / 3 mod 7 = {a * pow(3, -1, 7) % 7}" in page.inner_text(".pair .result")
    alpha = arrays["2.logit_cosine"][1]
    z = structure.a_element[a] + structure.b_element[3] - structure.answer_element[1:]
    labels = page.evaluate("data.meta.runs[2].key") or [1, 2, 3]
    expected = sum(alpha[k - 1] * np.cos(2 * np.pi * k * z / 6) for k in labels)
    saved = page.evaluate("sources[Object.keys(sources).find((name) => name.startsWith('cosines'))].csv()")
    rows = {row[0]: row[-1] for row in saved["rows"]}
    np.testing.assert_allclose([rows[answer] for answer in range(1, 7)], expected, atol=1e-5)
    assert "elements of the group" in page.inner_text(".pair figcaption")
    page.evaluate("api.set({ run: 0, step: 40 })")


def test_the_canvas_is_lightest_where_the_neuron_is_most_active(opened: Any) -> None:
    page, record, _ = opened
    page.evaluate("api.set({ run: 1, step: 60 })")
    at_rest(page)
    number = page.evaluate("api.state().neuron")
    _, kept = record.model(1, 60).run(record.task(1).tokens, ["blocks.0.mlp.post"])
    post = np.asarray(kept["blocks.0.mlp.post"])[:, -1, number].reshape(13, 13)
    pixels = page.evaluate("""() => { const canvas = document.querySelectorAll(".pairs canvas")[2];
        return [...canvas.getContext("2d").getImageData(0, 0, 13, 13).data]; }""")
    # Rows of the canvas go down, b goes up; viridis is lighter the more green there is.
    green = np.reshape(pixels, (13, 13, 4))[::-1, :, 1].T
    assert np.corrcoef(green.reshape(-1), post.reshape(-1))[0, 1] > 0.95
    assert np.unravel_index(post.argmax(), post.shape) in [tuple(place) for place in np.argwhere(green == green.max())]
    label = page.get_by_role("img", name=re.compile(f"Activation of neuron {number} over all pairs")).get_attribute(
        "aria-label"
    )
    assert f"to {float(f'{post.max():.3g}'):g}" in label
    page.evaluate("api.set({ run: 0, step: 40 })")


def test_the_sum_of_cosines_is_numpys_and_its_answer_is_named(opened: Any) -> None:
    page, record, arrays = opened
    split = record.split(0)
    for a, b, step in ((3, 12, 60), (0, 0, 40), (7, 5, 0)):
        page.evaluate("(state) => api.set(state)", {"a": a, "b": b, "step": step})
        at_rest(page)
        alpha = arrays["0.logit_cosine"][STEPS.index(step)]
        c = np.arange(13)
        waves = [alpha[k - 1] * np.cos(2 * np.pi * k * (a + b - c) / 13) for k in (2, 5)]
        saved = page.evaluate(
            "(name) => sources[Object.keys(sources).find((n) => n.startsWith('cosines'))].csv()", None
        )
        rows = np.array(saved["rows"], float)
        np.testing.assert_allclose(rows[:, 1:3], np.transpose(waves), atol=1e-5)
        np.testing.assert_allclose(rows[:, 3], np.sum(waves, axis=0), atol=1e-5)
        said = page.inner_text(".pair .result")
        assert f"{a} + {b} mod 13 = {(a + b) % 13}" in said
        assert f"the sum says {int(np.sum(waves, axis=0).argmax())}" in said
        assert ("not trained on" in said) == (not split.train_mask[13 * a + b])
    share = float(arrays["0.trig_share"][0]) * (alpha[[1, 4]] ** 2).sum() / (alpha**2).sum()
    shown = float(re.search(r"these 2 cosines are ([\d.e-]+) %", page.inner_text(".pair figcaption")).group(1))  # pyright: ignore[reportOptionalMemberAccess]
    assert shown == pytest.approx(100 * share, rel=0.02)


def test_tokens_stand_on_the_circle_that_was_chosen(opened: Any) -> None:
    page, _, arrays = opened
    page.evaluate("api.set({ step: 60, scale: 'step' })")
    for k in (5, 2):
        page.get_by_label("frequency k").select_option(str(k))
        at_rest(page)
        places = page.eval_on_selector_all(
            ".circle circle",
            "all => all.map((c) => ['data-token', 'cx', 'cy'].map((name) => Number(c.getAttribute(name))))",
        )
        drawn = np.array(sorted(places))[:, 1:] * [1, -1]
        expected = arrays["0.circles"][4, page.evaluate("data.meta.runs[0].circles").index(k)]
        scale, shift = np.polyfit(expected.T.reshape(-1), (drawn - drawn.mean(0) + 0).T.reshape(-1), 1)
        centred = expected - expected.mean(0)
        assert scale > 0
        np.testing.assert_allclose(drawn - drawn.mean(0), scale * centred, atol=0.3)
        assert math.isfinite(shift)
    page.evaluate("api.set({ scale: 'training' })")


def test_play_goes_through_all_steps_and_stops_at_the_end(opened: Any) -> None:
    page = opened[0]
    page.evaluate("told.length = 0")
    page.get_by_label("Speed of play").select_option("32")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("told.length && told.at(-1).step === 60 && document.querySelector('[aria-label=Play]')")
    assert page.evaluate("told.map((one) => one.step)") == list(STEPS)


def test_a_curve_can_move_the_slider_and_nonsense_cannot(opened: Any) -> None:
    page = opened[0]
    page.evaluate(ASK, {"step": 23, "run": 1})
    assert page.evaluate("[api.state().run, api.state().step]") == [1, 20]
    page.evaluate("api.set({ run: 17, step: 'x', k: 3.5, operand: 'c', a: 99, neuron: '' })")
    assert page.evaluate("[api.state().run, api.state().step, api.state().operand]") == [1, 20, "a"]
    page.evaluate("api.set({ run: 0, step: 40 })")


def test_a_run_that_diverged_opens_where_it_was_finite_and_says_where_it_is_not(opened: Any) -> None:
    page = opened[0]
    page.evaluate("api.set({ step: 60 })")
    page.evaluate("api.set({ run: 3 })")
    assert page.evaluate("[api.state().run, api.state().step]") == [3, 5]
    at_rest(page)
    assert "not finite" not in page.inner_text(".pair .result")
    assert "step 5, the last before it diverged" in page.inner_text(".logit-cosine figcaption")
    page.evaluate("api.set({ step: 60 })")
    at_rest(page)
    assert "the sum is not finite" in page.inner_text(".pair .result")
    assert "not finite" in page.inner_text(".pair figcaption")
    assert page.evaluate("[...document.querySelectorAll('svg *')].every((one) => !/NaN/.test(one.outerHTML))")
    label = page.get_by_role("img", name=re.compile("Attention of head 0 to a")).get_attribute("aria-label")
    assert label.endswith("not finite")
    page.evaluate("api.set({ run: 0, step: 40 })")


def test_a_run_that_is_not_here_is_said_beside_the_slider(opened: Any) -> None:
    page = opened[0]
    words = page.locator(".lacking")
    assert not words.is_visible()
    page.evaluate("api.set({ run: 17 })")
    assert words.inner_text().startswith("Run 17 is in view, and is not in the explorer: here is run 0")
    page.evaluate("api.set({ step: 20 })")
    assert words.is_visible()
    page.evaluate("api.set({ run: 0, step: 40 })")
    assert not words.is_visible()


def test_a_figure_saved_as_svg_stands_alone(opened: Any) -> None:
    page = opened[0]
    at_rest(page)
    for name in page.evaluate("Object.keys(sources)"):
        svg = page.evaluate("(name) => sources[name].svg()", name)
        found = page.evaluate(
            """async (svg) => {
              const parsed = new DOMParser().parseFromString(svg, "image/svg+xml");
              const image = new Image();
              image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
              await image.decode();
              return [parsed.querySelector("parsererror") === null, image.width];
            }""",
            svg,
        )
        assert found[0], name
        assert found[1] > 200
        assert "var(" not in svg


def test_a_phone_has_no_sideways_scroll_and_the_end_leaves_nothing(opened: Any) -> None:
    page = opened[0]
    page.set_viewport_size({"width": 360, "height": 800})
    at_rest(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.evaluate("api.destroy()")
    assert page.evaluate("document.getElementById('root').childElementCount") == 0
    page.evaluate(ASK, {"step": 0})
    assert page.evaluate("api.state().step") == 40
    # For tests that another worker leaves to this one.
    page.set_viewport_size(WIDE)
    page.reload()
    page.wait_for_function(READY)
