"""The watching side of the Ray engine: it has a supervisor see to the work, and tells how far that is."""

import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from groklab.engines.cluster.connection import address_of, connected, must_be_possible
from groklab.engines.cluster.job import SETTINGS, Job, Report
from groklab.engines.cluster.machines import machines, must_be_fit
from groklab.engines.interruption import AT_ONCE, DETACHED, interruptions
from groklab.engines.progress import Watch
from groklab.errors import Caution, GivenUp, Mistake, StoreError
from groklab.store.place import Place
from groklab.store.places import must_be_free

if TYPE_CHECKING:
    from groklab.engines.precision import Precision
    from groklab.engines.running import OnInterrupt
    from groklab.measures import Measure
    from groklab.record import Record
    from groklab.studies.study import Study
    from groklab.tracking import Tracker

NAMESPACE = "groklab"
"""Ray's namespace of supervisors."""
POLL = 0.2
"""Seconds between two questions to the supervisor."""
BEGINNING = 120.0
"""Seconds within which the supervisor must begin."""
ENDING = 10.0
"""Seconds within which a supervisor must begin that is to end at once."""
SILENT = 60.0
"""Seconds without an answer of the supervisor after which the user is told."""
SHOWN = 3
"""Batches given up whose reasons are told."""


def train_on_cluster(
    study: "Study",
    place: Place,
    *,
    address: str | None = None,
    on_interrupt: "OnInterrupt" = "cancel",
    measures: "Iterable[Callable[..., Any] | Measure]" = (),
    watch: Watch = lambda progress: None,
    commit_seconds: float = 15.0,
    precision: "Precision" = "float32",
    memory: int | None = None,
    trackers: "Sequence[Tracker]" = (),
) -> "Record":
    """Has a study trained on a Ray cluster, and watches; see `groklab.run`.

    Watches the work that goes on there already, where it is the same. Raises `KeyboardInterrupt`, with `DETACHED`
    where the work goes on.
    """
    must_be_possible(address, on_interrupt)
    cluster = address_of(address)
    if callable(measures):
        raise Mistake(f"measures takes a list of functions, [f], not {measures!r}")
    must_be_free(place)
    where = place if place.local is None else Place.of(place.local.absolute())
    job = Job(
        place=str(where),
        study=study,
        measures=tuple(measures),
        commit_seconds=commit_seconds,
        precision=precision,
        memory=memory,
        trackers=tuple(trackers),
    )
    with connected(cluster):
        if cluster is not None:
            must_be_fit(machines(), where, job.groklab)
        with interruptions() as interrupted:
            report = _watched(job, watch, interrupted, on_interrupt)
    _must_have_ended_well(report)
    from groklab.record import Record

    return Record(place)


def _watched(job: Job, watch: Watch, interrupted: Callable[[], bool], on_interrupt: "OnInterrupt") -> Report:
    """What the supervisor says at last. Raises `KeyboardInterrupt` where the work is not waited for."""
    import ray
    from ray import exceptions

    me, cancelled = uuid.uuid4().hex, False
    report: Report
    supervisor, report = _supervisor(job, me, interrupted, on_interrupt)
    heard, warned = time.monotonic(), False
    before = 0 if report.progress is None else report.progress.trained
    said = set[str]()
    while not report.over:
        if interrupted() and on_interrupt == "detach":
            raise KeyboardInterrupt(DETACHED)
        if interrupted() and not cancelled:
            supervisor.cancel.remote()
            cancelled = True
        if time.monotonic() > heard + SILENT:
            if cancelled:
                _warn("the work's supervisor does not answer, and could not be told to end it: it may go on")
                raise KeyboardInterrupt(AT_ONCE)
            if not warned:
                _warn(f"the work's supervisor has not answered for {SILENT:.0f} s; see `ray status`")
            warned = True
        time.sleep(POLL)
        try:
            told: Any = ray.get(supervisor.report.remote(me), timeout=10.0)
            report, heard, warned = told, time.monotonic(), False
        except exceptions.GetTimeoutError:
            continue
        except exceptions.RayActorError as error:
            # Lost, and begun anew by Ray. One that is gone for good has been cancelled by others, say.
            if isinstance(error, exceptions.ActorDiedError):
                if cancelled:
                    raise KeyboardInterrupt from error
                raise GivenUp(
                    "the work was ended while this process had no word of it, and what was committed is kept; "
                    "give the command again to go on"
                ) from error
            cancelled = False
            continue
        for caution in set(report.cautions) - said:
            _warn(caution)
            said.add(caution)
        if report.progress is not None:
            watch(replace(report.progress, trained=max(0, report.progress.trained - before)))
    return report


