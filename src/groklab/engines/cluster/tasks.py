"""What runs on the machines of a cluster: the planning, and the training of one batch."""

import faulthandler
import os
import signal
import sys
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from groklab import machine
from groklab.engines.batches import parents, train_batch
from groklab.engines.cluster.job import DERIVATION, Ending, Job, Outcome, Plan, Planned
from groklab.engines.cluster.machines import Machine
from groklab.engines.deriving import derive, underived
from groklab.engines.interruption import interruptions
from groklab.engines.left import left_of
from groklab.engines.own import own_measures
from groklab.engines.precision import multiplying
from groklab.engines.preparing import Prepared, every_measure, prepare
from groklab.engines.standing import standing
from groklab.errors import Caution, Mistake, StoreError, Taken
from groklab.store import Folder, Reader
from groklab.training import Batch, Tick, with_parents
from groklab.training.applicable import applicable
from groklab.training.memory import demand, generous
from groklab.training.plan import planned

TELLING = 0.25
"""Seconds between two ticks of a task that are passed on."""
SILENCE = 1800.0
"""Seconds without a tick after which a task's process is taken for stuck, and ended, so that another goes on."""
LAST_WORDS = 20
"""Seconds that a process which fails has to say why."""


def warm() -> None:
    """Has this process import what it needs; the import of this module has done so."""


def plan(pieces: Sequence[bytes], machines: Sequence[Machine]) -> Plan | Outcome:
    """Plans a job where it will be trained, and begins its store; goes on with the store's own plan where it was begun.

    Mistakes, and whatever the store refuses, come back as an `Outcome`.
    """
    try:
        job = Job.unpacked(pieces)
        with multiplying(job.precision), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", Caution)
            prepared = prepare(job.study, job.place, job.measures, job.memory)
            with Folder(job.place, prepared.manifest) as folder:
                batches = planned(prepared.runs, folder.manifest.batches)
            reader = Reader(job.place)
            found = tuple(_planned(batch, batches, prepared, reader, machines) for batch in batches)
            if underived(job.study.name, reader):
                found += (_derivation(found, machines),)
    except StoreError as refused:
        return Outcome(kind="refused", words=str(refused))
    except Mistake as mistake:
        return Outcome(kind="mistake", words=str(mistake))
    total = sum(run.steps for batch in batches for run in batch.runs)
    cautions = tuple(str(one.message) for one in warned if issubclass(one.category, Caution))
    return Plan(batches=found, runs=len(prepared.runs), total=total, cautions=cautions)


def train(pieces: Sequence[bytes], name: str, cores: int, supervisor: Any) -> Outcome:
    """Trains a batch of a job to its end, or goes on with it; or computes what is asked of all networks together.

    `supervisor` is told how far it is. A failure that is nobody's mistake, such as a want of memory, ends the process
    after it was told too, so that nothing broken is used again; the supervisor then tries anew.
    """
    machine.keep_to(cores)
    tell = _Telling(name, supervisor)
    try:
        job = Job.unpacked(pieces)
        runs, own = with_parents(job.study.runs), own_measures(job.measures)
        # Read first: opening it for writing would begin it anew on a machine that does not see it.
        manifest = Reader(job.place).manifest
        if name == DERIVATION:
            with Folder(job.place, manifest) as folder, multiplying(job.precision):
                derive(folder, tell.derives)
            return tell.outcome("done")
        (batch,) = (batch for batch in planned(runs, manifest.batches) if batch.name == name)
        with interruptions() as interrupted, Folder(job.place, manifest) as folder:
            train_batch(
                batch,
                folder,
                runs,
                every_measure(own),
                own,
                watch=tell,
                interrupted=interrupted,
                commit_seconds=job.commit_seconds,
                precision=job.precision,
                trackers=job.trackers,
            )
    except KeyboardInterrupt:
        return tell.outcome("interrupted")
    except Taken as taken:
        return tell.outcome("taken", taken.holder)
    except StoreError as refused:
        return tell.outcome("refused", str(refused))
    except Mistake as mistake:
        return tell.outcome("mistake", str(mistake))
    except SystemExit:
        raise
    except BaseException as error:
        # Panics of compiled libraries too, which are no Exception.
        _end(name, error, supervisor)
    return tell.outcome("done")


