"""A contestant in a process of its own: questions as lines of JSON on standard input, answers on standard output.

So the thread pools of one library do not disturb another's, and the peak memory is the contestant's alone. A
process that waits for a question uses no core.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Protocol


class Contestant(Protocol):
    """What can be raced."""

    runs: int

    def steps(self, count: int) -> None:
        """Takes so many steps of every run."""
        ...


def main() -> None:
    """Makes the contestant that the first line describes, then answers until the input ends."""
    out = sys.stdout
    # What libraries print must not stand between the answers.
    sys.stdout = sys.stderr
    spec = json.loads(sys.stdin.readline())
    if spec.get("cores"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-spec["cores"] :])
    try:
        contestant = _made(spec)
        _say(out, ready=True, predicted=getattr(contestant, "predicted", None), flop=getattr(contestant, "flop", None))
        count, before = 1, memory("VmRSS")
        for line in sys.stdin:
            question = json.loads(line)
            match question["do"]:
                case "losses":
                    _say(out, losses=getattr(contestant, "losses")(question["count"]))  # noqa: B009
                case "warm":
                    first = _seconds(contestant, 1)
                    count = _fitting(contestant, question["seconds"])
                    _say(out, first=first, count=count)
                case "time":
                    _say(out, seconds=_seconds(contestant, count) / count)
                case _:
                    _say(out, peak=memory("VmHWM"), before=before)
    except Exception as error:
        _say(out, error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        raise


def memory(entry: str) -> int | None:
    """Bytes of this process's memory: resident now (VmRSS), or at its peak (VmHWM); nothing where it is not told."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{entry}:")), None)


def _made(spec: dict[str, Any]) -> Contestant:
    match spec["kind"]:
        case "reference":
            from groklab.bench.reference import Reference

            return Reference(spec["run"], Path(spec["start"]), spec["test_loss"], bits=spec["bits"])
        case "lens":
            from groklab.bench.lens import Lens

            return Lens(spec["run"], Path(spec["start"]), spec["test_loss"])
        case "products":
            from groklab.bench.products import Products

            return Products(spec["library"], spec["size"])
        case _:
            from groklab.bench.ours import Ours
            from groklab.training.settings import Run

            run = Run.from_json(spec["run"])
            assert isinstance(run, Run)
            return Ours(run, spec["runs"], spec["kind"], bits=spec["bits"])


def _seconds(contestant: Contestant, count: int) -> float:
    began = time.perf_counter()
    contestant.steps(count)
    return time.perf_counter() - began


def _fitting(contestant: Contestant, seconds: float) -> int:
    """How many steps take about so long."""
    count = 1
    while (spent := _seconds(contestant, count)) < seconds / 3:
        count = max(2 * count, min(10 * count, int(count * seconds / max(spent, 1e-6) / 2)))
    return max(1, round(count * seconds / spent))


def _say(out: Any, **answer: Any) -> None:
    print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
