"""TensorBoard's event files: a folder a run, an event a logged step."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groklab.training.settings import Run

COMPARED = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
"""The scalars that stand beside the settings in the table of runs."""


@dataclass(frozen=True, kw_only=True)
class TensorBoard:
    """Curves in files `folder/run-0003/events.out.tfevents...`, which TensorBoard shows; tensorboardX writes them."""

    folder: Path
    """What `tensorboard --logdir` is given."""
    name: str = "tensorboard"
    """What a warning calls it."""

    def open(self, number: int, run: Run) -> "EventFile":
        """A new file for a run, with its settings, in place of those of earlier sessions."""
        folder = self.folder / f"run-{number:04}"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        return EventFile(folder, run)


class EventFile:
    """The event file of one run. A step is one record, so that it is there whole or not at all."""

    def __init__(self, folder: Path, run: Run) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2, summary_pb2
        from tensorboardX.summary import hparams

        # Their classes are made when they are imported, unseen by a type checker.
        self._events: Any = event_pb2
        self._summaries: Any = summary_pb2
        self._writer: Any = EventsWriter(str(folder / "events"))
        # A TensorBoard that is open meanwhile forgets what it read of the files before.
        begun = self._events.SessionLog(status=self._events.SessionLog.START)
        self._writer.write_event(self._events.Event(wall_time=time.time(), session_log=begun))
        for summary in hparams(_settings(run), dict.fromkeys(COMPARED, 0)):
            self._writer.write_event(self._events.Event(wall_time=time.time(), summary=summary))
        self._writer.flush()

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """One event with all scalars of a step."""
        values = [self._summaries.Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        summary = self._summaries.Summary(value=values)
        self._writer.write_event(self._events.Event(wall_time=time.time(), step=step, summary=summary))

    def flush(self) -> None:
        """To the disk."""
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()


def _settings(run: Run) -> dict[str, str | float | bool]:
    """A run's settings as what TensorBoard's table takes: numbers, words, yes and no."""
    given = {name: value for name, value in run.flat().items() if value is not None}
    return {name: value if isinstance(value, str | int | float) else str(value) for name, value in given.items()}
