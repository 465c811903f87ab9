"""A study trained into a store by the engine asked for."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from groklab.engines.progress import Watch
from groklab.errors import Mistake, unknown
from groklab.store.place import Place

if TYPE_CHECKING:
    from groklab.engines.precision import Precision
    from groklab.measures import Measure
    from groklab.record import Record
    from groklab.studies.study import Study
    from groklab.tracking import Tracker

Engine = Literal["local", "ray"]
"""This process, or a Ray cluster."""
OnInterrupt = Literal["cancel", "detach"]
"""What Ctrl-C does: the work is committed and ends, or it goes on and only the watching ends."""


def run(
    study: "Study",
    out: str | os.PathLike[str] | Place,
    *,
    engine: Engine = "local",
    address: str | None = None,
    on_interrupt: OnInterrupt = "cancel",
    measures: "Iterable[Callable[..., Any] | Measure]" = (),
    watch: Watch = lambda progress: None,
    commit_seconds: float = 15.0,
    precision: "Precision" = "float32",
    memory: int | None = None,
    trackers: "Sequence[Tracker]" = (),
) -> "Record":
    """Trains a study into the store `out`, or goes on where an earlier call was interrupted, bit for bit.

    `engine` is where: `local`, in this process, or `ray`, on the Ray cluster at `address` (by default that of
    RAY_ADDRESS, else one that is started on this machine and ends with the call). Either goes on with what the other
    began, and several may share a store: each batch is trained by one at a time.

    `measures` are functions f(model, task) of your own, measured beside the built-in ones; see `groklab.measures`. A
    study that goes on needs the same again. `watch` is told at every logged step how far the study is; a commit is
    made at least every `commit_seconds`. `precision` is that of an accelerator's matrix products: float32, tf32
    (fast, 10 bits) or bf16_3x (three passes of bfloat16). `memory` is what a batch may take, in bytes; nothing means
    what the device has at hand. It settles how many runs a batch has when a study begins; a study that goes on keeps
    its batches. `trackers` show the curves elsewhere while they grow; see `groklab.tracking`.

    On Ctrl-C or SIGTERM everything is committed and `KeyboardInterrupt` raised; with `on_interrupt="detach"`, on a
    cluster that outlives this process, the work goes on there. Raises `Mistake` for runs that cannot be made,
    `StoreError` for a store that holds other settings or cannot be written, and `GivenUp` where Ray's tasks failed
    again and again, when all others are done.
    """
    if engine not in get_args(Engine):
        raise unknown("engine", engine, get_args(Engine))
    if on_interrupt not in get_args(OnInterrupt):
        raise Mistake(f"on_interrupt takes {' or '.join(get_args(OnInterrupt))}, not {on_interrupt!r}")
    place = Place.of(out)
    if engine == "ray":
        from groklab.engines.cluster.driver import train_on_cluster

        return train_on_cluster(
            study,
            place,
            address=address,
            on_interrupt=on_interrupt,
            measures=measures,
            watch=watch,
            commit_seconds=commit_seconds,
            precision=precision,
            memory=memory,
            trackers=trackers,
        )
    if address is not None or on_interrupt != "cancel":
        raise Mistake("address and on_interrupt are for engine ray; the local engine runs in this process")
    from groklab.engines.local import train_here

    return train_here(
        study,
        place,
        measures=measures,
        watch=watch,
        commit_seconds=commit_seconds,
        precision=precision,
        memory=memory,
        trackers=trackers,
    )
