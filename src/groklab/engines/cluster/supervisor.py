"""The actor that sees a study through on a cluster: it plans from the store, and owns the tasks."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray import exceptions

from groklab.engines.cluster import calls
from groklab.engines.cluster.job import DERIVATION, Job, Outcome, Over, Plan, Planned, Report
from groklab.engines.cluster.machines import Machine, fits, fitted, machines
from groklab.engines.progress import Progress
from groklab.engines.standing import committed
from groklab.errors import StoreError
from groklab.store import Reader
from groklab.training.sink import Doing, Tick

PAUSES = (1.0, 5.0, 20.0, 60.0)
"""Seconds before a batch that the store refused is tried again; then it is given up, unless it has committed since."""
LOOKING = 2.0
"""Seconds before the second look at a batch that is in other hands; each later one waits twice as long."""
SELDOM = 30.0
"""Seconds between two such looks at most."""
SURVEYING = 5.0
"""Seconds between two looks at the machines that there are."""
LINGERING = 10.0
"""Seconds without a word after which a driver is taken for gone; it has as long to hear how the work ended."""


@dataclass(kw_only=True)
class _Batch:
    """A batch in work."""

    planned: Planned
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is finished, or given up."""
    task: Any = None
    """Its task, while there is one."""
    needs: tuple[int, int, int] = (0, 0, 0)
    """The cores, accelerators and bytes that were asked for it."""
    tick: Tick
    """How far it is."""
    trained: dict[str, int] = field(default_factory=dict[str, int])
    """Run-steps that each process has taken."""
    broke: str = ""
    """Why its last process ended itself."""
    holder: str = ""
    """In whose hands it is, where these are others'."""
    given_up: str = ""
    """Why it was given up."""


