"""Small result sets of real runs: a zip with what was measured and where it came from, without the networks.

about.json   the store's manifest, every batch's statuses and sessions, what was kept
metrics.nc   the chosen variables, as netCDF 3
derived.nc   what the study computed of its networks together, where it did, as netCDF 3

Timestamps are fixed and variables sorted: keeping the same store twice gives the same bytes.
"""

import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import zarr

from groklab.errors import Mistake, StoreError, unknown
from groklab.store.failures import explanation
from groklab.store.layout import Saved
from groklab.store.manifest import Manifest
from groklab.store.place import Place
from groklab.store.places import KEPT
from groklab.store.reader import Reader, labelled

if TYPE_CHECKING:
    import xarray

T = TypeVar("T")

FORMAT = 1
"""The newest format of kept results that is read, and the one that is written."""
ABOUT, METRICS, DERIVED = "about.json", "metrics.nc", "derived.nc"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The timestamp of all members: the earliest that a zip can say."""

# What zipfile, zlib, json, SciPy's netCDF and xarray raise on damaged data.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    ValueError,
    RuntimeError,
)


class Kept(Reader):
    """A kept result opened for reading, with the questions of a store; the networks were not kept.

    Raises `StoreError` for a file that is not there, is no kept result, is damaged, or is of a newer format.
    """

    def __init__(self, path: str | os.PathLike[str] | Place) -> None:
        self.path = Place.of(path)
        self._file = Path(self.path)
        self._about = self._explained(lambda: json.loads(self._member(ABOUT)))
        found = self._about.get("format") if isinstance(self._about, dict) else None
        if not isinstance(found, int) or not isinstance(self._about.get("manifest"), dict):
            raise _foreign(self.path)
        if found > FORMAT:
            newer = f"this kept result has format {found}, this groklab reads up to {FORMAT}"
            raise StoreError(f"{self.path}: {newer}; install a newer groklab")
        self.manifest = Manifest.from_json(self._about["manifest"], self.path)

    @property
    def every(self) -> int | None:
        """About one in how many steps was kept; nothing where all were."""
        return self._about.get("kept", {}).get("every")

    def metrics(self) -> "xarray.Dataset":
        """What was kept of the measures; see `Reader.metrics`."""
        return self._metrics.copy(deep=True)

    def stands(self) -> dict[str, Saved | None]:
        """What every batch had committed last; see `Reader.stands`."""
        return {name: self.saved(name, arrays=False) for name in self.manifest.batches}

    def saved(self, batch: str, *, arrays: bool = True) -> Saved | None:
        """What a batch had committed last. Raises `Mistake` for its arrays, which were not kept."""
        if arrays:
            raise self._without_networks()
        found = self._explained(lambda: self._about["batches"].get(batch))
        return None if found is None else Saved(step=found["step"], arrays={}, meta=found["meta"])

    def derived(self) -> "xarray.Dataset | None":
        """What the study had computed of its networks together; see `Reader.derived`."""
        there = self._explained(lambda: DERIVED in self._members())
        return self._explained(lambda: _dataset(self._member(DERIVED))) if there else None

    @cached_property
    def _metrics(self) -> "xarray.Dataset":
        return self._explained(lambda: labelled(_dataset(self._member(METRICS)), self.manifest))

    def _members(self) -> list[str]:
        with zipfile.ZipFile(self.path) as archive:
            return archive.namelist()

    def _member(self, name: str) -> bytes:
        with zipfile.ZipFile(self._file) as archive:
            return archive.read(name)

    def _explained(self, reading: Callable[[], T]) -> T:
        if not self._file.is_file():
            raise StoreError(f"there is no file {self.path}; give one that `groklab keep` wrote")
        if not zipfile.is_zipfile(self._file):
            raise _foreign(self.path)
        try:
            return reading()
        except OSError as error:
            raise StoreError(explanation(error, self.path, "nothing was lost")) from error
        except DAMAGE as error:
            reason = " ".join(str(error).split())[:160] or type(error).__name__
            raise StoreError(f"{self.path} is damaged ({reason}); restore it from a copy, or keep it anew") from error

    def _read(self, batch: str, reading: Callable[[zarr.Group], T]) -> T | None:
        raise self._without_networks()

    def _without_networks(self) -> Mistake:
        return Mistake(f"{self.path} holds what was measured, not the networks; give the folder of their runs")


def keep(reader: Reader, path: Path, only: Sequence[str], every: int | None = None) -> Path:
    """Writes the variables `only` of what a store holds into one small file, and gives its path.

    `every` thins the steps: beyond the first `every` steps, of each stretch of that many the step is kept at which
    most was measured, and every run's last. Raises `Mistake` for a name that does not end in .zip, for a variable that
    is not there, and where nothing was measured yet; `StoreError` when the file cannot be written.
    """
    if path.suffix != KEPT:
        raise Mistake(f"kept results are zip files: end --out in {KEPT}, not {path.name!r}")
    if every is not None and every < 1:
        raise Mistake(f"--every takes at least 1 step, not {every}")
    metrics = reader.metrics()
    if not metrics.sizes.get("step") or not metrics.data_vars:
        raise Mistake(f"nothing was measured yet in {reader.path}; go on with its run first")
    for name in only:
        if name not in metrics.data_vars:
            raise unknown(f"variable of {reader.path}", name, map(str, metrics.data_vars))
    chosen = metrics[sorted(set(only))]
    chosen = chosen if every is None else chosen.isel(step=_thinned(chosen, every))
    about = {
        "format": FORMAT,
        "manifest": reader.manifest.to_json(),
        "batches": {name: _stands(saved) for name, saved in reader.stands().items()},
        "kept": {"variables": sorted(set(only)), "every": every},
    }
    members = {ABOUT: json.dumps(about, indent=1, sort_keys=True, allow_nan=False).encode(), METRICS: _netcdf(chosen)}
    derived = reader.derived()
    if derived is not None:
        members[DERIVED] = _netcdf(derived)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_zipped(members))
        partial.replace(path)
    except OSError as error:
        if partial.exists():
            partial.unlink()
        raise StoreError(f"cannot write {path} ({error.strerror or error}); give another --out") from error
    return path


def _thinned(metrics: "xarray.Dataset", every: int) -> np.ndarray:
    """Positions of the steps that are kept, ascending."""
    steps = metrics["step"].values
    known = np.zeros((metrics.sizes["run"], len(steps)), dtype=np.int64)
    for array in metrics.data_vars.values():
        if {"run", "step"} <= set(array.dims):
            present = array.notnull().transpose("run", "step", ...).values
            known += present.reshape(*known.shape, -1).sum(axis=-1)
    total = known.sum(axis=0)
    stretch = steps // every
    fullest = [int(np.flatnonzero(stretch == one)[total[stretch == one].argmax()]) for one in np.unique(stretch)]
    last = [int(np.flatnonzero(row)[-1]) for row in known if row.any()]
    chosen = steps <= every
    chosen[fullest + last] = True
    return np.flatnonzero(chosen)


def _stands(saved: Saved | None) -> dict[str, Any] | None:
    return None if saved is None else {"step": saved.step, "meta": dict(saved.meta)}


def _netcdf(metrics: "xarray.Dataset") -> bytes:
    """The variables and the coordinates along their dimensions; what is said of each run stands in the manifest."""
    bare = metrics.drop_vars([name for name in metrics.coords if name not in metrics.dims])
    bare = bare[sorted(map(str, bare.data_vars))].drop_attrs(deep=False)
    return bytes(bare.to_netcdf(engine="scipy", encoding={name: {"_FillValue": None} for name in bare.data_vars}))


def _dataset(content: bytes) -> "xarray.Dataset":
    """What `_netcdf` wrote."""
    import xarray

    with xarray.open_dataset(io.BytesIO(content), engine="scipy") as stored:
        return _widened(stored.load())


def _widened(stored: "xarray.Dataset") -> "xarray.Dataset":
    """Everything in the types that a store gives: netCDF 3 has no 64-bit integers, and no words."""
    for name, variable in stored.variables.items():
        values = variable.values
        kind = values.dtype.kind
        wide = np.array(values.tolist()) if kind in "OSU" else values.astype(np.int64) if kind == "i" else values
        stored = stored.assign({name: (variable.dims, wide, variable.attrs)})
    return stored


def _zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(info, content, compresslevel=9)
    return out.getvalue()


def _foreign(path: Place) -> StoreError:
    return StoreError(f"{path} is no kept result; give a file that `groklab keep` wrote, or the folder of runs")