class _Telling:
    """Passes a batch's ticks on to the supervisor, not too often; the last is kept."""

    def __init__(self, name: str, supervisor: Any) -> None:
        self._last: Tick | None = None
        self._name, self._supervisor = name, supervisor
        self._process = uuid.uuid4().hex
        self._told = float("-inf")
        faulthandler.dump_traceback_later(SILENCE, exit=True)

    def __call__(self, tick: Tick) -> None:
        self._last = tick
        if time.monotonic() - self._told > TELLING:
            self._told = time.monotonic()
            faulthandler.dump_traceback_later(SILENCE, exit=True)
            self._supervisor.tell.remote(self._name, self._process, tick)

    def derives(self) -> None:
        """Tells that something is computed of the networks together, of which nothing is heard until it is done."""
        self(Tick(done=0, trained=0, memorised=0, grokked=0, doing="measuring"))
        faulthandler.cancel_dump_traceback_later()

    def outcome(self, kind: Ending, words: str = "") -> Outcome:
        """How the task ends."""
        faulthandler.cancel_dump_traceback_later()
        return Outcome(kind=kind, words=words, tick=self._last, process=self._process)


def _end(name: str, error: BaseException, supervisor: Any) -> NoReturn:
    """Says why, and ends this process, also where there is no memory left to say anything."""
    import ray

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LAST_WORDS)
    traceback.print_exc()
    sys.stderr.flush()
    words = " ".join(str(error).split())[:300]
    want = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in words
    told = ": ".join(part for part in ("out of memory" if want else type(error).__name__, words) if part)
    ray.wait([supervisor.broke.remote(name, told)], timeout=LAST_WORDS / 2)
    os._exit(1)


def _planned(
    batch: Batch, batches: Sequence[Batch], prepared: Prepared, reader: Reader, machines: Sequence[Machine]
) -> Planned:
    fitting, _ = applicable(batch.runs[0], prepared.measures)
    finished = not left_of(batch, reader, fitting)
    gpus = int(any(one.gpus for one in machines))
    most = max((one.cores for one in machines), default=1)
    cores = 1 if gpus else len(batch.runs)
    now = max(1, min(cores, most))
    memory = 0 if gpus or finished else _memory(batch, now, machines, lambda: demand(batch.runs, fitting))
    return Planned(
        name=batch.name,
        members=batch.members,
        after=parents(batch, prepared.runs, batches),
        finished=finished,
        cores=cores,
        gpus=gpus,
        memory=memory,
        tick=standing(reader, batch),
    )


def _derivation(batches: Sequence[Planned], machines: Sequence[Machine]) -> Planned:
    """What is computed of all networks together: after all batches, with a whole machine."""
    return Planned(
        name=DERIVATION,
        members=(),
        after=tuple(batch.name for batch in batches),
        finished=False,
        cores=max((one.cores for one in machines), default=1),
        gpus=int(any(one.gpus for one in machines)),
        memory=0,
        tick=Tick(done=0, trained=0, memorised=0, grokked=0, doing="measuring"),
    )


def _memory(batch: Batch, cores: int, machines: Sequence[Machine], exactly: Callable[[], int]) -> int:
    """Bytes to ask for.

    What a batch surely stays below will do where as many of them fit as there are cores for; else the compiler says.
    """
    shares = [one.memory // max(1, one.cores // cores) for one in machines if one.cores >= cores]
    ample = len(batch.runs) * generous(batch.runs[-1])
    return ample if all(ample <= share for share in shares) else exactly()
