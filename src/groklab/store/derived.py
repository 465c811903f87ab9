"""What a study computes of its networks together, once all of them have ended: labelled arrays beside the manifest.

Committed once, as one transaction of the study's repository, and never again: readers see all of it or nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zarr

from groklab.store.failures import explained
from groklab.store.layout import create, subgroup
from groklab.store.repositories import open_or_create
from groklab.store.tables import Described, described

if TYPE_CHECKING:
    import xarray

GROUP = "derived"
"""The group of the study's repository that holds it."""


def commit_derived(path: Path, dataset: "xarray.Dataset") -> None:
    """Commits a dataset to the store at `path`, all or nothing; does nothing where one is there already.

    Only coordinates along dimensions are kept, and each variable's attributes, which are words. Raises `StoreError`
    when it cannot be written; the store is then as it was.
    """
    with explained(path):
        session = open_or_create(path / "study").writable_session("main")
        root = zarr.open_group(session.store, mode="r+", zarr_format=3)
        if GROUP in root:
            return
        group = root.create_group(GROUP)
        for name in [*dataset.dims, *dataset.data_vars]:
            variable = dataset[name].variable
            # Zarr has no settled form for words of fixed length.
            values = variable.values.astype(np.dtypes.StringDType()) if variable.dtype.kind in "UO" else variable.values
            words = {str(key): str(value) for key, value in variable.attrs.items()}
            dims = tuple(map(str, variable.dims))
            create(group, str(name), values.shape, values.shape, values.dtype, dims, **words)[...] = values
        session.commit("derived")


def read_derived(root: zarr.Group) -> "Described | None":
    """The variables and coordinates that were committed, as `described` gives them; nothing where none were."""
    return described(subgroup(root, GROUP)) if GROUP in root else None
