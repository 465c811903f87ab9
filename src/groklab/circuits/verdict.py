"""The verdict: which of the four lines of evidence hold for a network, in words.

The lines are those of Nanda et al. 2023, section 4. One mark serves all of them, the 85% at which the paper
counts a neuron as explained: a line holds when the least of the shares it rests on reaches it, in part when that
reaches 50%. Losses become shares as 1 - loss / chance where they should be small, as loss / chance where they
should be large, chance being uniform guessing's.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from groklab.circuits.ablations import Ablation
from groklab.circuits.cosines import Cosines
from groklab.circuits.heads import Heads
from groklab.circuits.key_frequencies import KeyFrequencies
from groklab.circuits.neuron_logit import NeuronLogit
from groklab.circuits.neurons import Neurons
from groklab.circuits.scoring import Score

HOLDS, IN_PART = 0.85, 0.5
Standing = Literal["holds", "in part", "does not hold", "cannot be asked"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of evidence."""

    name: str
    """What it is about."""
    standing: Standing
    """How it stands."""
    sentence: str
    """The numbers it rests on."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All lines, and one sentence."""

    sentence: str
    """The whole in one sentence."""
    lines: tuple[Line, ...]
    """The lines of evidence."""
    misfits: tuple[str, ...]
    """What does not fit."""


def no_group(score: Score) -> Verdict:
    """The verdict where there is no group to have a Fourier circuit in."""
    return Verdict(
        sentence=f"no Fourier circuit can be asked for; accuracy on all pairs is {score.accuracy:.1%}",
        lines=(),
        misfits=(),
    )


def judge(
    *,
    score: Score,
    chance: float,
    key: KeyFrequencies,
    neuron_logit: NeuronLogit | None,
    neurons: Neurons | None,
    heads: Heads | None,
    cosines: Cosines,
    ablations: tuple[Ablation, ...],
) -> Verdict:
    """The verdict on a network whose task is a group's product."""
    if not key.used:
        reason = f"no frequency of {key.used_rule} stands out ({key.rules[0].threshold})"
        lines = tuple(
            Line(name=name, standing="does not hold", sentence=reason)
            for name in ("periodicity", "mechanism", "approximation", "ablation")
        )
        sentence = f"no Fourier circuit: {reason}; accuracy on all pairs is {score.accuracy:.1%}"
        if score.train_accuracy >= 0.99 and score.test_accuracy < IN_PART:
            sentence += f": it knows its train pairs by heart, and {score.test_accuracy:.1%} of the test pairs"
        return Verdict(sentence=sentence, lines=lines, misfits=())
    lines = (
        _periodicity(neuron_logit, cosines),
        _mechanism(neuron_logit),
        _approximation(neurons, cosines),
        _ablation(score, chance, {ablation.name: ablation for ablation in ablations}),
    )
    asked = [line for line in lines if line.standing != "cannot be asked"]
    holding = [line.name for line in asked if line.standing == "holds"]
    names = ", ".join(map(str, key.used))
    if len(holding) == len(asked):
        opening = "the Fourier circuit is there"
    else:
        opening = "parts of the Fourier circuit are there" if holding else "no Fourier circuit is shown"
    sentence = f"{opening}, at frequencies {names}: {len(holding)} of {len(asked)} lines of evidence hold"
    return Verdict(sentence=sentence, lines=lines, misfits=_misfits(key, neurons, heads, ablations, score))


def _periodicity(found: NeuronLogit | None, cosines: Cosines) -> Line:
    if found is None:
        share, what = cosines.share, "the logits' variance"
    else:
        share, what = 1 - found.residual_variance, "the neuron-logit map's variance over answers"
    return Line(
        name="periodicity",
        standing=_standing(share),
        sentence=f"the key frequencies hold {share:.1%} of {what}",
    )


def _mechanism(found: NeuronLogit | None) -> Line:
    if found is None:
        return Line(name="mechanism", standing="cannot be asked", sentence="it needs neurons that write the logits")
    least, mean = float(np.min(found.share)), float(np.mean(found.share))
    return Line(
        name="mechanism",
        standing=_standing(least),
        sentence=f"along the {len(found.share)} directions of W_L the neurons compute cos and sin of the sum "
        f"to {mean:.1%} of their variance on average, {least:.1%} at least",
    )


def _approximation(neurons: Neurons | None, cosines: Cosines) -> Line:
    shares = [cosines.share] if neurons is None else [cosines.share, neurons.explained]
    middle = ""
    if neurons is not None:
        count, alive = sum(neurons.clusters.values()), len(neurons.share) - neurons.dead
        middle = (
            f"; polynomials of one frequency explain {neurons.explained:.1%} of the neurons' variance "
            f"({count} of {alive} neurons to 85% or more)"
        )
    return Line(
        name="approximation",
        standing=_standing(min(shares)),
        sentence=f"the key cosines of a+b-c explain {cosines.share:.1%} of the logits' variance{middle}",
    )


def _ablation(score: Score, chance: float, ablations: dict[str, Ablation]) -> Line:
    kept, removed = ablations["keep_sums"], ablations["without_sums"]
    # Removed frequencies are judged where the paper does, on the train pairs, if these are known.
    trained = not np.isnan(score.train_loss)
    after = removed.score.train_loss if trained else removed.score.loss
    share = min(1 - kept.score.loss / chance, after / chance)
    beyond = kept.null is None or kept.score.loss < kept.null.least.loss
    if removed.null is not None:
        null = removed.null.largest
        beyond = beyond and after > (null.train_loss if trained else null.loss)
    standing = _standing(share)
    if not beyond:
        standing = "does not hold"
    where = "train" if trained else "all"
    return Line(
        name="ablation",
        standing=standing,
        sentence=f"with nothing but the key sum directions the loss on all pairs goes from {score.loss:.2g} to "
        f"{kept.score.loss:.2g}; without them that on {where} pairs is {after:.2g} (chance {chance:.2f}); "
        f"{'both lie' if beyond else 'not both lie'} outside what random frequencies do",
    )


def _misfits(
    key: KeyFrequencies,
    neurons: Neurons | None,
    heads: Heads | None,
    ablations: tuple[Ablation, ...],
    score: Score,
) -> tuple[str, ...]:
    found: list[str] = []
    if key.disputed:
        each = "; ".join(f"{rule.rule}: {', '.join(map(str, rule.frequencies)) or 'none'}" for rule in key.rules)
        found.append(f"the rules for key frequencies differ: {each}")
    if not key.rules[0].stable:
        found.append("the key frequencies change when the rule's constant is halved or doubled")
    if neurons is not None:
        stray = [str(k) for k in neurons.clusters if k not in key.used]
        if stray:
            found.append(f"neurons gather at frequencies that are not key: {', '.join(stray)}")
        if neurons.unclustered:
            found.append(f"{neurons.unclustered} of {len(neurons.share)} neurons belong to no one frequency by 85%")
    if heads is not None and heads.share is not None:
        poor = [str(h) for h, share in enumerate(heads.share) if share < HOLDS]
        if poor:
            found.append(f"the scores of head {', '.join(poor)} are not one frequency by 85%")
    names = ("around_zero", "attention_linear")
    for ablation in ablations:
        if ablation.name in names and ablation.score.accuracy < score.accuracy - 0.01:
            found.append(f"{ablation.words}: accuracy falls from {score.accuracy:.1%} to {ablation.score.accuracy:.1%}")
    return tuple(found)


def _standing(share: float) -> Standing:
    if share >= HOLDS:
        return "holds"
    return "in part" if share >= IN_PART else "does not hold"
