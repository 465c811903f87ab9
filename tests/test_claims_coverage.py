"""What the papers predict and number, line by line, and the claims of the ledger that stand for it.

A line is in our words. Its claims must be in the ledger, and every claim of the ledger must stand under some line.
"""

import pytest

from groklab.claims import entries

NANDA = {
    "section 3, figure 2: memorised first, generalised long after": "memorise-then-generalise",
    "section 4.2: five cosines explain 95% of the logits' variance": "logits-explained",
    "section 4.2: loss 2.4e-7 to 4.7e-8 with the cosines in the logits' place": "circuit-cosines",
    "section 4.2: W_L's residual below 0.55%": "circuit-neuron-logit circuit-neuron-logit-squared",
    "section 4.2, Table 1: the MLP along ten directions, 93.2% to 98.2%": "circuit-directions",
    "section 4.3, Table 2: attention scores as one frequency, 97.91% to 99.07%": "circuit-heads",
    "section 4.3: 433 of 512 neurons over 85% of one frequency": "circuit-neurons",
    "section 4.4, appendix C.1: constant and 40 components kept, 7.24e-8": "circuit-keep-terms",
    "section 4.4, appendix C.1: sum directions alone, 5.55e-8": "circuit-keep-sums rest-hurts",
    "section 4.4: ablating the other 95% of frequencies improves the loss": "circuit-keep-terms rest-hurts",
    "section 4.4: 433 neurons replaced by their polynomials, 2.48e-7": "circuit-polynomials",
    "section 4.4: MLP on the ten directions 1.19e-7, on the rest 5.27": "circuit-mlp-on circuit-mlp-off key-needed",
    "section 4.4: one key frequency removed, 2.0e-4 to 2.4e-2": "circuit-single",
    "appendix C.1: sigmoid replaced by its best line, 2.12e-7": "circuit-attention-line",
    "appendix C.1: path around the MLP removed, 9.12e-7 and 7.25e-7": "circuit-around-mlp",
    "appendix C.1: heads removed 24.3, path around attention removed 19.1": "circuit-heads-needed "
    "circuit-around-attention",
    "section 5.2: three phases": "three-phases",
    "section 5.2, memorisation: excluded falls with the train loss, Gini flat": "excluded-turns "
    "gini-flat-in-memorisation",
    "section 5.2, circuit formation: excluded rises, restricted begins to fall": "excluded-turns restricted-first",
    "section 5.2, circuit formation: sum of squares falls": "squares-fall-in-formation",
    # That the test loss is flat is how phases are drawn; that the train loss stays low is asked of the excluded loss.
    "section 5.2, circuit formation: train and test loss flat": "three-phases excluded-turns",
    "section 5.2, clean-up: the excluded loss levels off": "excluded-levels-off",
    "section 5.2, clean-up: the restricted loss goes on falling": "restricted-falls-on",
    "section 5.2, clean-up: sum of squares drops sharply": "squares-clean-up squares-sharpest-in-clean-up",
    "section 5.2, clean-up: Gini rises sharply": "gini-clean-up gini-sharpest-in-clean-up",
    "abstract, section 5: progress measures": "lead-restricted lead-excluded lead-gini lead-squares",
    "appendix C.2.1: four more seeds, the same algorithm": "seeds-grok seeds-same-algorithm",
    "appendix C.2.1: 3 to 5 key frequencies that differ by seed": "seeds-few-frequencies seeds-different-frequencies",
    "appendix C: 30% to 50% groks, later with less": "fraction-groks fraction-later-with-less",
    "appendix C: 60% and more at once": "fraction-at-once",
    "appendix C: 10% and 20% not within 40,000 epochs": "fraction-too-little",
    "Power et al., cited: time to grok by the share of data": "fraction-growth",
    "appendix C: P = 53 needs decay 5": "moduli-small-needs-decay",
    "appendix C: 109 as 113": "moduli-neighbour",
    "appendix C: 401 at once": "moduli-large-at-once",
    "appendix D: decay 0 never groks": "decay-none-never",
    "appendix D: more decay, sooner (words), later (numbers)": "decay-sooner decay-later",
    "appendix D: dropout groks without decay": "regularise-none regularise-dropout",
    "appendix D: dropout models 71% to 89%, decay models 91% to 99%": "regularise-dropout-less-trigonometric",
    "appendix D: dropout embeddings not sparse": "regularise-dropout-dense",
    "appendix D: l1 never groks": "regularise-l1",
    "appendix D: 2 layers grok to some degree, with slingshots": "depth-groks depth-slingshots",
    "appendix D: low precision causes slingshots; they are not needed": "slingshots-precision slingshots-not-needed",
    "thread: across architectures": "architecture-groks architecture-same-algorithm architecture-sparse",
    "appendix E: 5-digit addition": "digits-phase-change digits-limited-groks digits-one-by-one "
    "digits-limited-phase-change",
    "appendix E: repeated subsequences": "subsequences-phase-change subsequences-limited-groks subsequences-induction "
    "subsequences-limited-phase-change",
    "appendix E: skip trigrams": "trigrams-phase-change trigrams-limited-groks trigrams-limited-phase-change",
}
VARMA = {
    "theorem D.1": "scaling",
    "theorem D.4": "allocation simulation-ratio",
    "figure 2 (a), (b), (c)": "simulation-grokking simulation-inefficient-gen simulation-equal-speeds",
    "P1, figure 3: Mem needs more norm as D grows, Gen the same": "efficiency-mem efficiency-gen "
    "efficiency-norm-buys-logit",
    "P1 on margins, which are what matters": "efficiency-mem-margin efficiency-gen-margin",
    "P2, figures 1b, 4a, 7: ungrokking, a sharp transition": "ungrokking ungrokking-sharp",
    "P2: train accuracy stays 1": "ungrokking-train-stays",
    "P2: wants weight decay, and right labels": "ungrokking-needs-decay ungrokking-wrong-labels",
    "the rule by which these studies say where a network ends": "ungrokking-rule",
    "P3, figure 4b: the curves of several decays coincide": "decay-independent",
    "P4, figures 1c, 5: semi-grokking, for a time or for good": "semi-grokking semi-lasting semi-transient",
    "P4: accuracy spikes, train loss in a band": "semi-spikes semi-oscillation",
    "figure 6: 0.55, then 1": "semi-transient",
    "figure 8: nine further tasks, mostly the same for every decay": "tasks-ungrok tasks-decay",
    "figure 9: both logits rise while the norm falls": "strength-both-rise",
    "figure 9: the Gen logit falls with Mem's already 0": "strength-gen-falls",
    "figure 10: ratio monotone over 6 orders of magnitude": "tradeoff-monotone tradeoff-orders tradeoff-monotone-leads",
    "figure 10: accuracy smooth, loss below that from random weights": "tradeoff-smooth tradeoff-loss",
    "A.2: about 2,000 from scratch, 800 to 1,000 when ungrokking": "hysteresis hysteresis-factor",
    "section 7: super-exponential time to grok": "time-rises time-super-exponential",
    "appendix B: key frequencies typically the largest at random": "frequencies-largest frequencies-larger "
    "frequencies-larger-output",
    "appendix B: the proxies' flaws": "strength-mem-negative proxy-flaw proxy-leads proxy-mixtures "
    "proxy-mixtures-error",
    "reviewers: D_crit from efficiencies": "critical-size-margin critical-size-logit critical-size-intervals",
    "reviewers: pairs trained on before and left out": "ungrokking-memory",
    "reviewers: Mem the more efficient at small D": "critical-size-margin",
    "reviewers: half-way networks by commutativity only": "ungrokking-mirrors ungrokking-mirrors-help",
}
FORUM = {
    "101 weights: SGD straight to the least norm": "linear-sgd-straight",
    "101 weights: AdamW's phase change (first version)": "linear-adamw-phase-change linear-decay-in-gradient",
    "101 weights: no phase change in full batch (correction)": "linear-adamw-alike",
    "101 weights: batches of 10, never groks": "linear-batches",
    "a reader: grok a small part first": "small-part-first small-part-soon small-part-sooner",
    "the author: no single basin": "basins-different basins-same",
    "a memoriser may use x + y = y + x": "mirrors-early mirrors-control mirrors-stay",
    "random walk, lottery ticket, pressure by decay": "pressure-by-decay memory-removed frequencies-amplified "
    "circle-at-the-start",
    "the circle: a lottery ticket for the very frequency": "circle-its-own",
    "forks: noise of rounding, changes as large in random directions": "forks-noise forks-no-kicks",
    "measures without the algorithm": "blind-lead",
}
LINES = [
    (f"{paper}: {line}", f"{paper}.{name}")
    for paper, lines in (("nanda", NANDA), ("varma", VARMA), ("forum", FORUM))
    for line, names in lines.items()
    for name in names.split()
]


@pytest.mark.parametrize(("line", "identifier"), LINES)
def test_what_the_papers_say_is_in_the_ledger(line: str, identifier: str) -> None:
    assert identifier in {entry.claim.identifier for entry in entries()}, line


def test_every_claim_of_the_ledger_stands_for_something() -> None:
    assert {entry.claim.identifier for entry in entries()} - {identifier for _, identifier in LINES} == set()
