"""What all measures together add to the demo's training.

`python -m groklab.bench.measuring` trains the demo's networks with all built-in measures and with those alone by which
the trainer decides when a run ends, in turns, each time in a process of its own and into a new store: from the first
question to the last commit, what is measured afterwards and the loading of compiled programs included.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from groklab.bench.statistics import median, ratio

ROUNDS = 5
ALL, DECIDING = "all", "deciding"
"""Every measure that fits, and the few that decide how a run stands."""


def share(rounds: int) -> str:
    """Seconds and processor seconds of both, and how many times the second the first is, with 95% intervals."""
    taken: dict[str, list[dict[str, float]]] = {ALL: [], DECIDING: []}
    # The first round compiles, and does not count.
    for number in range(rounds + 1):
        for which, times in taken.items():
            made = subprocess.run([sys.executable, "-m", __spec__.name, which], stdout=subprocess.PIPE, check=True)
            if number:
                times.append(json.loads(made.stdout))
    lines: list[str] = []
    for kind, clock in (("wall", "seconds"), ("processors", "processor seconds")):
        columns = {which: [time[kind] for time in times] for which, times in taken.items()}
        whole, few = (median(columns[which]) for which in (ALL, DECIDING))
        more = ratio(columns[ALL], columns[DECIDING])
        lines.append(
            f"{clock}: all measures {_said(whole, 2)}, those that decide {_said(few, 2)}, ratio {_said(more, 3)}"
        )
    return "\n".join(lines)


def trained(which: str) -> dict[str, float]:
    """Trains the demo once in this process. Gives its seconds, and those of all processors."""
    from groklab.engines.batches import train_batch
    from groklab.engines.preparing import prepare
    from groklab.store import Folder
    from groklab.store.place import Place
    from groklab.studies import find
    from groklab.training.history import DECISIVE
    from groklab.training.plan import planned

    study = find("nanda/mainline")("laptop")
    with TemporaryDirectory() as folder:
        began, used = time.perf_counter(), time.process_time()
        place = Place.of(Path(folder) / "demo")
        prepared = prepare(study, place)
        measures = [one for one in prepared.measures if which == ALL or one.name in DECISIVE]
        with Folder(place, prepared.manifest) as store:
            for batch in planned(prepared.runs, store.manifest.batches):
                train_batch(batch, store, prepared.runs, measures)
        return {"wall": time.perf_counter() - began, "processors": time.process_time() - used}


def _said(found: dict[str, Any], digits: int) -> str:
    value, low, high = (f"{found[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("all" | "deciding") as which]:
            print(json.dumps(trained(which)))
        case [] | [_]:
            print(share(int(sys.argv[1]) if sys.argv[1:] else ROUNDS))
        case _:
            raise SystemExit("usage: python -m groklab.bench.measuring [rounds]")