class Supervisor:
    """Sees a job through, one task a batch, parents before children. A Ray actor, begun anew by Ray where it is lost.

    What it knows beside the job is in the store, so that it begins by planning what is unfinished. A lost task is
    submitted anew, `calls.RETRIES` times, and goes on from the last commit each time. A batch whose task is lost once
    more without a commit in between is given up, with those that start from it, and all others go on. The actor ends
    itself once the work is over and every driver has heard of it.
    """

    async def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self._job = Job.unpacked(pieces)
        self._batches: dict[str, _Batch] = {}
        self._plan: Plan | None = None
        self._planning: Any = None
        self._doing: Doing = "compiling"
        self._over: Over = ""
        self._words = ""
        self._stopping = False
        self._drivers: dict[str, float] = {}
        self._known: tuple[Machine, ...] = ()
        self._waiting: set[str] = set()
        self._stopped: Over = ""
        self._work = asyncio.get_running_loop().create_task(self._see_through())

    async def terms(self) -> dict[str, object]:
        """What it works on; see `Job.terms`."""
        return self._job.terms

    async def report(self, driver: str) -> Report:
        """How far the work is; `driver` is who asks."""
        if self._over:
            self._drivers.pop(driver, None)
        else:
            self._drivers[driver] = time.monotonic()
        return Report(
            progress=self._progress(),
            over=self._over,
            words=self._words,
            cautions=(*(() if self._plan is None else self._plan.cautions), *sorted(self._waiting)),
            given_up=tuple(f"{one.planned.words}: {one.given_up}" for one in self._batches.values() if one.given_up),
        )

    async def tell(self, name: str, process: str, tick: Tick) -> None:
        """Takes note of how far a batch is in a process."""
        if name in self._batches:
            batch = self._batches[name]
            batch.tick, batch.holder, self._doing = tick, "", tick.doing
            batch.trained[process] = tick.trained

    async def broke(self, name: str, words: str) -> None:
        """Takes note of why the process of a batch will end itself."""
        if name in self._batches:
            self._batches[name].broke = words

    async def cancel(self) -> None:
        """Has all tasks commit and end, and begins no more."""
        self._stopping = True
        for task in [self._planning, *(batch.task for batch in self._batches.values())]:
            if task is not None:
                ray.cancel(task, force=False, recursive=False)

    async def _see_through(self) -> None:
        try:
            await self._train_all()
            self._over = self._stopped or ("interrupted" if self._stopping else "done")
        except Exception as error:
            one = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            self._over, self._words = "failed", f"{type(one).__name__}: {calls.first_line(one)}"
        await self._leave()

    async def _train_all(self) -> None:
        plan = await self._planned()
        if plan is None:
            return
        self._batches = {one.name: _Batch(planned=one, tick=one.tick) for one in plan.batches}
        self._plan = plan
        surveying = asyncio.get_running_loop().create_task(self._survey())
        try:
            async with asyncio.TaskGroup() as group:
                for batch in self._batches.values():
                    group.create_task(self._see_to(batch))
        finally:
            surveying.cancel()

    async def _survey(self) -> None:
        """Looks at the machines now and then: a task that fits none of them any more is made to fit, or waits."""
        while True:
            await asyncio.sleep(SURVEYING)
            try:
                living = await asyncio.to_thread(machines)
            except exceptions.RayError:
                continue
            if any(one.cores for one in living):
                self._known = living
            for batch in self._batches.values():
                if batch.task is not None and not fits(living, *batch.needs):
                    if self._needs(batch.planned) != batch.needs:
                        ray.cancel(batch.task, force=False, recursive=False)
                    else:
                        self._waiting.add(_waiting(*batch.needs))

    def _needs(self, planned: Planned) -> tuple[int, int, int]:
        """The cores, accelerators and bytes to ask for, of machines as they are."""
        cores, memory = fitted(self._known, planned.cores, planned.gpus, planned.memory)
        return cores, planned.gpus, memory

    async def _planned(self) -> Plan | None:
        """The plan, made by a task where batches will be trained; nothing where that shows that nothing can be."""
        known = await self._found()
        if self._stopping:
            return None
        gpus = int(any(machine.gpus for machine in known))
        self._planning = calls.task(calls.plan, "planning", cores=1, gpus=gpus).remote(self._pieces, known)
        try:
            found = await self._planning
        except exceptions.TaskCancelledError:
            return None
        except exceptions.RayError as error:
            await self._stop("failed", f"the planning failed: {calls.why_lost(error)}")
            return None
        finally:
            self._planning = None
        if isinstance(found, Outcome):
            await self._stop("refused" if found.kind == "refused" else "mistake", found.words)
            return None
        return found

    async def _found(self) -> tuple[Machine, ...]:
        """The machines, once some of them has cores. A task that asks for one has a cluster grow that can."""
        asking: Any = None
        while not self._stopping:
            self._known = machines()
            if any(one.cores for one in self._known):
                break
            if asking is None:
                asking = calls.task(calls.warm, "warming up", cores=1).remote()
                self._waiting.add(_waiting(1, 0, 0))
            await self._pause(LOOKING)
        return self._known

    async def _see_to(self, batch: _Batch) -> None:
        """Sees one batch through to its end, or gives it up; everything stops where its store cannot be read."""
        try:
            await self._finish(batch)
        except StoreError as refused:
            await self._stop("refused", str(refused))
        finally:
            batch.over.set()

    async def _finish(self, batch: _Batch) -> None:
        for parent in batch.planned.after:
            await self._batches[parent].over.wait()
            if self._batches[parent].given_up:
                if batch.planned.name == DERIVATION:
                    # No more than is said of the batches.
                    return
                batch.given_up = f"needs {self._batches[parent].planned.words} first"
        refused = lost = 0
        looking = LOOKING
        while not (batch.planned.finished or batch.given_up or self._stopping):
            before = await self._committed(batch)
            if self._stopping:
                # Whoever stops everything ends the tasks that there are; this one would not hear of it.
                break
            outcome = await self._trained(batch)
            if outcome.tick is not None:
                await self.tell(batch.planned.name, outcome.process, outcome.tick)
            if outcome.kind == "done":
                break
            if outcome.kind == "mistake":
                await self._stop("mistake", outcome.words)
            elif outcome.kind == "lost":
                lost = 1 if await self._committed(batch) > before else lost + 1
                if lost > calls.RETRIES:
                    batch.given_up = f"{outcome.words} ({lost} times, without a commit in between)"
            elif outcome.kind in ("taken", "interrupted"):
                # Interrupted by others, where it was not told to stop: its machine is being shut down, say.
                batch.holder = outcome.words
                looking = LOOKING if await self._committed(batch) > before else looking
                await self._pause(looking)
                looking = min(2 * looking, SELDOM)
            else:
                refused = 0 if await self._committed(batch) > before else refused
                if refused == len(PAUSES):
                    batch.given_up = outcome.words
                else:
                    await self._pause(PAUSES[refused])
                refused += 1

    async def _stop(self, over: Over, words: str) -> None:
        """Has everything commit and end, because nothing can go on."""
        if not self._stopped:
            self._stopped, self._words = over, words
        await self.cancel()

    async def _trained(self, batch: _Batch) -> Outcome:
        """How a task for the batch ended."""
        name, me = batch.planned.name, ray.get_runtime_context().current_actor
        batch.broke = ""
        cores, gpus, memory = batch.needs = self._needs(batch.planned)
        task = calls.task(calls.train, name, cores=cores, gpus=gpus, memory=memory)
        batch.task = task.remote(self._pieces, name, cores, me)
        try:
            outcome: Outcome = await batch.task
        except exceptions.TaskCancelledError:
            return Outcome(kind="interrupted")
        except exceptions.RayError as error:
            outcome = Outcome(kind="lost", words=calls.why_lost(error))
        finally:
            batch.task = None
        return replace(outcome, words=batch.broke or outcome.words) if outcome.kind == "lost" else outcome

    async def _committed(self, batch: _Batch) -> int:
        """The step that a batch has committed last. Raises `StoreError` for a store that cannot be read for long."""
        for seconds in PAUSES:
            try:
                return await asyncio.to_thread(lambda: committed(Reader(self._job.place), batch.planned.name))
            except StoreError:
                await self._pause(seconds)
        return await asyncio.to_thread(lambda: committed(Reader(self._job.place), batch.planned.name))

    async def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stopping:
            await asyncio.sleep(0.1)

    def _progress(self) -> Progress | None:
        if self._plan is None:
            return None
        batches = self._batches.values()
        working = [batch for batch in batches if not (batch.planned.finished or batch.over.is_set())]
        holders = [batch.holder for batch in working if batch.holder]
        waiting = bool(holders) and not any(batch.task is not None for batch in working)
        return Progress(
            done=sum(batch.tick.done for batch in batches),
            total=self._plan.total,
            trained=sum(sum(batch.trained.values()) for batch in batches),
            runs=self._plan.runs,
            memorised=sum(batch.tick.memorised for batch in batches),
            grokked=sum(batch.tick.grokked for batch in batches),
            doing="waiting" if waiting else self._doing,
            holder=holders[0] if waiting else "",
        )

    async def _leave(self) -> None:
        """Ends this actor for good once every driver has heard how the work ended, or is gone."""
        ended = time.monotonic()
        while time.monotonic() < ended + LINGERING:
            self._drivers = {who: when for who, when in self._drivers.items() if time.monotonic() < when + LINGERING}
            if not self._drivers:
                break
            await asyncio.sleep(0.1)
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


def _waiting(cores: int, gpus: int, memory: int) -> str:
    """The caution that a task waits for a machine that is large enough."""
    needs = [f"{cores} core{'s' * (cores > 1)}"]
    needs += [f"{gpus} GPU{'s' * (gpus > 1)}"] * (gpus > 0) + [f"{memory / 2**30:.1f} GiB of memory"] * (memory > 0)
    return f"no machine of the cluster has {' and '.join(needs)}, which is waited for; see `ray status`"
