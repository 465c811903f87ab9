"""The arithmetic of a large sweep, against literal counts and slow loops."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groklab.engines.estimate import stored
from groklab.errors import Mistake
from groklab.handbook.planning import Planning, makespan
from groklab.models import named_parameters
from groklab.studies import Study
from groklab.tasks import Split, Task
from groklab.training.applicable import applicable
from groklab.training.state import initial_model

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def planning() -> Planning:
    return Planning.of(ROOT / "results", ROOT)


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return json.loads((ROOT / "results" / "performance.json").read_text(encoding="utf-8"))


def size_of(run: Any) -> int:
    return len(Split.of(Task.of(run.task), run.split, run.data_seed).train)


def milliseconds(result: dict[str, Any], runs: int) -> float:
    (row,) = (
        row for row in result["contestants"] if (row["setting"], row["kind"], row["runs"]) == ("main", "fused", runs)
    )
    return row["milliseconds"]["value"]


def test_the_study_is_figure_5(planning: Planning) -> None:
    assert planning.run_steps == 200 * 30_000_000
    words = planning.told("study")
    assert "**200 networks**: P = 113, 20 training sets of 1,500 to 2,050 pairs, 10 seeds of each" in words
    assert "up to 30,000,000 steps. That is **6 × 10⁹ run-steps**" in words
    assert len(planning.batches) == 200 // 8


def test_the_measured_speed_is_what_it_was(planning: Planning, result: dict[str, Any]) -> None:
    """At the measured size it is the measurement; by the growth that was measured elsewhere, between its points."""
    measured = milliseconds(result, 8)
    size = round(0.3 * 113**2)
    assert planning.milliseconds(size) == pytest.approx(measured, rel=1e-3)
    growth = {one["value"]: one["milliseconds"]["value"] for one in result["growth"] if one["axis"] == "training set"}
    ends = [planning.milliseconds(round(share * 113**2)) for share in (0.1, 0.3)]
    assert ends[0] / ends[1] == pytest.approx(growth[0.1] / growth[0.3], rel=1e-3)
    assert planning.milliseconds(round(0.2 * 113**2)) == pytest.approx(sum(ends) / 2, rel=1e-3)
    table = planning.told("rates")
    assert f"| measured | {size:,} | {measured:.3g} (" in table
    assert f"| {1000 / measured:,.0f} | {1000 / measured / result['made']['cores']:,.0f} |" in table


def test_the_time_is_that_of_every_step(planning: Planning) -> None:
    total = 0.0
    for run in planning.runs:
        total += 30_000_000 * planning.milliseconds(size_of(run)) / 1000
    assert sum(planning.seconds(batch) for batch in planning.batches) == pytest.approx(total)
    table = planning.told("machines")
    assert f"| 1 | {total / 86400:,.0f} | {total / 3600:,.0f} |" in table
    longest = max(planning.seconds(batch) for batch in planning.batches)
    assert f"| 25 | {longest / 86400:,.0f} | {25 * longest / 3600:,.0f} |" in table


@pytest.mark.parametrize(
    ("work", "machines", "wanted"),
    [([3.0, 3, 2, 2, 2], 2, 7.0), ([1.0, 2, 3], 1, 6.0), ([1.0, 2, 3], 3, 3.0), ([5.0], 4, 5.0), ([], 2, 0.0)],
)
def test_the_longest_goes_first_to_whoever_is_free(work: list[float], machines: int, wanted: float) -> None:
    assert makespan(work, machines) == wanted


def test_what_a_gpu_must_do(planning: Planning) -> None:
    table = planning.told("accelerators")
    assert "| a day | 69,444 | 17,361 |" in table
    assert "| a week | 9,921 | 2,480 |" in table


def test_storage_is_counted_from_schedules_and_shapes(planning: Planning) -> None:
    """By the network itself, and by what the plan of a run says of its batches."""
    run = planning.runs[0]
    parameters = sum(np.asarray(leaf).size for leaf in named_parameters(initial_model(run)).values())
    kept = sum(len(one.checkpoints.steps(one.steps)) for one in planning.runs)
    table = planning.told("storage")
    assert f"| weights | {kept:,} networks kept of {parameters:,} parameters, 4 bytes each |" in table
    assert f"| {4 * kept * parameters / 1e9:.3g} GB |" in table
    total = sum(stored(batch, *applicable(batch.runs[0])) for batch in planning.batches)
    assert f"| in all |  | {total / 1e9:.3g} GB |" in table
    # Weights and two moments of eight networks, and a few counters.
    assert f"anew, {3 * 4 * 8 * parameters / 1e6:.3g} MB here" in table


def test_what_cannot_be_planned(planning: Planning, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"no part of the plan is called .machine.; did you mean machines\?"):
        planning.told("machine")
    with pytest.raises(Mistake, match="12000 of 12769 pairs lies outside of what was measured"):
        planning.milliseconds(12_000)
    with pytest.raises(Mistake, match=r"performance.json cannot be read .*`groklab bench --out"):
        Planning.of(tmp_path, ROOT)
    (tmp_path / "performance.json").write_text('{"contestants": [], "growth": []}')
    study = Study(name="mine/one", scale="laptop", runs=planning.study.runs[:1])
    with pytest.raises(Mistake, match="no fused step at the main setting"):
        Planning(study=study, result={"contestants": [], "growth": planning.result["growth"]}).milliseconds(1500)
