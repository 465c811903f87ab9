"""A store of one batch in memory, as strict as the real one."""

import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from groklab.training import Batch


class MemorySink:
    """Keeps copies of what is committed; measures and checkpoints by run and step."""

    def __init__(self, batch: Batch) -> None:
        self.members = batch.members
        self.saved: SimpleNamespace | None = None
        self.steps: list[int] = []
        self.measures: dict[str, dict[tuple[int, int], np.ndarray]] = {}
        self.checkpoints: dict[tuple[int, int], dict[str, np.ndarray]] = {}
        self.commits: list[int] = []

    def state(self) -> Any:
        """What was committed last."""
        if self.saved is None:
            return None
        arrays = {path: array.copy() for path, array in self.saved.arrays.items()}
        return SimpleNamespace(arrays=arrays, meta=json.loads(self.saved.meta))

    def history(self, names: Sequence[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Logged steps and measures (run, step), NaN where a run had left."""
        return np.array(self.steps, dtype=np.int64), {name: self.values(name) for name in names}

    def commit(
        self,
        *,
        step: int,
        logged_steps: np.ndarray,
        measures: Mapping[str, np.ndarray],
        checkpoints: Mapping[int, Mapping[str, np.ndarray]],
        state: Mapping[str, np.ndarray],
        meta: Mapping[str, Any],
        runs: Sequence[int],
    ) -> None:
        """Adds to what is kept; refuses what the real store refuses."""
        assert np.all(np.diff([*self.steps[-1:], *logged_steps]) > 0), (self.steps, logged_steps)
        assert set(runs) <= set(self.members)
        assert not measures or all(values.shape[:2] == (len(runs), len(logged_steps)) for values in measures.values())
        self.steps += [int(logged) for logged in logged_steps]
        for name, values in measures.items():
            for row, run in enumerate(runs):
                for place, logged in enumerate(logged_steps):
                    self.measures.setdefault(name, {})[run, int(logged)] = np.array(values[row, place])
        for kept, leaves in checkpoints.items():
            assert all(len(leaf) == len(runs) for leaf in leaves.values())
            for row, run in enumerate(runs):
                self.checkpoints[run, kept] = {name: np.array(leaf[row]) for name, leaf in leaves.items()}
        self.saved = SimpleNamespace(
            arrays={path: np.array(array) for path, array in state.items()},
            meta=json.dumps(meta, allow_nan=False),
        )
        self.commits.append(step)

    def values(self, name: str) -> np.ndarray:
        """One measure, (run, step)."""
        rows = self.measures[name]
        return np.array(
            [[rows.get((run, step), np.float32(np.nan)) for step in self.steps] for run in self.members],
            np.float32,
        )

    def of(self, name: str, run: int) -> np.ndarray:
        """One run's measure at every logged step, (step,)."""
        return self.values(name)[self.members.index(run)]
