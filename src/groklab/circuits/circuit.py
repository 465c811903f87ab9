"""The result of taking a network apart, and its JSON."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from groklab.circuits.ablations import Ablation, ByFrequency
from groklab.circuits.cosines import Cosines
from groklab.circuits.heads import Heads
from groklab.circuits.key_frequencies import KeyFrequencies
from groklab.circuits.neuron_logit import NeuronLogit
from groklab.circuits.neurons import Neurons
from groklab.circuits.periodic import Spectra
from groklab.circuits.scoring import Score
from groklab.circuits.verdict import Verdict


@dataclass(frozen=True, kw_only=True, eq=False)
class Circuit:
    """One network taken apart. Parts that this network or its task does not have are nothing; `notes` say why."""

    task: str
    """The task's name."""
    architecture: str
    """The network in words."""
    group: str | None
    """The task's group, such as Z_113."""
    pairs: int
    """How many pairs were looked at: those whose operands both lie in the group."""
    pairs_left_out: int
    """How many pairs of the table were not."""
    chance: float
    """The loss of uniform guessing among the answers looked at, in nats."""
    score: Score
    """The network itself, on these pairs and answers."""
    spectra: Spectra | None
    """Periodic structure."""
    key: KeyFrequencies | None
    """Key frequencies."""
    neuron_logit: NeuronLogit | None
    """The neuron-logit map."""
    neurons: Neurons | None
    """The neurons."""
    heads: Heads | None
    """The heads."""
    cosines: Cosines | None
    """The logits."""
    ablations: tuple[Ablation, ...]
    """Every ablation."""
    by_frequency: ByFrequency | None
    """Every frequency removed alone."""
    verdict: Verdict
    """Which lines of evidence hold."""
    notes: tuple[str, ...]
    """What was left out, and why."""

    def ablation(self, name: str) -> Ablation | None:
        """The ablation of that name, if it was done."""
        return next((ablation for ablation in self.ablations if ablation.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; arrays are lists, numbers that are not finite are null."""
        return _plain(self)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        # Seven digits: what was computed in float32 has no more.
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value
