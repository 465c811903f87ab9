"""Which frequencies a network uses, by the three rules of Nanda et al. 2023 (they can disagree).

The outlier rule, for a spectrum of norms: a frequency is key when its norm is more than `FACTOR` times the
median norm, and its power at least `LEAST_POWER` of the whole. The median is the size of a frequency that the
network does not use, as long as it uses fewer than half of them. With random weights the norms scatter by tens of
per cent about their median. The constant was set after two networks (P = 53), in which the largest unused norm
stood at 5 medians and the least used one at 70. Later networks have weak frequencies near it: `docs/circuits.md`
counts how often half or twice the constant gives another set. The second condition only keeps rounding errors out
of exact networks, whose median is nearly 0.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

FACTOR = 10.0
"""How many medians make an outlier. The result says whether `FACTOR` / sqrt 2 and `FACTOR` * sqrt 2 agree."""
LEAST_POWER = 1e-3
"""Least share of the spectrum's power (squared norm) of a key frequency."""


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
    """Whether the rule's constant divided by sqrt 2 and multiplied by sqrt 2 gives the same set both times.

    The constant is the number of medians, or for `neurons` the part of a neuron that may stay unexplained.
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


def outliers(norms: Float[np.ndarray, " k"], factor: float = FACTOR) -> Bool[np.ndarray, " k"]:
    """The outlier rule."""
    power = norms**2
    return (norms > factor * np.median(norms)) & (power >= LEAST_POWER * max(power.sum(), 1e-300))


def outlier_rule(rule: str, norms: Float[np.ndarray, " k"], labels: tuple[int | str, ...]) -> Rule:
    """The outlier rule on one spectrum, with its stability: its constant over and times sqrt 2."""
    key = outliers(norms)
    around = [outliers(norms, FACTOR * np.sqrt(2) ** sign) for sign in (-1, 1)]
    return Rule(
        rule=rule,
        threshold=f"norm over {FACTOR:g} times the median norm ({FACTOR * np.median(norms):.3g})",
        frequencies=chosen(key, labels),
        stable=all(np.array_equal(key, other) for other in around),
        gap=_gap(norms, key),
    )


def neuron_rule(
    best: Int[np.ndarray, " m"], share: Float[np.ndarray, " m"], mark: float, labels: tuple[int | str, ...]
) -> Rule:
    """The set of the best frequencies of those neurons that one frequency explains to at least `mark`."""
    counts = np.bincount(best[share >= mark], minlength=len(labels)).astype(np.float64)
    # The mark's constant is the part that may stay unexplained.
    around = [np.bincount(best[share >= 1 - (1 - mark) * f], minlength=len(labels)) for f in (2**-0.5, 2**0.5)]
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
