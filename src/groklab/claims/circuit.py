"""What Nanda et al. 2023 claim of the trained network taken apart, held against networks taken apart by us.

The paper has one network (P = 113) and prints its numbers; ours are judged one by one. The criteria are the paper's
sentences as literally as a number allows. They were written when the five networks of the laptop scale and the one of
the published setting in `docs/studies/circuit.md` had been looked at, and before those of `nanda/seeds` were taken
apart. Their contraries came when the verdicts were known, and are the literal opposite of the same sentence: the other
side of the criterion where it compares (below 0.55%, better, worse than guessing), the marks `LITTLE` and `MUCH` where
it is a sentence of degree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from groklab.findings import Claim, Finding, by_seeds, untested
from groklab.findings.words import number

STUDY = "nanda/circuit"
"""What the ledger calls them; `docs/studies/circuit.md` says how networks are taken apart."""
LITTLE = 0.5
"""Below this share the contrary of "each" and "most" holds: the greater part is something else."""
MUCH = 100
"""So many times the loss is the contrary of "hardly" and "matters little"."""
MOST = "at least 80% of the networks (partly: 50%)"
BEFORE, COSINES = "loss on all pairs", "loss with the key cosines in their place"
RESIDUAL, SQUARED = "W_L residual outside the key directions, of its norm", "the same, of its squared norm"
DIRECTIONS = "Table 1: MLP along the W_L directions explained by cos, sin of the sum"
SCORES = "Table 2: scores of the heads as one frequency"
NEURONS = "neurons over 85% explained by one frequency"
TERMS, SUMS = "logits: constant and 8 terms a key kept", "logits: constant and sum directions kept"
POLYNOMIALS = "neurons of one frequency replaced by their polynomials"
ON, OFF = "MLP projected on the W_L directions", "MLP projected on the rest"
SINGLE = "one key frequency removed at the neurons"
LINE = "attention's sigmoid replaced by its best line"
ZERO, MEAN = "path around the MLP removed: zero", "path around the MLP removed: mean"
NO_HEADS, NO_STREAM = "heads removed", "path around attention removed"


@dataclass(frozen=True, kw_only=True)
class Network:
    """The numbers of one network taken apart, under the names that `groklab.circuits.published` gives them."""

    chance: float
    """The loss of uniform guessing, in nats."""
    values: Mapping[str, Sequence[float]]
    """A number or several (directions, heads, frequencies) by their name; none where the network has no such part."""

    def worst(self, name: str) -> float:
        """The greatest of the numbers of that name."""
        return max(self.values[name])

    def least(self, name: str) -> float:
        """The least of the numbers of that name."""
        return min(self.values[name])

    def times(self, name: str) -> float:
        """The greatest loss of that name, as a multiple of the network's own."""
        return self.worst(name) / self.worst(BEFORE)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A claim, and how a network answers it."""

    claim: Claim
    """The claim."""
    needs: Sequence[str]
    """The numbers that are looked at; a network without one of them is not asked."""
    measure: Callable[[Network], float]
    """What is measured of a network."""
    holds: Callable[[Network], bool]
    """Whether the claim holds for it."""
    contrary: Callable[[Network], bool]
    """Whether the literal opposite of the claim's sentence holds for it."""
    words: str
    """What the measured number is, followed by its median and range in the sentence."""
    share: bool = False
    """Whether it is a share, said in per cent."""


def _claim(name: str, source: str, claim: str, published: str, how: str, holds: str) -> Claim:
    return Claim(
        identifier=f"nanda.circuit-{name}",
        source=f"Nanda et al. 2023, {source}",
        claim=claim,
        published=published,
        how=how,
        criterion=f"{holds}, in {MOST}",
    )


