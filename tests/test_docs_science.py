"""The pages on the science: what is on them is what the results and the theory say, and they are up to date."""

import math
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import groklab as gl
from groklab.errors import Mistake
from groklab.handbook import circuit, efficiency, rooms
from groklab.handbook.evidence import Evidence
from groklab.handbook.page import files
from groklab.handbook.spots import fill
from groklab.theory import closed_ratio

ROOT = Path(__file__).parent.parent
DOCS, RESULTS = ROOT / "docs", ROOT / "results"
NUMBER = re.compile(r"(?<![#\w])\d+\.?\d*")


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(RESULTS)


@pytest.fixture(scope="module")
def network(evidence: Evidence) -> circuit.Network:
    return circuit.Network.of(evidence)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return files(RESULTS, DOCS)


def test_the_committed_pages_are_those_of_the_results(made: dict[str, str]) -> None:
    """Pictures may differ by a tenth of a pixel, as machines round differently."""
    assert {"science/circuit.md", "science/efficiency.md", "images/rooms.svg"} <= set(made)
    for place, text in made.items():
        committed = (DOCS / place).read_text(encoding="utf-8")
        if place.endswith(".svg"):
            assert NUMBER.sub("", committed) == NUMBER.sub("", text), f"{place}: run `make docs`"
            found, wanted = (list(map(float, NUMBER.findall(one))) for one in (committed, text))
            assert found == pytest.approx(wanted, abs=0.11), f"{place}: run `make docs`"
        else:
            assert committed == text, f"{place}: run `make docs`"


def test_pictures_are_svg_with_a_title(made: dict[str, str]) -> None:
    drawn = {place: text for place, text in made.items() if place.endswith(".svg")}
    assert len(drawn) == 7
    for text in drawn.values():
        root = ElementTree.fromstring(text)
        assert next(iter(root)).tag.endswith("title")
    for place in drawn:
        assert (
            place == "images/rooms.svg" or f"../{place}" in made["science/circuit.md"] + made["science/efficiency.md"]
        )


def test_numbers_on_the_pages_are_the_records(made: dict[str, str], network: circuit.Network) -> None:
    record = gl.open(RESULTS / "nanda" / "mainline-laptop.zip")
    row = record.table()[network.run]
    text = made["science/circuit.md"]
    assert (
        f"All train pairs are right at step {row['memorised']:,}, over 99% of the test pairs at step {row['grokked']:,}"
        in text
    )
    for scale in ("laptop", "paper"):
        findings = gl.open(RESULTS / "nanda" / f"mainline-{scale}.zip").findings()
        finding = next(one for one in findings if one.claim.identifier == "nanda.restricted-first")
        assert f"{finding.sentence} (**{finding.verdict}**, {scale} scale)" in text
    assert "(**reproduced**, paper scale): [nanda/mainline](../studies/nanda/mainline.md)" in text


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


def test_gens_share_is_the_theorems(made: dict[str, str]) -> None:
    ratio = closed_ratio(1.0, 2.0, kappa=1.2)
    assert f"at kappa = 1.2, Gen has {ratio / (1 + ratio):.0%} of the logits" in made["science/efficiency.md"]


def test_the_simulations_caption_says_what_its_claim_says(evidence: Evidence) -> None:
    picture = efficiency.ingredients()
    said = evidence.claim("varma.simulation-grokking")
    learned, flipped = (
        re.findall(rf"{words} at step ([\d,]+)", picture.caption)[0] for words in ("answers\\)", "right")
    )
    assert f"train loss below half chance at step {learned}" in said
    assert f"first right test answer at step {flipped}" in said


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


def test_what_is_not_known_or_not_run(evidence: Evidence) -> None:
    with pytest.raises(Mistake, match="three-phases"):
        evidence.claim("nanda.three-phase")
    with pytest.raises(Mistake, match="nanda/mainline"):
        evidence.chart("nanda/mainlin:1")
    with pytest.raises(Mistake, match="number from 1, such as nanda/mainline:1"):
        evidence.chart("nanda/mainline")
    assert "has no picture 99" in evidence.chart("nanda/mainline:99")
    assert "../studies/images/nanda-mainline-laptop-2.svg" in evidence.chart("nanda/mainline:2")
    assert (DOCS / "studies" / "images" / "nanda-mainline-laptop-2.svg").is_file()
    with pytest.raises(Mistake, match="hold no nanda/depth at paper scale"):
        evidence.record("nanda/depth", "paper")
    assert "[varma/simulation](../studies/varma/simulation.md)" in evidence.claim("varma.simulation-grokking")


def test_a_claim_whose_study_is_not_kept_says_so(tmp_path: Path) -> None:
    (tmp_path / "one.zip").write_bytes((RESULTS / "nanda" / "seeds-laptop.zip").read_bytes())
    alone = Evidence(tmp_path)
    assert alone.claim("nanda.three-phases") == "`nanda/mainline` is not yet run"
    assert alone.chart("varma/ungrokking:1") == "*`varma/ungrokking` is not yet run: its picture will stand here.*"


def test_a_scale_that_could_not_test_a_claim_is_not_told_beside_one_that_did(
    tmp_path: Path, evidence: Evidence
) -> None:
    claim = "varma.ungrokking-needs-decay"
    (tmp_path / "one.zip").write_bytes((RESULTS / "varma" / "ungrokking-paper.zip").read_bytes())
    assert "none of these networks is one that it speaks of" in Evidence(tmp_path).claim(claim)
    assert "paper scale" not in evidence.claim(claim)
    assert "paper scale" in evidence.claim("varma.ungrokking")
