"""The few measures of a batch from which it is decided how its runs stand."""

import numpy as np
from jaxtyping import Float, Int

from groklab.training.milestones import grokked, memorised

DECISIVE = ("train_accuracy", "test_accuracy", "sum_of_squares")
"""The measures kept."""


class History:
    """Measures of every run at every logged step so far; NaN for a run that was no longer in training."""

    def __init__(self, runs: int, steps: Int[np.ndarray, "step"], values: dict[str, Float[np.ndarray, "run step"]]):
        """Begins with what was committed; `values` may be empty when `steps` is."""
        self._steps = list(map(int, steps))
        self._rows = {name: list(values[name].T) if len(steps) else [] for name in DECISIVE}
        self._has = {
            "memorised": np.zeros(runs, dtype=bool),
            "grokked": np.zeros(runs, dtype=bool),
        }
        self._runs = runs
        for place in range(len(self._steps)):
            self._note(place)

    def append(self, step: int, active: Int[np.ndarray, "active"], measures: dict[str, np.ndarray]) -> None:
        """Adds what was measured of the active runs at a step."""
        self._steps.append(step)
        for name, rows in self._rows.items():
            row = np.full(self._runs, np.nan, np.float32)
            row[active] = measures[name]
            rows.append(row)
        self._note(-1)

    def of(self, run: int) -> tuple[Int[np.ndarray, "step"], dict[str, Float[np.ndarray, "step"]]]:
        """The steps and one run's measures at them."""
        return np.array(self._steps), {name: np.array([row[run] for row in rows]) for name, rows in self._rows.items()}

    @property
    def begun(self) -> bool:
        """Whether anything was measured."""
        return bool(self._steps)

    @property
    def memorised(self) -> int:
        """Runs that have memorised."""
        return int(self._has["memorised"].sum())

    @property
    def grokked(self) -> int:
        """Runs that have grokked."""
        return int(self._has["grokked"].sum())

    def _note(self, place: int) -> None:
        self._has["memorised"] |= memorised(self._rows["train_accuracy"][place])
        self._has["grokked"] |= grokked(self._rows["test_accuracy"][place])
