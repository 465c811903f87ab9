"""How the words of `run` ask for training: where, how exactly, and what an interruption does."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groklab.engines.running import Engine, OnInterrupt
from groklab.errors import Mistake, unknown

if TYPE_CHECKING:
    from groklab.engines.precision import Precision
    from groklab.store.place import Place
    from groklab.studies import Study

ENGINES: tuple[Engine, ...] = ("local", "ray")
INTERRUPTING: tuple[OnInterrupt, ...] = ("cancel", "detach")
PRECISIONS: "tuple[Precision, ...]" = ("float32", "tf32", "bf16_3x")


@dataclass(frozen=True, kw_only=True)
class How:
    """How studies are trained, the same for all studies of a paper."""

    precision: "Precision" = "float32"
    """That of an accelerator's matrix products."""
    engine: Engine = "local"
    """Where they are trained."""
    address: str | None = None
    """The Ray cluster, where one is named."""
    on_interrupt: OnInterrupt = "cancel"
    """Whether Ctrl-C ends the work, or only the watching."""
    track: tuple[str, ...] = ()
    """The trackers that show curves meanwhile."""
    track_to: Path | None = None
    """The folder of their files, where one is named."""

    def options(self, study: "Study", place: "Place") -> dict[str, Any]:
        """What `groklab.run` is told beside a study and its store."""
        options: dict[str, Any] = {"precision": self.precision}
        if self.track:
            from groklab.tracking import chosen

            options["trackers"] = chosen(self.track, place, study.name, self.track_to)
        if self.engine == "ray":
            options |= {"engine": self.engine, "address": self.address, "on_interrupt": self.on_interrupt}
        return options

    def connection(self) -> AbstractContextManager[None]:
        """What several studies share while they are trained: one cluster of their own, where none is named."""
        if self.engine == "local":
            return nullcontext()
        from groklab.engines.cluster.connection import address_of, connected

        return connected(address_of(self.address))


LOCALLY = How()
"""In this process, exactly."""


def how_of(
    precision: str,
    engine: str,
    address: str | None,
    on_interrupt: str,
    track: Sequence[str] = (),
    track_to: Path | None = None,
) -> How:
    """How the words ask for training, checked without anything heavy.

    Raises `Mistake` for words that are not known, options of the engine ray without it, an address that cannot be,
    and where Ray or a tracker is asked for and not installed.
    """
    exactly: Precision | None = next((known for known in PRECISIONS if known == precision), None)
    where: Engine | None = next((known for known in ENGINES if known == engine), None)
    what: OnInterrupt | None = next((known for known in INTERRUPTING if known == on_interrupt), None)
    if where is None:
        raise unknown("engine", engine, ENGINES)
    if exactly is None:
        raise unknown("precision", precision, PRECISIONS)
    if what is None:
        raise Mistake(f"--on-interrupt takes {' or '.join(INTERRUPTING)}, not {on_interrupt!r}")
    if where == "local" and (address is not None or what != "cancel"):
        option = "--address" if address is not None else "--on-interrupt"
        raise Mistake(f"{option} goes with --engine ray; the local engine runs in this process")
    if where == "ray":
        from groklab.engines.cluster.connection import must_be_possible

        must_be_possible(address, what)
    if track:
        from groklab.tracking.choosing import known

        known(track)
    elif track_to is not None:
        raise Mistake("--track-to says where the files of trackers go; name one with --track")
    return How(
        precision=exactly,
        engine=where,
        address=address,
        on_interrupt=what,
        track=tuple(track),
        track_to=track_to,
    )
