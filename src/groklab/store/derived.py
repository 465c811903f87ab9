"""What a study computes of its networks together, once all of them have ended: labelled arrays beside its batches.

A repository of its own, held like a batch's while it is computed. Committed once, as one transaction, and never again:
readers see all of it or nothing.
"""

import os
from typing import TYPE_CHECKING

import numpy as np
import zarr

from groklab.store.held import Held
from groklab.store.layout import create, subgroup
from groklab.store.place import Place
from groklab.store.tables import Described, described

if TYPE_CHECKING:
    import xarray

DERIVED = "derived"
"""The name of the repository."""
GROUP = "variables"
"""The group in it that holds them."""


class DerivedWriter(Held):
    """Holds what is derived in the store at a place until it is closed, to commit it.

    Raises `Taken` where another process does so, `StoreError` where it cannot be written.
    """

    def __init__(self, store: str | os.PathLike[str] | Place, *, conditional: bool = True) -> None:
        super().__init__(Place.of(store) / DERIVED, lambda root: None, conditional=conditional)

    @property
    def there(self) -> bool:
        """Whether it was committed already."""
        return self._read(lambda root: GROUP in root)

    def commit(self, dataset: "xarray.Dataset") -> None:
        """Commits a dataset, all or nothing; does nothing where one is there already.

        Only coordinates along dimensions are kept, and each variable's attributes, which are words. Raises `StoreError`
        when it cannot be written; the store is then as it was.
        """

        def change(root: zarr.Group) -> None:
            if GROUP not in root:
                _write(root.create_group(GROUP), dataset)

        with self._explained():
            self._transactions.commit(DERIVED, change)


def read_derived(root: zarr.Group) -> Described | None:
    """The variables and coordinates that were committed, as `described` gives them; nothing where none were."""
    return described(subgroup(root, GROUP)) if GROUP in root else None


def _write(group: zarr.Group, dataset: "xarray.Dataset") -> None:
    for name in [*dataset.dims, *dataset.data_vars]:
        variable = dataset[name].variable
        # Zarr has no settled form for words of fixed length.
        values = variable.values.astype(np.dtypes.StringDType()) if variable.dtype.kind in "UO" else variable.values
        words = {str(key): str(value) for key, value in variable.attrs.items()}
        dims = tuple(map(str, variable.dims))
        create(group, str(name), values.shape, values.shape, values.dtype, dims, **words)[...] = values
