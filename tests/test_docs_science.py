"""The pages on the science: pictures show what their captions say, and spots of the text are filled."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import groklab as gl
from groklab.errors import Mistake
from groklab.handbook import circuit, rooms
from groklab.handbook.evidence import Evidence
from groklab.handbook.spots import fill

ROOT = Path(__file__).parent.parent
DOCS, RESULTS = ROOT / "docs", ROOT / "results"


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(RESULTS)


@pytest.fixture(scope="module")
def network(evidence: Evidence) -> circuit.Network:
    return circuit.Network.of(evidence)


def test_waves_of_the_key_frequencies_meet_at_the_right_answer(network: circuit.Network) -> None:
    a, b = circuit.PAIR
    answers = np.arange(network.modulus)
    metrics = gl.open(RESULTS / "nanda" / "mainline-laptop.zip").metrics().isel(run=network.run, step=-1)
    total = np.zeros(network.modulus)
    for k in metrics["frequency"].values[metrics["key_frequency"].values == 1]:
        alpha = float(metrics["logit_cosine"].sel(frequency=k))
        total += alpha * np.array([math.cos(2 * math.pi * k * (a + b - c) / network.modulus) for c in answers])
    gap = np.sort(total)[-1] - np.sort(total)[-2]
    caption = circuit.cosines(network).caption
    assert f"meet at c = {(a + b) % network.modulus} only" in caption
    assert f"stays {gap:.0f} nats below" in caption


def test_hands_of_a_clock_add_up(network: circuit.Network) -> None:
    drawn = circuit.clocks(network).svg
    hands = re.findall(r'<path d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)" stroke="(#\w+)"', drawn)
    assert len(hands) == 3 * len(network.key)
    for place in range(0, len(hands), 3):
        turns = []
        for x, y, to_x, to_y, _ in hands[place : place + 3]:
            turns.append(math.atan2(float(to_x) - float(x), float(y) - float(to_y)))
        difference = (turns[0] + turns[1] - turns[2] + math.pi) % (2 * math.pi) - math.pi
        assert abs(difference) < 0.01


def test_every_room_of_the_package_is_on_the_page_of_the_architecture() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "groklab"
    for path in source.iterdir():
        if (path / "__init__.py").is_file():
            assert f"| `{path.name}/` |" in text, path.name
    for name in re.findall(r"(\w+)/", " ".join(rooms.ROOMS)):
        assert (source / name).is_dir() or (ROOT / name).is_dir(), name
    assert all(one in rooms.ROOMS and other in rooms.ROOMS for one, other in rooms.ARROWS)


def test_spots_are_filled_and_nothing_else_is_touched() -> None:
    text = "a <!-- word x -->old <b><!-- end --> b\n<!-- word y -->\nold\nlines\n<!-- end -->\n<!-- a comment -->\n"
    filled = fill(text, {"word": str.upper})
    assert filled == "a <!-- word x -->X<!-- end --> b\n<!-- word y -->\nY\n<!-- end -->\n<!-- a comment -->\n"
    assert fill(filled, {"word": str.upper}) == filled


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!-- claims x --><!-- end -->", "claim"),
        ("<!-- word x --> and <!-- word y --><!-- end -->", "is not ended"),
    ],
)
def test_spots_that_cannot_be_filled(text: str, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        fill(text, {"word": str.upper, "claim": str.upper})


def test_a_claim_whose_study_is_not_kept_says_so(tmp_path: Path) -> None:
    (tmp_path / "one.zip").write_bytes((RESULTS / "nanda" / "seeds-laptop.zip").read_bytes())
    alone = Evidence(tmp_path)
    assert alone.claim("nanda.three-phases") == "`nanda/mainline` is not yet run"
    assert alone.chart("varma/ungrokking:1") == "*`varma/ungrokking` is not yet run: its picture will stand here.*"
