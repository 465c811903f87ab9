"""Each network of a record, and a lookup table of its pairs, beside Gen networks at known weights."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray

    from groklab.record import Record

MEMS = ("trained", "lookup table")
"""What memorises: the last network of a run, or a table of its pairs, which has nothing of Gen."""


def mixtures(record: "Record") -> "xarray.Dataset":
    """What both proxies say of both, beside each Gen, in each unit and at each weight: `measures/side_by_side.py`.

    NaN where a run diverged, where the task is not addition, and where it has too few frequencies.
    """
    import xarray as xr

    from groklab.measures.side_by_side import GENS, PROXIES, SHARES, UNITS, lookup, strengths

    axes = {"gen": list(GENS), "unit": list(UNITS), "share": SHARES, "proxy": list(PROXIES)}
    seen = np.full((len(record.runs), len(MEMS), *map(len, axes.values())), np.nan, np.float32)
    for number, (run, status) in enumerate(zip(record.runs, record.statuses, strict=True)):
        if not status.bad:
            task, split = record.task(number), record.split(number)
            for place, mem in enumerate((record.model(number), lookup(task, split))):
                seen[number, place] = strengths(mem, task, split, run.seed)
    return xr.Dataset({"strength": (("run", "mem", *axes), seen)}, coords={"mem": list(MEMS)} | axes)
