"""Weights that a writer committed itself are given back without reading."""

from pathlib import Path

import numpy as np
import pytest

from groklab.store import recent, tables, writer
from groklab.store.recent import Recent
from groklab.store.writer import BatchWriter


def leaves(rows: int, value: float) -> dict[str, np.ndarray]:
    return {"w": np.full((rows, 2), value, np.float32), "b": np.full((rows,), -value, np.float32)}


def commit(out: BatchWriter, step: int, checkpoints: dict[int, dict[str, np.ndarray]], runs: list[int]) -> None:
    out.commit(
        step=step, logged_steps=np.empty(0, int), measures={}, checkpoints=checkpoints, state={}, meta={}, runs=runs
    )


def test_what_a_writer_gives_of_its_own_commits_is_what_the_store_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BatchWriter(tmp_path / "a", [3, 4, 5], [], {}) as out:
        commit(out, 2, {0: leaves(3, 1.0), 2: leaves(3, 2.0)}, [3, 4, 5])
        commit(out, 4, {4: leaves(2, 3.0)}, [3, 5])
        monkeypatch.setattr(writer, "checkpoints", lambda root, steps: pytest.fail("the store was read"))
        given = out.weights([4, 0])
        monkeypatch.setattr(writer, "checkpoints", tables.checkpoints)
        out._recent = Recent(3)  # pyright: ignore[reportPrivateUsage]
        stored = out.weights([4, 0])
    for name, leaf in stored.items():
        kept = np.array([[True, True], [False, True], [True, True]])
        np.testing.assert_array_equal(given[name][kept], leaf[kept])
        assert given[name].dtype == leaf.dtype
        assert given[name].shape == leaf.shape


def test_only_some_remembered_is_none_and_so_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Recent(1)
    kept.add(np.array([0]), {7: leaves(1, 1.0)})
    assert kept.weights([7]) is not None
    assert kept.weights([7, 8]) is None
    assert kept.weights([]) is None
    monkeypatch.setattr(recent, "BYTES", 30)
    kept.add(np.array([0]), {8: leaves(1, 1.0), 9: leaves(1, 1.0)})
    assert kept.weights([7]) is None
    kept.add(np.array([0]), {10: leaves(1, 1.0)})
    assert kept.weights([10]) is None
