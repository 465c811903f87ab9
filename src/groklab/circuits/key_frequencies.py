"""Which frequencies a network uses, by the three rules of Nanda et al. 2023 (they can disagree).

The outlier rule, for a spectrum with powers p (squared norms): a frequency is key when

    p_k > SHARE * (sum of p) + NOISE * (lower quartile of p).

The share is what matters to the network. Where weight decay keeps each neuron's input and output weights in
balance, a frequency's part in the logits grows like its power in W_L: one below a hundredth adds next to nothing to
the margins. The second term keeps a flat spectrum from passing, of which every frequency has a share. The lower
quartile is what an unused frequency has, as long as a quarter of them is unused. In white noise of a single column
powers are exponentially distributed, and 0.75^25 of them, one in 1,300, lie over 25 lower quartiles; a map has tens
of columns, and its noise scatters far less. An exact network's rounding errors are below any share.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

SHARE = 0.01
"""Least share of the spectrum's power, above the noise, of a key frequency. The result says whether half of it and
twice of it name the same frequencies."""
NOISE = 25.0
"""How many lower quartiles of power noise may have: five in norm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """The key frequencies by one rule."""

    rule: str
    """What the rule looks at: `W_L`, `W_E` or `neurons`."""
    threshold: str
    """The rule's threshold, in words and numbers."""
    frequencies: tuple[int | str, ...]
    """The key frequencies, by label, ascending."""
    stable: bool
    """Whether half the rule's constant and twice the constant give the same set.

    The constant is the share of power, or for `neurons` the part of a neuron that may stay unexplained.
    """
    gap: float
    """The least of the key frequencies' strengths over the largest of the others'; NaN where there is none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KeyFrequencies:
    """The three rules side by side, and the one that everything after uses."""

    used: tuple[int | str, ...]
    """The key frequencies that everything else refers to."""
    used_rule: str
    """The rule they come from: W_L, or W_E for a network without neurons."""
    rules: tuple[Rule, ...]
    """W_L (the default), W_E, neurons; those that the network has."""
    disputed: tuple[int | str, ...]
    """Frequencies that some rules name and others do not."""


def outliers(norms: Float[Any, "*batch k"], share: float = SHARE) -> Bool[Any, "*batch k"]:
    """The outlier rule on spectra of norms, numpy or JAX, traced or not; the answer is of the same kind."""
    return norms**2 > _least(norms, share)


def outlier_rule(rule: str, norms: Float[np.ndarray, " k"], labels: tuple[int | str, ...]) -> Rule:
    """The outlier rule on one spectrum, with its stability: half its share and twice its share."""
    key = outliers(norms)
    norm = float(np.sqrt(_least(norms, SHARE)[0]))
    return Rule(
        rule=rule,
        threshold=f"power over {SHARE:.0%} of the whole and {NOISE:g} lower quartiles together: norm {norm:.3g}",
        frequencies=chosen(key, labels),
        stable=all(np.array_equal(key, outliers(norms, SHARE * factor)) for factor in (0.5, 2)),
        gap=_gap(norms, key),
    )


def _least(norms: Float[Any, "*batch k"], share: float) -> Float[Any, "*batch 1"]:
    """The power that a key frequency exceeds."""
    ordered = norms.__array_namespace__().sort(norms**2, axis=-1)
    quartile = norms.shape[-1] // 4
    return share * ordered.sum(axis=-1, keepdims=True) + NOISE * ordered[..., quartile : quartile + 1]


def neuron_rule(
    best: Int[np.ndarray, " m"], share: Float[np.ndarray, " m"], mark: float, labels: tuple[int | str, ...]
) -> Rule:
    """The set of the best frequencies of those neurons that one frequency explains to at least `mark`."""
    counts = np.bincount(best[share >= mark], minlength=len(labels)).astype(np.float64)
    # The mark's constant is the part that may stay unexplained.
    around = [np.bincount(best[share >= 1 - (1 - mark) * f], minlength=len(labels)) for f in (0.5, 2)]
    return Rule(
        rule="neurons",
        threshold=f"best frequency of at least one neuron that it explains to {mark:.0%}",
        frequencies=chosen(counts > 0, labels),
        stable=all(np.array_equal(counts > 0, other > 0) for other in around),
        gap=_gap(counts, counts > 0),
    )


def chosen(key: Bool[np.ndarray, " k"], labels: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The labels where the mask is set."""
    return tuple(label for label, is_key in zip(labels, key, strict=True) if is_key)


def side_by_side(rules: tuple[Rule, ...]) -> KeyFrequencies:
    """The rules together; the first one is used."""
    sets = [set(rule.frequencies) for rule in rules]
    disputed = set.union(*sets) - set.intersection(*sets)
    return KeyFrequencies(
        used=rules[0].frequencies,
        used_rule=rules[0].rule,
        rules=rules,
        disputed=tuple(sorted(disputed, key=str if any(isinstance(k, str) for k in disputed) else int)),
    )


def _gap(strengths: Float[np.ndarray, " k"], key: Bool[np.ndarray, " k"]) -> float:
    if key.all() or not key.any():
        return float("nan")
    largest = strengths[~key].max()
    return float(strengths[key].min() / largest) if largest > 0 else float("inf")
