"""What the batches of a study tell, added up into its progress."""

from collections.abc import Callable, Sequence

from groklab.engines.progress import Progress, Watch
from groklab.training import Batch, Doing, Tick


class Teller:
    """Adds up the ticks of a study's batches, and tells them to a watcher."""

    def __init__(self, batches: Sequence[Batch], watch: Watch) -> None:
        self._watch = watch
        self._total = sum(run.steps for batch in batches for run in batch.runs)
        self._runs = sum(len(batch.runs) for batch in batches)
        self._ticks: dict[str, Tick] = {}

    def batch(self, batch: Batch) -> Callable[[Tick], None]:
        """The watcher of one batch."""

        def told(tick: Tick) -> None:
            self.stands(batch, tick)
            self._watch(self.progress(tick.doing))

        return told

    def stands(self, batch: Batch, tick: Tick) -> None:
        """Takes note of how far a batch is."""
        self._ticks[batch.name] = tick

    def derives(self) -> None:
        """Tells that something is computed of the networks together."""
        self._watch(self.progress("measuring"))

    def waits(self, holder: str) -> None:
        """Tells that all that is left is in the hands of others."""
        self._watch(self.progress("waiting", holder))

    def progress(self, doing: Doing, holder: str = "") -> Progress:
        """How far the study is."""
        ticks = self._ticks.values()
        return Progress(
            done=sum(tick.done for tick in ticks),
            total=self._total,
            trained=sum(tick.trained for tick in ticks),
            runs=self._runs,
            memorised=sum(tick.memorised for tick in ticks),
            grokked=sum(tick.grokked for tick in ticks),
            doing=doing,
            holder=holder,
        )
