"""What a cluster is asked to do, as it travels there, and what comes back."""

import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from groklab.engines.progress import Progress
from groklab.errors import Mistake
from groklab.studies.study import Study
from groklab.training.sink import Tick

if TYPE_CHECKING:
    from groklab.engines.precision import Precision
    from groklab.measures import Measure
    from groklab.tracking import Tracker

PIECE = 64 * 1024
"""Bytes that Ray keeps with an actor's creation, and so for its restarts; a longer argument dies with its sender."""
SETTINGS = "settings of the runs"
"""The term of a job whose values say nothing to people."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A study to be trained into a store, and how."""

    place: str
    """The store; a local folder as an absolute path."""
    study: Study
    """What is trained."""
    measures: "tuple[Callable[..., Any] | Measure, ...]" = ()
    """The user's own measures."""
    commit_seconds: float = 15.0
    """Seconds between commits at most."""
    precision: "Precision" = "float32"
    """That of an accelerator's matrix products."""
    memory: int | None = None
    """Bytes that a batch may take; nothing means what the device has at hand."""
    trackers: "tuple[Tracker, ...]" = ()
    """Other tools that show the curves."""
    groklab: str = field(default_factory=lambda: version("groklab"))
    """The version that asks."""

    def packed(self) -> list[bytes]:
        """The job in pieces that outlive their sender. Raises `Mistake` for what cannot be sent."""
        from ray import cloudpickle as pickle

        cloudpickle: Any = pickle
        with ExitStack() as undoing:
            # By value: the user's files need not be where the tasks run.
            registered: set[str] = cloudpickle.list_registry_pickle_by_value()
            for name in _modules(self.measures, self.trackers) - registered:
                cloudpickle.register_pickle_by_value(sys.modules[name])
                undoing.callback(cloudpickle.unregister_pickle_by_value, sys.modules[name])
            try:
                whole = zlib.compress(cloudpickle.dumps(self))
            except Exception as error:
                reason = " ".join(str(error).split())[:160]
                raise Mistake(
                    f"the measures or trackers cannot be sent to a cluster ({reason}); write them without open files, "
                    "locks and the like"
                ) from error
        return [whole[start : start + PIECE] for start in range(0, len(whole), PIECE)]

    @staticmethod
    def unpacked(pieces: Sequence[bytes]) -> "Job":
        """The job of those pieces."""
        from ray import cloudpickle

        return cloudpickle.loads(zlib.decompress(b"".join(pieces)))

    @property
    def terms(self) -> dict[str, object]:
        """What two callers must agree on to watch the same work, as plain values."""
        names = sorted(str(getattr(measure, "__name__", getattr(measure, "name", ""))) for measure in self.measures)
        return {
            "version of groklab": self.groklab,
            "study": self.study.name,
            "scale": self.study.scale,
            SETTINGS: [run.digest for run in self.study.runs],
            "measures": names,
            "precision": self.precision,
        }


Ending = Literal["done", "interrupted", "taken", "refused", "mistake", "lost"]
"""Done; interrupted, all committed; the batch is in other hands; the store refused; the user's mistake; it died."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a task ended."""

    kind: Ending
    """How it ended."""
    words: str = ""
    """Who holds the batch, the line of the mistake, or why it was lost."""
    tick: Tick | None = None
    """How far the batch was at last."""
    process: str = ""
    """The process that trained it, by the name under which it told."""


DERIVATION = "derived"
"""The name of the task that computes what a study asks of its networks together, once all batches are done."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A batch of the store, and what its task needs; or what is computed once all are done."""

    name: str
    """The batch, or `DERIVATION`."""
    members: tuple[int, ...]
    """The numbers of its runs."""
    after: tuple[str, ...]
    """Batches that must be done with before it begins."""
    finished: bool
    """Whether nothing is left to do."""
    cores: int
    """Cores that its task can use, however many there are."""
    gpus: int
    """Accelerators that its task needs."""
    memory: int
    """Bytes of the machine's memory that its task will take, predicted; 0 where that does not matter."""
    tick: Tick
    """How far it is."""

    @property
    def words(self) -> str:
        """What it is, in words."""
        return f"runs {', '.join(map(str, self.members))}" if self.members else "what is computed of all of them"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study as its store has it."""

    batches: tuple[Planned, ...]
    """Its batches, parents first; then what is computed of all networks together, where something is."""
    runs: int
    """Networks in the study."""
    total: int
    """Run-steps of the whole study."""
    cautions: tuple[str, ...] = ()
    """What the user should know of the store."""


Over = Literal["", "done", "interrupted", "refused", "mistake", "failed"]
"""Nothing while the work goes on; then whether it ended well, was cancelled, or why it could not go on."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a supervisor tells a driver."""

    progress: Progress | None
    """How far the study is; nothing before it is planned."""
    over: Over
    """Whether the work is over, and how."""
    words: str
    """The reason, in a line."""
    cautions: tuple[str, ...]
    """What the user should know of the store."""
    given_up: tuple[str, ...]
    """The batches that failed again and again, each with its reason."""


def _modules(measures: "Iterable[Callable[..., Any] | Measure]", trackers: "Iterable[Tracker]") -> set[str]:
    """The user's modules in which measures and trackers are written."""
    plain = (getattr(measure, "plain", None) or measure for measure in measures)
    written = [*plain, *(type(tracker) for tracker in trackers)]
    names = {str(getattr(one, "__module__", None)) for one in written} - {"__main__", "builtins"}
    return {name for name in names if name in sys.modules and name.partition(".")[0] != "groklab"}
