"""Contestants taken in turns, so that whatever else the machine does meets all of them alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from groklab.errors import Mistake

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
TORCH = ("reference", "lens")
"""Kinds that need PyTorch."""


@dataclass(kw_only=True)
class Entry:
    """A contestant: what it is, and what was measured."""

    name: str
    spec: dict[str, Any]
    told: dict[str, Any] = field(default_factory=dict[str, Any])
    """Predicted memory, operations of a step, seconds of its first step, steps in a turn, peak memory."""
    raced: bool = True
    """Whether it takes part in the race, and not only gives its curve."""
    curve: int = 0
    """Steps of which the train loss is wanted before the race."""
    losses: list[float] = field(default_factory=list[float])
    """The train loss before each of them."""
    seconds: list[float] = field(default_factory=list[float])
    """Seconds a step, one number a round."""


class Process:
    """A contestant's process. Raises `Mistake` when it ends without an answer."""

    def __init__(self, entry: Entry, python: str) -> None:
        self.entry = entry
        needs_torch = entry.spec["kind"] in TORCH or entry.spec.get("library") == "torch"
        self.process = subprocess.Popen(
            [python if needs_torch else sys.executable, "-m", "groklab.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | (ONE_THREAD if entry.spec.get("cores") == 1 else {}),
        )
        self._send(entry.spec)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """The answer to one question."""
        self._send({"do": do, **more})
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            raise Mistake(f"{self.entry.name} could not be measured: {answer['error']}")
        return answer

    def _send(self, question: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass


def race(entries: Sequence[Entry], *, rounds: int, seconds: float, python: str, say: Callable[[str], None]) -> None:
    """Fills the entries: every round each of them takes steps for about `seconds`, in an order that turns.

    `python` is the interpreter that has PyTorch. A process that was started waits without using a core. A contestant
    that cannot be measured gets an `error` in its `told`, and the others go on.
    """
    with ExitStack() as stack:
        started = [stack.enter_context(Process(entry, python)) for entry in entries]
        processes: list[Process] = []
        for process in started:
            say(f"warming up: {process.entry.name}")
            try:
                process.entry.told |= process.answer()
                if process.entry.curve:
                    process.entry.losses = process.ask("losses", count=process.entry.curve)["losses"]
                if process.entry.raced:
                    process.entry.told |= process.ask("warm", seconds=seconds)
                    processes.append(process)
            except Mistake as mistake:
                say(str(mistake))
                process.entry.told["error"] = str(mistake)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            turn = number % max(len(processes), 1)
            for process in processes[turn:] + processes[:turn]:
                process.entry.seconds.append(process.ask("time")["seconds"])
        for process in processes:
            process.entry.told |= process.ask("memory")
