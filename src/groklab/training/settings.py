"""A run: everything about the training of one network, as data."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from groklab.errors import Mistake
from groklab.models.settings import LinearSettings, MLPSettings, TransformerSettings
from groklab.settings import LATER, Settings, check_types
from groklab.tasks.samples import SamplesSettings
from groklab.tasks.sequences.settings import SequenceSettings
from groklab.tasks.settings import SplitSettings, TaskSettings
from groklab.training.intervention import Intervention

POINTS = 1_000_000
"""How often a run may be logged, or its weights kept."""


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings(Settings):
    """The optimiser. The defaults are those of both papers."""

    name: Literal["adamw", "adam", "sgd", "rmsprop", "adagrad", "lion"] = "adamw"
    """AdamW and Lion decouple weight decay from the gradient; all others add it to the gradient."""
    learning_rate: float = 1e-3
    """Step size after warm-up."""
    weight_decay: float = 1.0
    """Strength of the decay, on every parameter."""
    beta1: float = 0.9
    """Decay rate of the first moment of Adam and of Lion."""
    beta2: float = 0.98
    """Decay rate of the second moment of Adam and of RMSProp; of Lion, how fast it forgets its momentum."""
    eps: float = 1e-8
    """Added to the root of the second moment, or to Adagrad's sum."""
    momentum: float = 0.9
    """Momentum of SGD."""
    warmup: int = 10
    """Steps over which the learning rate rises linearly from 0; step s has rate lr * min(1, (s + 1) / warmup)."""
    cooldown: int = 0
    """Steps at the end over which the learning rate falls linearly to 0."""
    l1: float = 0.0
    """Strength of a penalty on the sum of absolute weights, added to the loss."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("learning_rate", "weight_decay", "eps", "l1", "warmup", "cooldown"):
            if not 0 <= getattr(self, name) <= float(np.finfo(np.float32).max):
                given = getattr(self, name)
                raise Mistake(f"optimiser.{name} must be 0 or more, and not beyond a float32's range, not {given}")
        for name in ("beta1", "beta2", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise Mistake(f"optimiser.{name} must be at least 0 and below 1, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Schedule(Settings):
    """At which steps something is done: geometrically early, evenly later, always at the first and the last."""

    every: int = 100
    """Steps between two, once the early ones have thinned out to that."""
    growth: float = 1.25
    """Ratio of consecutive early steps; 1 means no early ones."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.every < 1:
            raise Mistake(f"a schedule's every must be at least 1, not {self.every}")
        if self.growth < 1:
            raise Mistake(f"a schedule's growth must be at least 1, not {self.growth}")

    def steps(self, total: int) -> np.ndarray:
        """The steps, ascending, from 0 to `total` with both ends. Shape (steps,), int64."""
        chosen = {0, total}
        step = 1.0
        while self.growth > 1 and step * (self.growth - 1) < self.every and step < total:
            chosen.add(round(step))
            step = max(step * self.growth, step + 1)
        last = max((step for step in chosen if step < total), default=0)
        chosen.update(range(last - last % self.every + self.every, total, self.every))
        return np.array(sorted(chosen), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class StopSettings(Settings):
    """When a run ends before its last step. Decided at the ends of segments only."""

    converged: bool = False
    """Stop once converged: see `groklab.training.stopping`."""
    window: int = 1000
    """Steps over which convergence is judged."""
    tolerance: float = 0.01
    """Largest relative change of the sum of squared weights, and largest change of test accuracy, in the window."""
    after_grokking: int | None = None
    """Stop once this many steps have passed since the run grokked; nothing means that grokking ends no run."""
    seconds: float | None = None
    """Wall-clock budget of the batch in seconds; what is reached then is kept."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.window < 1 or self.tolerance <= 0:
            raise Mistake(
                f"stop takes a window of at least 1 step and a tolerance above 0, not {self.window}, {self.tolerance}"
            )
        if self.after_grokking is not None and self.after_grokking < 0:
            raise Mistake(f"stop.after_grokking must be 0 or more steps, not {self.after_grokking}")
        if self.seconds is not None and self.seconds <= 0:
            raise Mistake(f"stop.seconds must be above 0, not {self.seconds}")


@dataclass(frozen=True, kw_only=True)
class Run(Settings):
    """Everything about one network: what it learns, what it is, how it is trained, what is kept of it."""

    task: TaskSettings | SequenceSettings | SamplesSettings = field(default_factory=TaskSettings)
    """What is learned: an operation's table, a sequence task, or the linear model's samples."""
    split: SplitSettings = field(default_factory=lambda: SplitSettings(fraction=0.3))
    """Which examples are trained on; of it a sequence task and samples read the seed alone."""
    model: TransformerSettings | MLPSettings | LinearSettings = field(default_factory=TransformerSettings)
    """What learns it."""
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    """How the weights move."""
    loss: Literal["margin", "log_softmax"] = "margin"
    """The cross-entropy's form: log1p of summed margins, or the usual one with its float32 cancellation."""
    batch_size: int | None = None
    """Examples a step, drawn without replacement, or anew where data are unlimited; nothing means the full batch."""
    dropout: float = 0.0
    """Probability of dropping a neuron, an attention output or an embedding during training."""
    seed: int = 0
    """Seed of the initial weights, and of everything drawn later."""
    steps: int = 40_000
    """Optimiser steps at most."""
    start: "Run | None" = None
    """The run whose final weights this one starts from, with a fresh optimiser; nothing means random weights."""
    logging: Schedule = field(default_factory=Schedule)
    """When it is measured."""
    checkpoints: Schedule = field(default_factory=lambda: Schedule(every=1000, growth=2.0))
    """When its weights are kept."""
    stop: StopSettings = field(default_factory=StopSettings)
    """When it may end early."""
    key_frequencies: str = "final"
    """Which frequencies restricted and excluded logits refer to: `final`, those of the last network kept; `own`, those
    of each network measured; or frequencies with spaces between, such as `14 35 41`."""
    extra_measures: tuple[str, ...] = field(default=(), metadata=LATER)
    """Measures taken of the kept networks besides the usual ones: those that cost as much as training."""
    intervention: Intervention | None = field(default=None, metadata=LATER)
    """What is changed in the middle of training; nothing means that nothing is."""

    def __post_init__(self) -> None:
        check_types(self)
        if not 0 <= self.steps < 2**31:
            raise Mistake(f"steps must be from 0 to 2^31 - 1, not {self.steps}")
        for name, schedule in (("logging", self.logging), ("checkpoints", self.checkpoints)):
            if self.steps // schedule.every > POINTS:
                given = f"{name}.every {schedule.every} over {self.steps:,} steps"
                raise Mistake(f"{given} is more than {POINTS:,} times; raise it to {self.steps // POINTS + 1} or more")
        if self.seed < 0 or self.seed >= 2**32:
            raise Mistake(f"seed must be from 0 to 2^32 - 1, not {self.seed}")
        if self.batch_size is not None and self.batch_size < 1:
            raise Mistake(f"batch_size must be at least 1, not {self.batch_size}")
        if not self.key_frequencies.strip():
            raise Mistake("key_frequencies takes final, own, or frequencies with spaces between; nothing was given")
        if not 0 <= self.dropout < 1:
            raise Mistake(f"dropout must be at least 0 and below 1, not {self.dropout}")
        if self.start is not None and self.start.model != self.model:
            raise Mistake("a run can start only from a run of the same model; start.model and model differ")
        if self.intervention is not None:
            self._check_intervention(self.intervention)

    def _check_intervention(self, intervention: Intervention) -> None:
        if isinstance(intervention.at, int) and intervention.at >= self.steps:
            raise Mistake(f"intervention.at must be below the run's {self.steps:,} steps, not {intervention.at:,}")
        if intervention.change == "order" and not getattr(self.model, "d_mlp", 0):
            raise Mistake("intervention.change order needs neurons to sum over, and the model has none; give another")

    @property
    def reference(self) -> "Run | None":
        """The same run without its intervention; nothing where it has none."""
        return None if self.intervention is None else dataclasses.replace(self, intervention=None)

    @property
    def parents(self) -> tuple["Run", ...]:
        """The runs that must have ended before this one can begin: the one it starts from, and its reference."""
        return tuple(run for run in (self.start, self.reference) if run is not None)

    @property
    def table(self) -> TaskSettings:
        """The operation that is learned. Raises `Mistake` where what is learned is no operation's table."""
        if not isinstance(self.task, TaskSettings):
            raise Mistake(f"{self.task.name} is no operation's table; this asks for a run of an operation")
        return self.task

    @property
    def data_seed(self) -> int:
        """The seed of the split: its own, or the run's."""
        return self.split.seed if self.split.seed is not None else self.seed
