"""The reading side of a store: never takes its lock, never keeps a writer waiting."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import zarr

from groklab.errors import Mistake
from groklab.store.derived import DERIVED, read_derived
from groklab.store.failures import explained
from groklab.store.layout import Saved, read_saved
from groklab.store.manifest import Manifest
from groklab.store.place import Place
from groklab.store.places import must_be_store
from groklab.store.repositories import read
from groklab.store.tables import (
    checkpoint,
    checkpoint_steps,
    checkpoints,
    history,
    kept_steps,
    measured,
    own,
    variables,
)

if TYPE_CHECKING:
    import xarray

T = TypeVar("T")

AT_ONCE = 8
"""Batches in object storage that are read at the same time."""


class Reader:
    """A store opened for reading, also while it is being written: every call sees each batch's newest commit.

    Raises `StoreError` when there is no store, it is damaged, or its format is newer than this groklab.
    """

    def __init__(self, url: str | os.PathLike[str] | Place) -> None:
        self.path = Place.of(url)
        with explained(self.path):
            must_be_store(self.path)
        attributes = read(self.path, "study", lambda root: root.attrs.asdict())
        self.manifest = Manifest.from_json(attributes or {}, self.path)

    def metrics(self) -> "xarray.Dataset":
        """Every measure of every run: dimensions `run` and `step`, and those of single measures.

        Steps are those at which any run was measured; NaN where one was not. Coordinates `run`, `step`, the
        measures' own, and per run the manifest's labels. Every measure carries `units` and `description`.
        """
        import xarray

        parts = self._read_all(measured)
        return self.whole([xarray.Dataset(part) for part in parts if part is not None])

    def derived(self) -> "xarray.Dataset | None":
        """What the study computed of its networks together; nothing where it has not, or not yet."""
        import xarray

        found = read(self.path, DERIVED, read_derived)
        return None if found is None else xarray.Dataset(found)

    def whole(self, found: "Sequence[xarray.Dataset]") -> "xarray.Dataset":
        """Datasets of several batches as one of the study: every run, every step, with the manifest's labels."""
        import xarray

        numbers = np.arange(len(self.manifest.runs))
        empty = xarray.Dataset(coords={"run": numbers[:0], "step": np.empty(0, dtype=np.int64)})
        whole = (
            xarray.concat(
                found,
                "run",
                data_vars="all",
                coords="minimal",
                compat="override",
                join="outer",
                combine_attrs=_said,
            )
            if found
            else empty
        ).reindex(run=numbers)
        return labelled(whole, self.manifest)

    def checkpoint_steps(self, run: int) -> list[int]:
        """The steps at which a run's weights were kept, ascending."""
        name, row = self._place(run)
        return self._read(name, lambda root: checkpoint_steps(root, row)) or []

    def checkpoint(self, run: int, step: int = -1) -> dict[str, np.ndarray]:
        """A run's weights at a step that was kept, leaf by leaf; -1 is the last.

        Raises `Mistake` for a run that is not there, or a step that was not kept (with the nearest kept).
        """
        known = self.checkpoint_steps(run)
        if not known:
            raise Mistake(f"no weights of run {run} are kept yet in {self.path}")
        chosen = known[-1] if step == -1 else step
        if chosen not in known:
            near = sorted(sorted(known, key=lambda other: abs(other - step))[:4])
            raise Mistake(
                f"the weights of run {run} at step {step} were not kept; "
                f"the nearest kept are at {', '.join(map(str, near))}"
            )
        name, row = self._place(run)
        return self._read(name, lambda root: checkpoint(root, row, chosen)) or {}

    def kept(self, batch: str) -> tuple[np.ndarray, np.ndarray] | None:
        """The steps (step,) at which a batch kept weights, ascending, and of which runs (run, step); if it began."""
        return self._read(batch, kept_steps)

    def weights(self, batch: str, steps: Sequence[int]) -> dict[str, np.ndarray]:
        """Every parameter (run, step, ...) of a batch's runs at steps at which it kept any."""
        return self._read(batch, lambda root: checkpoints(root, steps)) or {}

    def history(self, batch: str, names: Sequence[str]) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
        """A batch's logged steps (step,), and the measures of those names, each (run, step, ...); if it has begun."""
        return self._read(batch, lambda root: history(root, names))

    def variables(self, batch: str) -> set[str]:
        """The names of the variables that a batch has."""
        return self._read(batch, variables) or set()

    def own(self) -> dict[str, bool]:
        """The user's own measures by name, and whether each is computed afterwards; also those not computed yet."""
        found = self._read_all(own)
        return {name: afterwards for some in found for name, afterwards in (some or {}).items()}

    def saved(self, batch: str, *, arrays: bool = True) -> Saved | None:
        """What a batch committed last, if anything; without the training state unless `arrays`."""
        return self._read(batch, lambda root: read_saved(root, arrays=arrays))

    def stands(self) -> dict[str, Saved | None]:
        """What every batch committed last, if anything, without the training states."""
        found = self._read_all(lambda root: read_saved(root, arrays=False))
        return dict(zip(self.manifest.batches, found, strict=True))

    def _place(self, run: int) -> tuple[str, int]:
        for name, runs in self.manifest.batches.items():
            if run in runs:
                return name, list(runs).index(run)
        raise Mistake(f"{self.path} has no run {run}; its runs are 0 to {len(self.manifest.runs) - 1}")

    def _read_all(self, reading: Callable[[zarr.Group], T]) -> list[T | None]:
        """The same of every batch; of several at once where each takes some time to answer."""
        if self.path.local is not None:
            return [self._read(name, reading) for name in self.manifest.batches]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda name: self._read(name, reading), self.manifest.batches))

    def _read(self, batch: str, reading: Callable[[zarr.Group], T]) -> T | None:
        return read(self.path, f"batches/{batch}", reading)


def labelled(metrics: "xarray.Dataset", manifest: Manifest) -> "xarray.Dataset":
    """The measures with what the manifest says of each run as coordinates, and of the study as attributes."""
    metrics["run"].attrs = {"description": "number of the run in the study"}
    labels = {name: ("run", np.asarray(values)) for name, values in manifest.labels.items()}
    described = {name: getattr(manifest, name) for name in ("study", "scale", "groklab", "format")}
    return metrics.assign_coords(labels).assign_attrs(described)


def _said(batches: Sequence[Mapping[str, Any]], context: object = None) -> dict[str, Any]:
    """The attributes of a variable in several batches: where they differ, each once."""
    values: dict[str, dict[Any, None]] = {}
    for attributes in batches:
        for name, value in attributes.items():
            values.setdefault(name, {})[value] = None
    return {name: next(iter(some)) if len(some) == 1 else "; ".join(map(str, some)) for name, some in values.items()}
