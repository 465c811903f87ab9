"""The writing side of a batch: each commit is one transaction, and what is not committed never happened."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import zarr

from groklab.errors import StoreError
from groklab.store.failures import explained
from groklab.store.held import Held
from groklab.store.layout import Saved, array_of, read_saved, subgroup, write_state
from groklab.store.place import Place
from groklab.store.recent import Recent
from groklab.store.tables import append_checkpoints, append_measures, checkpoints, create_variables, kept_steps, prepare
from groklab.store.tables import fill as fill_variables
from groklab.store.tables import history as stored_history
from groklab.store.tables import variables as stored_variables
from groklab.store.variable import Variable

COMPACTING = 240
"""Commits after which what they have superseded is removed: about an hour's, so that dead states do not pile up."""


class BatchWriter(Held):
    """Writes one batch into its repository at a place; goes on from what is there. A context manager.

    It holds the batch's lease until it is closed: see `Held`.

    `runs` are the batch's run numbers, `variables` what will be measured, `coords` the values of the
    variables' dimensions, each of shape (its length,). A variable that an earlier writer did not measure
    starts as NaN; one that is computed afterwards comes with `fill`. `conditional` says whether the storage can make
    writes conditional. Raises `Taken` where another writer holds the lease, `StoreError` when the repository belongs
    to other runs or cannot be written.
    """

    def __init__(
        self,
        place: str | os.PathLike[str] | Place,
        runs: Sequence[int],
        variables: Sequence[Variable],
        coords: Mapping[str, np.ndarray],
        *,
        conditional: bool = True,
    ) -> None:
        self.runs = list(runs)
        self._variables, self._coords = {variable.name: variable for variable in variables}, dict(coords)
        self._inner = {v.name: tuple(len(coords[dim]) for dim in v.dims) for v in variables}
        self._step: int | None = None
        self._commits, self._recent = 0, Recent(len(self.runs))
        super().__init__(Place.of(place), self._begin, conditional=conditional)
        try:
            self._step, self._logged = self._read(_where)
        except BaseException:
            self.close()
            raise

    def state(self) -> Saved | None:
        """What was committed last, with the training state; nothing when no step was."""
        return self._read(read_saved)

    def history(self, names: Sequence[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The committed logged steps (step,), and the measures of those names, each (run, step, ...)."""

        return self._read(lambda root: stored_history(root, names))

    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """The steps (step,) at which weights of any run were kept, ascending, and of which runs (run, step)."""
        return self._read(kept_steps)

    def weights(self, steps: Sequence[int]) -> dict[str, np.ndarray]:
        """Every parameter (run, step, ...) at steps at which weights were kept; NaN or 0 for runs whose were not."""
        recent = self._recent.weights(steps)
        return self._read(lambda root: checkpoints(root, steps)) if recent is None else recent

    def lacking(self) -> set[str]:
        """The names of the declared variables that are computed afterwards, and are not there yet."""
        return {v.name for v in self._variables.values() if v.afterwards} - self._read(stored_variables)

    def scalars(self) -> list[str]:
        """The names of the declared variables that are there and have one value for each run and step."""
        lacking = self.lacking()
        return [v.name for v in self._variables.values() if v.by_step and not v.dims and v.name not in lacking]

    def commit(
        self,
        *,
        step: int,
        logged_steps: np.ndarray,
        measures: Mapping[str, np.ndarray],
        checkpoints: Mapping[int, Mapping[str, np.ndarray]],
        state: Mapping[str, np.ndarray],
        meta: Mapping[str, Any],
        runs: Sequence[int] | None = None,
    ) -> None:
        """Commits a segment that ended at `step`, all or nothing.

        `logged_steps` (logged,) go up from the last one committed; `measures` have shape (run, logged, ...)
        and `checkpoints`, by step, (run, ...), where `run` goes over `runs`, those still in the batch
        (default all). The others' measures are NaN, and no checkpoint of theirs is kept. `state` and `meta`
        (JSON without NaN) replace what was there. Raises `ValueError` for arrays that do not fit,
        `StoreError` when they cannot be written; the store is then as it was.
        """
        where = np.array([self.runs.index(run) for run in (self.runs if runs is None else runs)], dtype=np.intp)
        logged_steps = np.asarray(logged_steps, dtype=np.int64)
        self._check(where, logged_steps, measures, checkpoints)

        def change(root: zarr.Group) -> None:
            if len(logged_steps):
                append_measures(subgroup(root, "measures"), where, logged_steps, measures)
            append_checkpoints(subgroup(root, "checkpoints"), where, checkpoints)
            write_state(root, state)
            root.update_attributes({"step": int(step), "meta": dict(meta)})

        with self._explained():
            self._transactions.commit(f"step {step}", change, step=int(step))
        self._recent.add(where, checkpoints)
        self._step = int(step)
        self._logged = int(max([self._logged, *logged_steps]))
        self._commits += 1
        if self._commits % COMPACTING == 0:
            self.compact()

    def fill(self, logged_steps: np.ndarray, values: Mapping[str, np.ndarray], seconds: float = 0.0) -> None:
        """Commits declared variables that are computed afterwards, of all runs of the batch at once, all or nothing.

        `seconds` is what it took to measure them: added to the `measuring_seconds` of the last session of the `meta`.

        `values` have shape (run, logged, ...) for some of the steps that were logged, and are NaN at the others;
        those of a variable without steps have shape (run, ...). Raises `ValueError` for steps that were not logged
        and arrays that do not fit, `StoreError` when they cannot be written; the store is then as it was.
        """
        variables = [self._variables[name] for name in values]
        for variable in variables:
            by_step = (len(logged_steps),) if variable.by_step else ()
            wanted, given = (len(self.runs), *by_step, *self._inner[variable.name]), values[variable.name].shape
            if given != wanted:
                raise ValueError(f"{variable.name} has shape {given}, not {wanted}")

        def change(root: zarr.Group) -> None:
            group = subgroup(root, "measures")
            create_variables(group, variables, self._coords)
            fill_variables(group, logged_steps, variables, values)
            attributes: dict[str, Any] = root.attrs.asdict()
            meta = attributes["meta"]
            *before, last = meta["sessions"]
            spent = round(last.get("measuring_seconds", 0.0) + seconds, 3)
            root.update_attributes({"meta": meta | {"sessions": [*before, last | {"measuring_seconds": spent}]}})

        with self._explained():
            self._transactions.commit("measured afterwards", change)

    def compact(self, grace: float = 30.0) -> None:
        """Removes from the disk what no newest commit of the last `grace` seconds needs, such as old states.

        A reader sees the commit that was newest when it began, so whoever began less than `grace` seconds ago
        finds everything. Killed at any moment, it leaves the newest commit whole. A writer that was taken over removes
        nothing: `StoreError`.
        """
        with self._explained():
            self._transactions.must_hold()
            since = datetime.now(UTC) - timedelta(seconds=grace)
            history = [snapshot.written_at for snapshot in self._repository.ancestry(branch="main")]
            oldest = next((written for written in history if written <= since), None)
            if oldest is not None and oldest != history[-1]:
                self._repository.expire_snapshots(oldest)
                self._repository.garbage_collect(oldest)

    def _begin(self, root: zarr.Group) -> None:
        stored = root.attrs.asdict().get("runs", self.runs)
        if stored != self.runs:
            raise StoreError(f"{self.path} holds the runs {stored}, not {self.runs}; choose another --out")
        prepare(root, self.runs, list(self._variables.values()), self._coords)

    def _explained(self) -> AbstractContextManager[None]:
        kept = "nothing was lost" if self._step is None else f"everything up to step {self._step} is kept"
        return explained(self.path, kept)

    def _check(
        self,
        where: np.ndarray,
        logged_steps: np.ndarray,
        measures: Mapping[str, np.ndarray],
        checkpoints: Mapping[int, Mapping[str, np.ndarray]],
    ) -> None:
        if np.any(np.diff(logged_steps, prepend=self._logged) <= 0):
            raise ValueError(f"logged steps must go up from {self._logged}, not {logged_steps}")
        for name, values in measures.items():
            if name not in self._inner:
                raise ValueError(f"{name} was not declared as a variable")
            wanted = (len(where), len(logged_steps), *self._inner[name])
            if values.shape != wanted:
                raise ValueError(f"{name} has shape {values.shape}, not {wanted}")
        for step, leaves in checkpoints.items():
            for name, leaf in leaves.items():
                if leaf.shape[:1] != (len(where),):
                    raise ValueError(f"checkpoint {step}: {name} has shape {leaf.shape}, not ({len(where)}, ...)")


def _where(root: zarr.Group) -> tuple[int | None, int]:
    """The step that was committed last, and the last that was logged; -1 before the first."""
    attributes: dict[str, Any] = root.attrs.asdict()
    logged = array_of(subgroup(root, "measures"), "step")
    return attributes.get("step"), int(np.asarray(logged[-1])) if logged.shape[0] else -1
