"""The page of the networks taken apart: all of it comes from kept files, and the committed one is up to date."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from groklab.claims import circuit
from groklab.claims.circuit_page import KEY, write
from groklab.claims.kept_circuits import read
from groklab.claims.places import places_in
from groklab.errors import Mistake

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "results", ROOT / "docs" / "studies" / "circuit.md"
LINES = [
    {"name": "periodicity", "standing": "holds", "sentence": "99% of the map"},
    {"name": "mechanism", "standing": "cannot be asked", "sentence": "it needs neurons"},
    {"name": "ablation", "standing": "in part", "sentence": "both lie outside"},
]
SESSION = {
    "versions": {"python": "3.11", "groklab": "0.1", "zarr": None},
    "commit": {"hash": "0123456789abcdef", "dirty": False},
    "cpu": "A processor",
    "cores": 2,
    "device": "cpu",
    "started": "2025-01-02T03:04:05+00:00",
}


def network(seed: int, key: list[int], **values: list[float]) -> dict[str, Any]:
    named = {circuit.BEFORE: [2e-7], circuit.DIRECTIONS: [0.9, 0.8], **values, KEY: [float(len(key))]}
    verdict = {"sentence": f"it is what seed {seed} made of it", "lines": LINES, "misfits": ["a head is poor"]}
    return {"run": f"{seed}", "seed": seed, "chance": 4.0, "values": named, "key": key, "verdict": verdict}


def kept(*networks: dict[str, Any], scale: str = "laptop", **head: Any) -> str:
    plain = {"format": 1, "study": "fake/small", "scale": scale, "task": "add:59", "step": 6000, **head}
    return json.dumps(plain | {"networks": networks})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results" / "fake"
    folder.mkdir(parents=True)
    judged = kept(network(3, [1, 5]), network(4, []), command="groklab run fake/small --seeds 2", sessions=[SESSION])
    (folder / "circuit-laptop.json").write_text(judged)
    single = network(7, [2], **{circuit.BEFORE: [3e-7]})
    old = {name: single[name] for name in ("run", "seed", "chance", "values")}
    (folder / "earlier-circuits-paper.json").write_text(kept(old, scale="paper"))
    return folder.parent


def test_every_network_has_a_row_and_what_is_said_of_it(results: Path, tmp_path: Path) -> None:
    text = write(results, tmp_path / "docs" / "circuit.md").read_text()
    for words in (
        "<!-- Made by `make docs` from results/",
        "- **fake/small, laptop scale, add:59**: 2 networks after 6,000 steps; the claims `nanda.circuit-...` are",
        "- **fake/small, paper scale, add:59**: 1 network after 6,000 steps; looked at before the criteria",
        "1 of 2 networks of fake/small, laptop scale, add:59 have no key frequencies and are not in the table.",
        "| fake/small, laptop scale, add:59, 1 network | fake/small, paper scale, add:59, 1 network | note |",
        "| loss on all pairs | 2.41e-7 | 2e-7 | 3e-7 |  |",
        "| 0 | 3 | 1, 5 | 1 of 2 | 2e-7 | - | - | 80.0% | - | - |\n| 1 | 4 | none | 1 of 2 |",
        "**Run 0**: it is what seed 3 made of it.\n\n- periodicity: holds; 99% of the map.",
        "- does not fit: a head is poor.",
        # A file of an earlier groklab has no more than numbers.
        "| 0 | - | 1 | - | 3e-7 | - |",
    ):
        assert words in text, words
    # Without key frequencies no line of evidence says anything.
    assert text.partition("**Run 1**")[2].startswith(": it is what seed 4 made of it.\n\n- does not fit")


def test_where_networks_come_from_is_in_the_words_of_the_studies_pages(results: Path, tmp_path: Path) -> None:
    origin = write(results, tmp_path / "circuit.md").read_text().partition("## Where it comes from\n\n")[2]
    assert origin == (
        "`results/fake/circuit-laptop.json`, made by `python -m groklab.claims.kept_circuits` from the networks of\n\n"
        "```sh\ngroklab run fake/small --seeds 2\n```\n\n"
        "- begun: 2025-01-02\n- commit: 0123456789ab\n"
        "- machine: A processor, 2 cores, device cpu; system not known\n- versions: python 3.11, groklab 0.1\n\n"
        "`results/fake/earlier-circuits-paper.json`, made by `python -m groklab.claims.kept_circuits` from the "
        "networks of\n\n```sh\ngroklab run fake/small --scale paper\n```\n\n"
    )


def test_networks_looked_at_before_are_no_evidence(results: Path) -> None:
    assert [Path(place).name for place in places_in(results)] == ["circuit-laptop.json"]


def test_the_committed_page_is_that_of_the_committed_files(tmp_path: Path) -> None:
    assert write(RESULTS, tmp_path / "circuit.md").read_text() == PAGE.read_text(), "docs/studies/circuit.md: make docs"


def test_the_committed_files_say_where_they_come_from() -> None:
    files = sorted(RESULTS.rglob("*circuit*-*.json"))
    assert len(files) == 3
    for file in files:
        found = read(file)
        assert found.sessions
        assert all(session["versions"]["groklab"] and session["started"] for session in found.sessions)
        assert None not in found.shown


def test_what_makes_no_page_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="has no networks taken apart; give the folder of the kept results"):
        write(tmp_path, tmp_path / "circuit.md")
    command = [sys.executable, "-m", "groklab.claims.circuit_page"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "groklab: give the folder of the kept results and the page, such as results docs/studies/circuit.md"
    ]
