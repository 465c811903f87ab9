"""The benchmark: its statistics and its floor against slow ways, the reference against ourselves, its page."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groklab import cli
from groklab.bench.floor import floor
from groklab.bench.ours import Ours, start
from groklab.bench.page import write_page
from groklab.bench.race import Entry, race
from groklab.bench.statistics import median, ratio
from groklab.drawing import lines
from groklab.models import TransformerSettings
from groklab.tasks import SplitSettings, TaskSettings
from groklab.training import Run

SMALL = Run(
    task=TaskSettings(modulus=7),
    split=SplitSettings(size=30),
    model=TransformerSettings(d_model=16, heads=2, d_mlp=24),
)


def test_ratios_are_of_medians_and_their_interval_covers_them() -> None:
    rng = np.random.default_rng(1)
    slow, fast = (4 * rng.lognormal(0, 0.1, 21)).tolist(), rng.lognormal(0, 0.1, 21).tolist()
    found = ratio(slow, fast)
    assert found["value"] == np.median(slow) / np.median(fast)
    assert found["low"] < 4 < found["high"]
    assert found["high"] / found["low"] < 1.5
    # What slows a round down slows both: the ratio is then sure.
    same = ratio([3 * value for value in fast], fast)
    assert same["low"] == pytest.approx(3)
    assert same["high"] == pytest.approx(3)
    assert median([2.0, 1.0, 3.0]) == {"value": 2.0, "low": 1.0, "high": 3.0}
    with pytest.raises(ValueError, match="the same rounds"):
        ratio([1.0], [1.0, 2.0])


def test_the_floor_counts_every_product_three_times() -> None:
    n, e, d, z, m, c = 30, 7, 16, 16, 24, 8
    once = 2 * n * m * c + 2 * m * d * c + 2 * z * d * (m + c) + 2 * (2 * e * z * (m + c))
    assert floor(SMALL) == 3 * once
    assert floor(Run()) == pytest.approx(1.5e9, rel=0.05)


def test_back_ends_raced_by_the_step_have_one_loss_curve() -> None:
    xla, fused = (np.array(Ours(SMALL, 2, name).losses(12)) for name in ("xla", "fused"))
    np.testing.assert_allclose(xla, fused, rtol=1e-5)
    assert xla[-1] < xla[0]


def test_the_reference_has_our_loss_curve(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed; `make bench` installs it")
    from groklab.bench.reference import Reference

    np.savez(tmp_path / "start.npz", **start(SMALL))
    for test_loss in (False, True):
        reference = Reference(SMALL.to_json(), tmp_path / "start.npz", test_loss).losses(100)
        np.testing.assert_allclose(Ours(SMALL, 1, "xla").losses(100), reference, rtol=1e-3)


def test_contestants_race_in_processes_of_their_own() -> None:
    spec: dict[str, Any] = {"kind": "fused", "run": SMALL.to_json(), "runs": 2, "bits": 32}
    trained = Entry(name="ours", spec=spec, curve=3)
    cannot = Entry(name="cannot", spec=spec | {"run": SMALL.replace({"layers": 2}).to_json()})
    ceiling = Entry(name="products", spec={"kind": "products", "library": "numpy", "size": 64, "cores": 1})
    said: list[str] = []
    race([trained, cannot, ceiling], rounds=2, seconds=0.02, python=sys.executable, say=said.append)
    assert len(trained.seconds) == len(ceiling.seconds) == 2
    assert 1e-6 < trained.seconds[0] < 0.5
    assert len(trained.losses) == 3
    assert trained.told["peak"] > trained.told["before"] > 1e7
    assert trained.told["predicted"] > 1000
    assert ceiling.told["flop"] == 2 * 64**3
    assert cannot.seconds == []
    assert "it has 2 layers" in cannot.told["error"]


def test_the_reference_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--torch", "/no/such/python"]) == 2
    assert "--torch takes a Python interpreter" in capsys.readouterr().err
    assert cli.main(["bench", "--from", "nothing.json"]) == 2
    assert "--from goes with --docs" in capsys.readouterr().err
    assert cli.main(["bench", "--out", "/no/such/folder/x.json"]) == 2
    assert "there is no folder" in capsys.readouterr().err


def result() -> dict[str, Any]:
    """A result of numbers that stand nowhere in the page's words."""
    value = {"value": 12.25, "low": 11.0, "high": 13.5}
    row = {
        "setting": "main", "kind": "xla", "runs": 1, "test_loss": False, "milliseconds": value, "rounds": [12.25],
        "first_step_seconds": 3.75, "peak_memory": 777_000_000, "predicted_memory": 666_000_000, "times_floor": 1.83,
        "share_of_ceiling": 0.55,
    }  # fmt: skip
    missing = {"setting": "main", "kind": "fused", "runs": 1, "test_loss": False, "error": "why"}
    rate = {"library": "numpy", "value": 175e9, "low": 170e9, "high": 180e9, "libraries": {}}
    return {
        "made": {"cpu": "a processor", "cores": 2, "device": "cpu", "started": "2020-01-02", "versions": {"jax": "9"}},
        "rounds": 7, "libraries": {"torch": None}, "missing": ["PyTorch is not there"],
        "ceiling": {"all": rate, "one": rate}, "floor": {"main": 1_400_000_000},
        "curves": [
            {
                "setting": "main", "losses": {"reference 64": [4.0, 3.0, 2.5], "xla 32": [4.0, 3.0, 2.5]},
                "against": "reference 64", "largest_relative_difference": {"xla 32": 2e-6}, "equal": True,
            }
        ],
        "contestants": [row, row | {"runs": 5}, missing],
        "growth": [{"axis": "P", "value": p, "kind": "fused", "milliseconds": value} for p in (53, 113)],
    }  # fmt: skip


def test_the_page_holds_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(result()))
    assert cli.main(["bench", "--from", str(tmp_path / "bench.json"), "--docs", str(tmp_path)]) == 0
    page = (tmp_path / "performance.md").read_text()
    for words in (
        "12.2 (11-13.5)",
        "777",
        "666",
        "1.83",
        "175 (170-180) GFLOP/s",
        "8.00 ms",
        "not measured",
        "2.0e-06",
    ):
        assert words in page
    assert "PyTorch is not there" in page
    figures = re.findall(r"\((images/[^)]*)\)", page)
    assert len(figures) == 3
    for figure in figures:
        assert "<svg" in (tmp_path / figure).read_text()
    assert write_page(result(), tmp_path)[0] == tmp_path / "performance.md"
    (tmp_path / "bench.json").write_text("{}")
    assert cli.main(["bench", "--from", str(tmp_path / "bench.json"), "--docs", str(tmp_path)]) == 2
    assert "holds no benchmark" in capsys.readouterr().err


def test_lines_lie_where_their_numbers_are() -> None:
    figure = lines({"a": [(1, 1), (10, 10), (100, 100)]}, title="t <", x="x", y="y")
    places = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', figure)]
    assert places[1] == pytest.approx(np.mean([places[0], places[2]], axis=0), abs=0.1)
    assert places[0][0] < places[1][0]
    assert places[0][1] > places[1][1]
    assert "t &lt;" in figure
    with pytest.raises(ValueError, match="nothing to draw"):
        lines({"a": [(0, 1)]}, title="", x="", y="")


def test_the_reference_imports_nothing_of_ours() -> None:
    code = "import groklab.bench.worker, sys; print(sorted(m for m in sys.modules if m in ('jax', 'equinox')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
