"""The published numbers of the main run, and ours beside them.

Nanda et al. 2023 (arXiv 2301.05217), one network at P = 113 after 40,000 epochs: sections 4.1 to 4.4, Tables 1
and 2, appendix C.1. Ours are the mean over networks, the range in brackets, and how many networks there are.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from groklab.circuits.circuit import Circuit

Reading = Callable[[Circuit], Sequence[float]]


@dataclass(frozen=True)
class Row:
    """One line of the table of numbers."""

    what: str
    """What was measured."""
    published: str
    """The paper's number, as printed."""
    read: Reading
    """The same out of a circuit; several values are several directions, heads or frequencies."""
    share: bool = False
    """Whether the values are shares, shown in per cent."""


def _loss(name: str) -> Reading:
    def read(circuit: Circuit) -> Sequence[float]:
        ablation = circuit.ablation(name)
        return [] if ablation is None else [ablation.score.loss]

    return read


def _single(name: str) -> Reading:
    def read(circuit: Circuit) -> Sequence[float]:
        used = circuit.key.used if circuit.key is not None else ()
        return [value for k in used for value in _loss(f"{name}_{k}")(circuit)]

    return read


def _neurons(read: Callable[[Circuit], float]) -> Reading:
    return lambda circuit: [] if circuit.neurons is None else [read(circuit)]


def _clustered(circuit: Circuit) -> float:
    neurons = circuit.neurons
    assert neurons is not None
    return sum(neurons.clusters.values()) / len(neurons.share)


def _gain(circuit: Circuit) -> Sequence[float]:
    """Loss with only the key terms over the loss before."""
    return [value / circuit.score.loss for value in _loss("keep_terms")(circuit)]


ROWS = (
    Row("key frequencies (number)", "5", lambda c: [] if c.key is None else [len(c.key.used)]),
    Row("loss on all pairs", "2.41e-7", lambda c: [c.score.loss]),
    Row("logits explained by the key cosines", "95%", lambda c: [c.cosines.share] if c.cosines else [], True),
    Row("loss with the key cosines in their place", "4.7e-8", lambda c: [c.cosines.replaced.loss] if c.cosines else []),
    Row(
        "W_L residual outside the key directions, of its norm",
        "< 0.55%",
        lambda c: [c.neuron_logit.residual] if c.neuron_logit else [],
        True,
    ),
    Row(
        "Table 1: MLP along the W_L directions explained by cos, sin of the sum",
        "93.2 to 98.2%",
        lambda c: c.neuron_logit.share.tolist() if c.neuron_logit else [],
        True,
    ),
    Row(
        "Table 2: scores of the heads as one frequency",
        "97.91 to 99.07%",
        lambda c: c.heads.share.tolist() if c.heads and c.heads.share is not None else [],
        True,
    ),
    Row("neurons over 85% explained by one frequency", "433 of 512 (84.6%)", _neurons(_clustered), True),
    Row("logits: constant and 8 terms a key kept", "7.24e-8", _loss("keep_terms")),
    Row("logits: constant and sum directions kept", "5.55e-8", _loss("keep_sums")),
    Row("neurons of one frequency replaced by their polynomials", "2.48e-7", _loss("neurons_polynomials")),
    Row("MLP projected on the W_L directions", "1.19e-7", _loss("neurons_on_directions")),
    Row("MLP projected on the rest", "5.27", _loss("neurons_off_directions")),
    Row("one key frequency removed at the neurons", "2.0e-4 to 2.4e-2", _single("neurons_without_terms")),
    Row("attention's sigmoid replaced by its best line", "2.12e-7", _loss("attention_linear")),
    Row("path around the MLP removed: zero", "9.12e-7", _loss("around_zero")),
    Row("path around the MLP removed: mean", "7.25e-7", _loss("around_mean")),
    Row("heads removed", "24.3", _loss("heads_off")),
    Row("path around attention removed", "19.1", _loss("heads_alone")),
    Row("loss with all other frequencies removed, over the loss before", "below 1", _gain),
)


def markdown_table(circuits: Sequence[Circuit]) -> str:
    """The table published | ours in Markdown, a row for every published number."""
    lines = ["| what | published | ours: mean (range) | networks |", "|---|---|---|---|"]
    for row in ROWS:
        each = [[float(value) for value in row.read(circuit)] for circuit in circuits]
        found = [values for values in each if values]
        lines.append(f"| {row.what} | {row.published} | {_summary(found, row.share)} | {len(found)} |")
    return "\n".join(lines) + "\n"


def _summary(found: Sequence[Sequence[float]], share: bool) -> str:
    values = [value for each in found for value in each if math.isfinite(value)]
    if not values:
        return "not measured"
    low, mean, high = min(values), float(np.mean(values)), max(values)
    return f"{_shown(mean, share)} ({_shown(low, share)} to {_shown(high, share)})"


def _shown(value: float, share: bool) -> str:
    return f"{value:.1%}" if share else f"{value:.3g}"
