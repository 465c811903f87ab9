"""When a run ends, decided from what was measured, and the sentence that says how it ended.

A run has **converged** at a step when, over the last `window` steps, every measured sum of squared weights lies
within a share `tolerance` of the last one, every test accuracy within `tolerance` of the last one, and the train
accuracy is 1 throughout. It is decided at the steps of the checkpoint schedule only, which depend on settings
alone, so that an interrupted run decides as an uninterrupted one; and the final weights are always kept.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from groklab.training.changing import Fork
from groklab.training.milestones import grokked, memorised
from groklab.training.settings import Run
from groklab.training.status import Status


def converged(run: Run, steps: Int[np.ndarray, "step"], history: dict[str, Float[np.ndarray, "step"]]) -> bool:
    """Whether a run has converged at the last of `steps`; `history` has its measures at them."""
    if not run.stop.converged or steps[-1] < run.stop.window:
        return False
    recent = steps >= steps[-1] - run.stop.window
    squares, accuracy = history["sum_of_squares"][recent], history["test_accuracy"][recent]
    steady = np.all(np.abs(squares - squares[-1]) <= run.stop.tolerance * squares[-1])
    settled = np.all(np.abs(accuracy - accuracy[-1]) <= run.stop.tolerance) | np.all(np.isnan(accuracy))
    return bool(steady and settled and np.all(memorised(history["train_accuracy"][recent])))


def ending(
    run: Run,
    steps: Int[np.ndarray, "step"],
    history: dict[str, Float[np.ndarray, "step"]],
    *,
    diverged: int,
    out_of_time: bool,
    fork: Fork | None = None,
) -> Status:
    """How a run stands at the last of `steps`, `running` when it is to go on.

    `diverged` is the step at which it diverged, or -1; `out_of_time` says that the batch's seconds are spent. `fork`
    is that of a run with an intervention: one that cannot be made ends the run at once, as it would be its reference.
    """
    last = int(steps[-1])
    if fork is None or run.intervention is None:
        return _ending(run, steps, history, diverged, out_of_time)
    if fork.step is None:
        sentence = f"not forked, so not trained ({run.intervention.words}): {fork.reason}"
        return Status(state="finished", step=last, sentence=sentence)
    status = _ending(run, steps, history, diverged, out_of_time)
    if last < fork.step:
        return status
    sentence = f"{run.intervention.words} at step {fork.step:,}; {status.sentence}"
    return dataclasses.replace(status, sentence=sentence, changed=fork.step)


def _ending(
    run: Run,
    steps: Int[np.ndarray, "step"],
    history: dict[str, Float[np.ndarray, "step"]],
    diverged: int,
    out_of_time: bool,
) -> Status:
    last = int(steps[-1])
    if diverged >= 0:
        sentence = f"diverged at step {diverged:,}: the loss or its gradient was not finite"
        return Status(state="diverged", step=diverged, sentence=sentence)
    words = _in_words(steps, history)
    if last >= run.steps:
        return Status(state="finished", step=last, sentence=f"{words} within {last:,} steps")
    if converged(run, steps, history):
        return Status(state="converged", step=last, sentence=f"{words}; converged at step {last:,}")
    if _long_since_grokked(run, steps, history):
        return Status(state="finished", step=last, sentence=f"{words}; stopped at step {last:,}, as asked")
    if out_of_time:
        return Status(state="out of time", step=last, sentence=f"{words} in the time given; stopped at step {last:,}")
    return Status(state="running", step=last, sentence=f"{words} so far, at step {last:,} of {run.steps:,}")


def _long_since_grokked(
    run: Run, steps: Int[np.ndarray, "step"], history: dict[str, Float[np.ndarray, "step"]]
) -> bool:
    reached = grokked(history["test_accuracy"])
    wait = run.stop.after_grokking
    return wait is not None and bool(reached.any()) and bool(steps[-1] - steps[reached.argmax()] >= wait)


def _in_words(steps: Int[np.ndarray, "step"], history: dict[str, Float[np.ndarray, "step"]]) -> str:
    """Whether the run has memorised and grokked, and when."""
    if grokked(history["test_accuracy"]).any():
        return f"grokked at step {steps[grokked(history['test_accuracy']).argmax()]:,}"
    if memorised(history["train_accuracy"]).any():
        return f"memorised at step {steps[memorised(history['train_accuracy']).argmax()]:,}, not grokked"
    return "not memorised, not grokked"
