"""How much longer the demo takes with all measures."""

import json
import subprocess
import sys
from typing import Any

import pytest

from groklab import studies
from groklab.bench import measuring
from groklab.engines import batches
from groklab.measures import built_in
from groklab.models import TransformerSettings
from groklab.studies.study import Study
from groklab.tasks import SplitSettings, TaskSettings
from groklab.training import Run


def test_turns_are_taken_and_the_round_that_compiles_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(words: list[str], **_: Any) -> Any:
        assert words[:3] == [sys.executable, "-m", "groklab.bench.measuring"]
        asked.append(words[3])
        seconds = 100.0 if len(asked) <= 2 else {"all": 23.0, "deciding": 20.0}[words[3]]
        return subprocess.CompletedProcess(words, 0, json.dumps({"wall": seconds, "processors": 2 * seconds}))

    monkeypatch.setattr(subprocess, "run", run)
    seconds, processors = measuring.share(3).splitlines()
    assert asked == ["all", "deciding"] * 4
    assert seconds == (
        "seconds: all measures 23.00 (23.00 to 23.00), those that decide 20.00 (20.00 to 20.00), "
        "ratio 1.150 (1.150 to 1.150)"
    )
    assert processors.startswith("processor seconds: all measures 46.00")


@pytest.mark.parametrize("which", ["all", "deciding"])
def test_both_trainings_measure_what_they_should(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Run(
        task=TaskSettings(operation="add", modulus=5),
        split=SplitSettings(fraction=0.6),
        model=TransformerSettings(d_model=8, heads=2, d_mlp=16),
        steps=4,
    )
    study = Study(name="test/tiny", scale="laptop", runs=(tiny,))
    monkeypatch.setattr(studies, "find", lambda name: lambda scale: study)
    measured: list[set[str]] = []

    def train_batch(batch: Any, store: Any, runs: Any, measures: Any) -> None:
        assert batch.runs == runs == (tiny,)
        measured.append({one.name for one in measures})

    monkeypatch.setattr(batches, "train_batch", train_batch)
    found = measuring.trained(which)
    assert found["wall"] > 0
    assert found["processors"] > 0
    every = {one.name for one in built_in()}
    assert measured == [every if which == "all" else {"train_accuracy", "test_accuracy", "sum_of_squares"}]