QUESTIONS = (
    Question(
        claim=_claim(
            "neuron-logit",
            "section 4.2",
            "The neuron-logit map lies in the directions cos and sin of the key frequencies but for a residual of less "
            "than 0.55% of its norm (the paper's word taken literally).",
            "< 0.55%",
            "Norm of W_L outside the key directions over its norm.",
            "Below 0.0055",
        ),
        needs=[RESIDUAL],
        measure=lambda net: net.worst(RESIDUAL),
        holds=lambda net: net.worst(RESIDUAL) < 0.0055,
        contrary=lambda net: net.worst(RESIDUAL) >= 0.0055,
        words="share of W_L's norm outside",
        share=True,
    ),
    Question(
        claim=_claim(
            "neuron-logit-squared",
            "section 4.2",
            "The neuron-logit map lies in the directions cos and sin of the key frequencies but for less than 0.55% of "
            "its squared norm (if a share of the variance was meant).",
            "< 0.55%, if this was meant",
            "Squared norm of W_L outside the key directions over its squared norm.",
            "Below 0.0055",
        ),
        needs=[SQUARED],
        measure=lambda net: net.worst(SQUARED),
        holds=lambda net: net.worst(SQUARED) < 0.0055,
        contrary=lambda net: net.worst(SQUARED) >= 0.0055,
        words="share of W_L's squared norm outside",
        share=True,
    ),
    Question(
        claim=_claim(
            "directions",
            "section 4.2, Table 1",
            "Along each key direction of W_L the neurons compute the cosine or sine of w_k(a + b).",
            "93.2% to 98.2% of the variance explained",
            "Share of the variance of the neurons' projection that cos and sin of w_k(a + b) explain; of a network's "
            "directions the least.",
            "At least 90% along every direction",
        ),
        needs=[DIRECTIONS],
        measure=lambda net: net.least(DIRECTIONS),
        holds=lambda net: net.least(DIRECTIONS) >= 0.9,
        contrary=lambda net: net.least(DIRECTIONS) < LITTLE,
        words="least explained direction",
        share=True,
    ),
    Question(
        claim=_claim(
            "heads",
            "section 4.3, Table 2",
            "The attention scores of each head are a wave of one key frequency.",
            "97.91% to 99.07% of the variance explained",
            "Share of the variance of a head's scores that one frequency explains; of a network's heads the least.",
            "At least 90% in every head",
        ),
        needs=[SCORES],
        measure=lambda net: net.least(SCORES),
        holds=lambda net: net.least(SCORES) >= 0.9,
        contrary=lambda net: net.least(SCORES) < LITTLE,
        words="least explained head",
        share=True,
    ),
    Question(
        claim=_claim(
            "neurons",
            "section 4.3",
            "Most neurons are a polynomial of degree 2 in the waves of one key frequency.",
            "433 of 512 neurons (84.6%) over 85% explained",
            "Share of the neurons of which such a polynomial explains over 85% of the variance.",
            "At least 75% of the neurons",
        ),
        needs=[NEURONS],
        measure=lambda net: net.worst(NEURONS),
        holds=lambda net: net.worst(NEURONS) >= 0.75,
        contrary=lambda net: net.worst(NEURONS) < LITTLE,
        words="share of the neurons",
        share=True,
    ),
    Question(
        claim=_claim(
            "cosines",
            "section 4.2",
            "Putting the best sum of the key cosines in the logits' place improves the loss.",
            "2.4e-7 to 4.7e-8 nats",
            "Loss on all pairs with the fitted cosines as logits over the loss before.",
            "Below 1",
        ),
        needs=[COSINES],
        measure=lambda net: net.times(COSINES),
        holds=lambda net: net.times(COSINES) < 1,
        contrary=lambda net: net.times(COSINES) >= 1,
        words="loss after over loss before",
    ),
    Question(
        claim=_claim(
            "keep-terms",
            "section 4.4, appendix C.1",
            "Taking all other frequencies, 95% of them, out of the logits improves the loss.",
            "2.4e-7 to 7.24e-8 nats",
            "Loss on all pairs with the constant and the 8 terms of each key frequency over the loss before.",
            "Below 1",
        ),
        needs=[TERMS],
        measure=lambda net: net.times(TERMS),
        holds=lambda net: net.times(TERMS) < 1,
        contrary=lambda net: net.times(TERMS) >= 1,
        words="loss after over loss before",
    ),
    Question(
        claim=_claim(
            "keep-sums",
            "section 4.4, appendix C.1",
            "Keeping of the 8 terms of each key frequency only the 2 sum directions improves the loss further.",
            "7.24e-8 to 5.55e-8 nats",
            "Loss on all pairs with the constant and the sum directions over that with all 8 terms.",
            "Below 1",
        ),
        needs=[TERMS, SUMS],
        measure=lambda net: net.worst(SUMS) / net.worst(TERMS),
        holds=lambda net: net.worst(SUMS) < net.worst(TERMS),
        contrary=lambda net: net.worst(SUMS) >= net.worst(TERMS),
        words="loss after over loss before",
    ),
    Question(
        claim=_claim(
            "polynomials",
            "section 4.4",
            "Putting their polynomials in the place of the neurons of one frequency hardly changes the loss.",
            "2.41e-7 to 2.48e-7 nats",
            "Loss on all pairs after over the loss before.",
            "At most 2",
        ),
        needs=[POLYNOMIALS],
        measure=lambda net: net.times(POLYNOMIALS),
        holds=lambda net: net.times(POLYNOMIALS) <= 2,
        contrary=lambda net: net.times(POLYNOMIALS) >= MUCH,
        words="loss after over loss before",
    ),
    Question(
        claim=_claim(
            "mlp-on",
            "section 4.4",
            "Projecting the MLP's activations on the key directions of W_L improves the loss.",
            "2.41e-7 to 1.19e-7 nats",
            "Loss on all pairs after over the loss before.",
            "Below 1",
        ),
        needs=[ON],
        measure=lambda net: net.times(ON),
        holds=lambda net: net.times(ON) < 1,
        contrary=lambda net: net.times(ON) >= 1,
        words="loss after over loss before",
    ),
    Question(
        claim=_claim(
            "mlp-off",
            "section 4.4",
            "Projecting the MLP's activations on the rest leaves a network worse than guessing.",
            "5.27 nats (guessing: 4.73)",
            "Loss on all pairs over that of uniform guessing, log P.",
            "Above 1",
        ),
        needs=[OFF],
        measure=lambda net: net.worst(OFF) / net.chance,
        holds=lambda net: net.worst(OFF) > net.chance,
        contrary=lambda net: net.worst(OFF) <= net.chance,
        words="loss over that of guessing",
    ),
    Question(
        claim=_claim(
            "single",
            "section 4.4",
            "Taking any one key frequency out of the neurons makes the loss much worse.",
            "2.4e-7 to 2.0e-4 nats and more",
            "Loss on all pairs without the 8 terms of one key frequency over the loss before; of a network's key "
            "frequencies the least.",
            "At least 100",
        ),
        needs=[SINGLE],
        measure=lambda net: net.least(SINGLE) / net.worst(BEFORE),
        holds=lambda net: net.least(SINGLE) >= 100 * net.worst(BEFORE),
        contrary=lambda net: net.least(SINGLE) <= net.worst(BEFORE),
        words="least loss after over loss before",
    ),
    Question(
        claim=_claim(
            "attention-line",
            "appendix C.1",
            "Putting the best line in the place of attention's sigmoid hardly changes the loss.",
            "2.41e-7 to 2.12e-7 nats",
            "Loss on all pairs after over the loss before.",
            "At most 2",
        ),
        needs=[LINE],
        measure=lambda net: net.times(LINE),
        holds=lambda net: net.times(LINE) <= 2,
        contrary=lambda net: net.times(LINE) >= MUCH,
        words="loss after over loss before",
    ),
    Question(
        claim=_claim(
            "around-mlp",
            "appendix C.1",
            "The path around the MLP matters little.",
            "2.41e-7 to 9.12e-7 (set to zero) and 7.25e-7 nats (to its mean)",
            "Loss on all pairs after over the loss before, the greater of both ways.",
            "At most 10",
        ),
        needs=[ZERO, MEAN],
        measure=lambda net: max(net.times(ZERO), net.times(MEAN)),
        holds=lambda net: max(net.times(ZERO), net.times(MEAN)) <= 10,
        contrary=lambda net: max(net.times(ZERO), net.times(MEAN)) >= MUCH,
        words="loss after over loss before",
    ),
    Question(
        claim=_claim(
            "heads-needed",
            "appendix C.1",
            "Without its heads a network is worse than guessing.",
            "24.3 nats (guessing: 4.73)",
            "Loss on all pairs over that of uniform guessing, log P.",
            "Above 1",
        ),
        needs=[NO_HEADS],
        measure=lambda net: net.worst(NO_HEADS) / net.chance,
        holds=lambda net: net.worst(NO_HEADS) > net.chance,
        contrary=lambda net: net.worst(NO_HEADS) <= net.chance,
        words="loss over that of guessing",
    ),
    Question(
        claim=_claim(
            "around-attention",
            "appendix C.1",
            "Without the path around attention a network is worse than guessing.",
            "19.1 nats (guessing: 4.73)",
            "Loss on all pairs, the stream from `=` set to 0, over that of uniform guessing, log P.",
            "Above 1",
        ),
        needs=[NO_STREAM],
        measure=lambda net: net.worst(NO_STREAM) / net.chance,
        holds=lambda net: net.worst(NO_STREAM) > net.chance,
        contrary=lambda net: net.worst(NO_STREAM) <= net.chance,
        words="loss over that of guessing",
    ),
)
"""Every claim with what decides it."""
CLAIMS = tuple(question.claim for question in QUESTIONS)


def judge(networks: Sequence[Network], scale: str) -> tuple[Finding, ...]:
    """A finding for every claim, from the networks that have what it looks at."""
    return tuple(_finding(question, networks, scale) for question in QUESTIONS)


def _finding(question: Question, networks: Sequence[Network], scale: str) -> Finding:
    asked = [net for net in networks if all(net.values.get(name) for name in question.needs)]
    if not asked:
        return untested(question.claim, scale=scale, sentence="no network taken apart has what it looks at")
    holds = np.array([question.holds(net) for net in asked], dtype=bool)
    values = np.array([question.measure(net) for net in asked])
    sentence = f"holds for {holds.sum()} of {len(asked)} networks; {question.words}: {_range(values, question.share)}"
    contrary = np.array([question.contrary(net) for net in asked], dtype=bool)
    return by_seeds(question.claim, holds, contrary=contrary, scale=scale, sentence=sentence)


def _range(values: np.ndarray, share: bool) -> str:
    def said(value: float) -> str:
        return f"{100 * value:.3g}%" if share else number(float(f"{value:.3g}"))

    median, low, high = (said(float(value)) for value in np.quantile(values, [0.5, 0, 1]))
    return f"{median} in the median, {low} to {high}"
