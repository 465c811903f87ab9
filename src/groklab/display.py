"""What is seen of a running study: a live bar on a terminal, a plain line now and then elsewhere."""

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from groklab.engines.progress import Progress
from groklab.findings.words import duration

WINDOW = 20.0
"""Seconds over which the speed is averaged."""


class Display:
    """Watches a study: call it with each `Progress`, inside a `with` block. Writes to standard error only.

    Nothing is written for work that takes less than `patience` seconds. Then, on a terminal, a bar that is
    redrawn four times a second; elsewhere, and on a terminal that cannot move its cursor, a plain line every
    `every` seconds and one at the end. `last` is the latest `Progress`, or None before the first. `title` stands
    before everything that is written.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        title: str = "",
        patience: float = 2.0,
        every: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.last: Progress | None = None
        self._title = f"{title}: " if title else ""
        self._console = console or Console(stderr=True, highlight=False)
        self._moves = self._console.is_terminal and not self._console.is_dumb_terminal
        self._patience, self._every, self._clock = patience, every, clock
        self._begun = clock()
        self._samples: deque[tuple[float, int]] = deque()
        self._over = threading.Event()
        self._live: Live | None = None
        self._lines = False
        self._thread = threading.Thread(target=self._keep_showing, name="groklab display", daemon=True)

    def __enter__(self) -> Self:
        self._begun = self._clock()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._live is not None:
            self._live.stop()
        if (self._live is not None or self._lines) and self.last is not None:
            took = duration(self._clock() - self._begun)
            line = f"{self._title}{self._counts(self.last)} · {took} in all"
            self._console.print(Text(line), soft_wrap=True)

    def __call__(self, progress: Progress) -> None:
        """Takes note of how far the study is."""
        self.last = progress
        if progress.doing in ("training", "committing"):
            now = self._clock()
            self._samples.append((now, progress.trained))
            while len(self._samples) > 2 and now - self._samples[0][0] > WINDOW:
                self._samples.popleft()

    @property
    def speed(self) -> float | None:
        """Run-steps a second over the last `WINDOW` seconds of training; None before it can be known."""
        samples = list(self._samples)
        if len(samples) < 2 or samples[-1][1] <= samples[0][1]:
            return None
        seconds = samples[-1][0] - samples[0][0]
        return (samples[-1][1] - samples[0][1]) / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at the present speed; None before it can be known."""
        if self.speed is None or self.last is None:
            return None
        return (self.last.total - self.last.done) / self.speed

    def _keep_showing(self) -> None:
        # A thread, because a compilation says nothing while it lasts.
        wait = self._patience
        while not self._over.wait(wait):
            if self._moves:
                self._live = Live(
                    get_renderable=self._bar,
                    console=self._console,
                    refresh_per_second=4,
                    transient=True,
                    redirect_stdout=False,
                )
                self._live.start()
                return
            self._print_line()
            wait = self._every

    def _bar(self) -> Group:
        last = self.last
        row = Table.grid(padding=(0, 2), expand=True)
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True, justify="right")
        if last is None:
            row.add_row(f"{self._title}starting", ProgressBar(total=None, pulse=True), self._pace())
            return Group(row)
        row.add_row(
            f"{self._title}{_doing(last)}", ProgressBar(total=max(last.total, 1), completed=last.done), self._pace()
        )
        return Group(row, Text(self._counts(last)))

    def _pace(self) -> str:
        speed, left = self.speed, self.seconds_left
        if speed is None or left is None or (self.last and self.last.doing == "measuring"):
            return f"{duration(self._clock() - self._begun)} so far"
        return f"{speed:,.0f} steps/s  {duration(left)} left"

    @staticmethod
    def _counts(last: Progress) -> str:
        share = f"{last.done:,} of {last.total:,} run-steps"
        return f"{share} · memorised {last.memorised} of {last.runs} · grokked {last.grokked} of {last.runs}"

    def _print_line(self) -> None:
        self._lines = True
        last = self.last
        words = f"{_doing(last)}: {self._counts(last)} · {self._pace()}" if last else "starting"
        self._console.print(Text(self._title + words), soft_wrap=True)


def _doing(last: Progress) -> str:
    """What is going on, in words; whoever is waited for with it."""
    return f"{last.doing} for {last.holder}" if last.holder else last.doing