def _warn(words: str) -> None:
    warnings.warn(words, Caution, stacklevel=5)


def _supervisor(job: Job, me: str, interrupted: Callable[[], bool], on_interrupt: "OnInterrupt") -> tuple[Any, Report]:
    """The supervisor of the store, begun if there is none, with its first report.

    Raises `Mistake` for what cannot be sent to it and where none comes to answer, `StoreError` where it works on
    something else, and `KeyboardInterrupt`.
    """
    import ray
    from ray import exceptions

    from groklab.engines.cluster.supervisor import Supervisor

    actor: Any = ray.remote(Supervisor)
    options = {"name": job.place, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
    pieces, until = job.packed(), time.monotonic() + BEGINNING
    while time.monotonic() < until:
        if interrupted():
            raise KeyboardInterrupt
        supervisor = actor.options(**options, max_restarts=-1, num_cpus=0).remote(*pieces)
        try:
            theirs: dict[str, object] = _answer(supervisor.terms.remote(), interrupted, on_interrupt)
            _must_agree(job, theirs, "version of groklab")
            report: Report = _answer(supervisor.report.remote(me), interrupted, on_interrupt)
        except exceptions.GetTimeoutError as error:
            raise Mistake(f"the cluster began nothing within {BEGINNING:.0f} s; see `ray status`") from error
        except exceptions.RayActorError as error:
            if error.actor_init_failed:
                reason = str(error).strip().splitlines()[-1][:200]
                raise Mistake(f"the cluster cannot take the study ({reason})") from error
        else:
            if not report.over:
                _must_agree(job, theirs, *job.terms)
                return supervisor, report
            # The one of an earlier call is about to leave.
        time.sleep(POLL)
    raise Mistake("the supervisor on the cluster ended again and again; see `ray status`")


def _answer(asked: Any, interrupted: Callable[[], bool], on_interrupt: "OnInterrupt") -> Any:
    """What a supervisor that may have to begin answers. Raises `GetTimeoutError`, and `KeyboardInterrupt`."""
    import ray
    from ray import exceptions

    until, asking = time.monotonic() + BEGINNING, None
    while True:
        try:
            return ray.get(asked, timeout=POLL)
        except exceptions.GetTimeoutError:
            if interrupted() and on_interrupt == "detach":
                raise KeyboardInterrupt(DETACHED) from None
            if interrupted() and asking is None:
                asking = time.monotonic() + ENDING
            if asking is not None and time.monotonic() > asking:
                _warn("the work's supervisor has not begun, and could not be told to end it; see `ray status`")
                raise KeyboardInterrupt from None
            if time.monotonic() > until:
                raise


def _must_agree(job: Job, theirs: Mapping[str, object], *names: str) -> None:
    """Raises `StoreError` where a supervisor works on something else, as far as those of the job's terms go."""
    for name in names:
        value = job.terms[name]
        if theirs.get(name) != value:
            differs = f": {theirs.get(name)}, not {value}" if name != SETTINGS else ""
            raise StoreError(
                f"{job.place} is being trained on this cluster otherwise ({name}{differs}); give the same, "
                "wait for it, or choose another --out"
            )


def _must_have_ended_well(report: Report) -> None:
    """Raises what a report says of the work's end."""
    if report.over == "interrupted":
        raise KeyboardInterrupt
    if report.over == "mistake":
        raise Mistake(report.words)
    if report.over == "refused":
        raise StoreError(report.words)
    if report.over == "failed":
        raise GivenUp(report.words)
    if report.given_up:
        count = f"{len(report.given_up)} batch{'es' * (len(report.given_up) > 1)}"
        more = f"; and {len(report.given_up) - SHOWN} more" if len(report.given_up) > SHOWN else ""
        raise GivenUp(f"{count} given up, all others are done: {'; '.join(report.given_up[:SHOWN])}{more}")
