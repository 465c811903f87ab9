"""Claims, charts and tables of the simulation, and the page made of them."""

from pathlib import Path

import numpy as np
import pytest

from groklab.claims import simulation
from groklab.findings.provenance import session_lines
from groklab.theory import figures, judging, page, presets, tables
from groklab.theory.claims import CLAIMS, findings
from groklab.theory.grid import grid
from groklab.theory.settings import Circuits
from groklab.theory.simulation import simulate
from groklab.theory.trials import contest, random_scalings

RESULT = Path(__file__).parent.parent / "results" / "varma" / "simulation.json"
KEPT = Path(__file__).parent.parent / "docs" / "studies" / "varma" / "simulation.md"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer random instances."""
    monkeypatch.setattr(judging, "contest", lambda instances: contest(instances // 10))
    monkeypatch.setattr(judging, "random_scalings", lambda classifiers: random_scalings(classifiers // 10))


@pytest.mark.usefixtures("quick")
def test_every_claim_has_one_finding() -> None:
    found = {one.claim.identifier: one for one in findings()}
    assert list(found) == list(CLAIMS)
    assert all(one.scale == "simulation" and one.seeds == 0 and one.value is not None for one in found.values())
    assert {one.verdict for one in found.values()} == {"reproduced"}


def test_a_claim_that_does_not_hold_is_contradicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panels' roles exchanged: what is claimed of one does not hold of another."""

    def other(name: str, steps: int = presets.HORIZON) -> object:
        swapped = {"a": "c", "b": "a", "c": "b"}[name]
        return simulate([presets.FIGURE_2[swapped][1](n) for n in judging.NORMALISATIONS], [0, 1, 50, 200, 5000, steps])

    monkeypatch.setattr(judging, "panel", other)
    for judge in (judging.grokking, judging.inefficient_gen, judging.equal_speeds):
        assert judge().verdict == "contradicted", judge


def test_settled_is_the_last_time_it_comes_close() -> None:
    found = simulate([Circuits()], range(0, 30_000, 10))
    step = judging.settled(found, 0)
    assert step is not None
    ratios = found.gen[0] / np.where(found.mem[0] == 0, np.nan, found.mem[0])
    place = int(np.flatnonzero(found.steps == step)[0])
    assert (np.abs(ratios[place:] / 8 - 1) <= 0.01).all()
    assert abs(ratios[place - 1] / 8 - 1) > 0.01
    assert judging.settled(simulate([Circuits()], [0, 10, 100]), 0) is None


def test_charts_hold_the_simulations_numbers() -> None:
    charts = figures.figure_2()
    assert len(charts) == 9
    losses = figures.losses("a")
    exact = simulate([Circuits()], [1, 20_000])
    first, last = losses.series["test loss, alpha"][0], losses.series["test loss, alpha"][-1]
    assert first == (1, exact.test_loss[0, 0])
    assert last == (20_000, exact.test_loss[0, 1])
    assert set(losses.series) == {"train loss, alpha", "test loss, alpha", "train loss, alpha/2", "test loss, alpha/2"}


def test_tables_count_what_the_grid_did() -> None:
    small = grid("alpha", ratios=(0.5, 2.0), kappas=(1.2, 3.0), speeds=(0.01, 1.0), steps=5000)
    assert len(small.phases.phase) == 8
    counts = dict(zip(tables.counts_table([small]).columns, tables.counts_table([small]).rows[0], strict=True))
    assert counts["simulations"] == 8 == sum(int(counts[phase] or 0) for phase in tables.PHASES)
    where = tables.groks_table(small)
    assert where.columns == ("kappa", "P_m/P_g = 0.5", "P_m/P_g = 2")
    assert where.rows[0] == ["1.2", "2 never", "1 groks, 1 at once"]
    assert tables.smoothing_table([(1e-3, small)]).rows[1][:3] == ["3", "0.001", 4]
    assert list(figures.delay_by_speed(small).series) == ["kappa = 1.2", "kappa = 3"]
    assert {x for points in figures.delay_by_ratio(small).series.values() for x, _ in points} <= {0.5, 2.0}


@pytest.mark.usefixtures("quick")
def test_the_page_is_written_and_the_kept_one_has_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small grid; the panels' table, which does not depend on it, is the kept page's word for word."""
    few = {"ratios": (1.0, 2.0), "kappas": (1.2,), "speeds": (0.01, 1.0), "steps": 5000}
    monkeypatch.setattr(page, "grid", lambda normalisation, **given: grid(normalisation, **few | given))
    session = {"versions": {"python": "3.11"}, "started": "2025-01-02T03:04:05+00:00", "cpu": "A processor"}
    written = page.write(tmp_path, findings(), [session])
    text = written[0].read_text()
    assert text.partition("with the page:\n\n")[2] == (
        "- begun: 2025-01-02\n- commit: not known (an installed package)\n"
        "- machine: A processor, ? cores, device ?; system not known\n- versions: python 3.11\n"
    )
    assert all(path.exists() for path in written)
    assert len(written) == 9
    for path in written[1:]:
        assert f"(../images/{path.name})" in text
        assert path.read_text().startswith("<svg")

    def panels(of: str) -> str:
        return of[of.index("### The three panels") : of.index("## When there is grokking")]

    assert panels(text) == panels(KEPT.read_text())


def test_the_kept_page_has_what_the_kept_file_says() -> None:
    text, made = KEPT.read_text(), simulation.sessions(RESULT)
    for one in simulation.read(RESULT):
        assert f"| **{one.verdict}** | {one.sentence} |" in text
    assert text.partition("with the page:\n\n")[2] == "\n".join(session_lines(made)) + "\n"
