"""Networks of one circuit each as points of size, logit and norm, and the lines through them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from groklab.errors import Mistake
from groklab.studies.reading import Reading
from groklab.studies.varma._ends import GENERALISES, LEARNT, ends, norm, sizes
from groklab.theory.critical_size import CriticalSize, Points, critical_size
from groklab.training.settings import Run

Strength = Literal["correct logit", "margin"]
STRENGTHS: tuple[Strength, ...] = ("correct logit", "margin")
READS = ("train_accuracy", "train_margin", "sum_of_squares", "trig_share", "gen_logit", "mem_logit")


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network that is all Gen or all Mem, at convergence."""

    run: Run
    gen: bool
    """Whether it generalises; the others memorise random labels."""
    size: float
    """Pairs that it is trained on."""
    norm: float
    """Parameter norm."""
    logit: float
    """Mean logit of the label over the train pairs: the paper's measure."""
    margin: float
    """Mean over the train pairs of the label's logit minus the largest other one."""

    def strength(self, kind: Strength) -> float:
        """Its logit or its margin."""
        return self.logit if kind == "correct logit" else self.margin


def networks(read: Reading, runs: Sequence[int]) -> list[Network]:
    """Those of the runs that are of one circuit: random labels learnt, or logits trigonometric to 95% of the norm.

    The label's mean logit is the sum of the two parts that `gen_logit` and `mem_logit` give; under random labels Gen's
    part at the label is left out, which is one of the chances among P.
    """
    learnt = ends(read, "train_accuracy") > LEARNT
    share, at, weight = ends(read, "trig_share"), sizes(read), norm(read)
    general, memory, margin = (ends(read, name) for name in ("gen_logit", "mem_logit", "train_margin"))
    found: list[Network] = []
    for number in runs:
        run = read.runs[number]
        gen = run.split.labels == "true"
        if learnt[number] and (not gen or share[number] > GENERALISES):
            logit = memory[number] + (general[number] if gen else 0.0)
            values = {"size": at[number], "norm": weight[number], "logit": logit, "margin": margin[number]}
            found.append(Network(run=run, gen=gen, **{name: float(value) for name, value in values.items()}))
    return found


def crossing(of: Sequence[Network], kind: Strength) -> CriticalSize | None:
    """Both lines and where they cross, compared at the middle of what both kinds reach; nothing where they have none.

    Where they reach nothing in common they are compared at the geometric mean of their medians, beyond what one of
    them reaches. Networks whose logit is not above 0 are left out, as its logarithm is fitted.
    """
    known = [one for one in of if one.strength(kind) > 0]
    gen = np.array([one.gen for one in known], dtype=bool)
    value = np.array([one.strength(kind) for one in known])
    if not gen.any() or gen.all():
        return None
    points = Points(
        size=np.array([one.size for one in known]),
        logit=value,
        norm=np.array([one.norm for one in known]),
        gen=gen,
        seed=np.array([one.run.seed for one in known]),
    )
    overlap = max(value[gen].min(), value[~gen].min()) <= min(value[gen].max(), value[~gen].max())
    at = None if overlap else math.sqrt(float(np.median(value[gen]) * np.median(value[~gen])))
    try:
        return critical_size(points, at=at, draws=500)
    except Mistake:
        return None
