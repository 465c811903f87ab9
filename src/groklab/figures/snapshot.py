"""A record as it stood when it was first asked."""

from functools import cached_property

import xarray as xr

from groklab.record import Record
from groklab.training.status import Status


class Snapshot(Record):
    """A record whose measures are read once, so that all figures show the same commit of a store in use."""

    @cached_property
    def _once(self) -> tuple[xr.Dataset, tuple[Status, ...]]:
        return super().metrics(), super().statuses

    def metrics(self) -> xr.Dataset:
        """Everything measured when first asked."""
        return self._once[0]

    @property
    def statuses(self) -> tuple[Status, ...]:
        """How every run stood then."""
        return self._once[1]
