"""Weights & Biases: offline unless its user's own environment says otherwise."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from groklab.training.settings import Run

if TYPE_CHECKING:
    import wandb


def _mode() -> str:
    return os.environ.get("WANDB_MODE") or "offline"


def _project() -> str:
    return os.environ.get("WANDB_PROJECT") or "groklab"


@dataclass(frozen=True, kw_only=True)
class WandB:
    """Curves in offline runs `folder/wandb/offline-run-...`, for `wandb sync` whenever and wherever one likes.

    Where `WANDB_MODE` is set, its mode is taken instead; a run that is sent at once goes on where its server says.
    """

    folder: Path
    """What holds the folder `wandb`."""
    store: str
    """The store's place: runs of different stores stay apart by it."""
    study: str
    """The study, by which runs are grouped."""
    mode: str = field(default_factory=_mode)
    """`offline`, or what `WANDB_MODE` says."""
    project: str = field(default_factory=_project)
    """The project, as `WANDB_PROJECT` says."""
    name: str = "wandb"
    """What a warning calls it."""

    def identifier(self, number: int, run: Run) -> str:
        """The run's identifier in its project: that of the same run in the same store is always the same."""
        return sha256(f"{self.store} {number} {run.digest}".encode()).hexdigest()[:12]

    def open(self, number: int, run: Run) -> "LoggedRun":
        """A new offline run with the run's settings, in place of those of earlier sessions."""
        offline, identifier = self.mode in ("offline", "dryrun"), self.identifier(number, run)
        if offline:
            for old in (self.folder / "wandb").glob(f"offline-run-*-{identifier}"):
                shutil.rmtree(old)
            # Offline also means that the library does not report its own errors to its makers.
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        # A silent library asks for no login either: without one it raises.
        wandb.setup(settings=wandb.Settings(silent=True))
        self.folder.mkdir(parents=True, exist_ok=True)
        opened = wandb.init(
            project=self.project,
            group=self.study,
            name=f"run-{number:04}",
            id=identifier,
            dir=self.folder,
            config=run.flat(),
            mode=self.mode,  # pyright: ignore[reportArgumentType]
            resume=None if offline else "allow",
            reinit="create_new",
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,
                label_disable=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
            ),
        )
        opened.define_metric("step")
        opened.define_metric("*", step_metric="step")
        return LoggedRun(opened)


class LoggedRun:
    """One run of Weights & Biases: a row a step, in the order they come."""

    def __init__(self, run: "wandb.Run") -> None:
        self._run = run
        self._there = run.step if run.resumed else 0

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """One row, unless its server has it already: it counts those it has, and they come in the same order again."""
        if self._there:
            self._there -= 1
        else:
            self._run.log({"step": step, **scalars})

    def flush(self) -> None:
        """Rows are handed to the library's own process at once."""

    def close(self) -> None:
        """Ends the run, when all of it is written."""
        self._run.finish()
