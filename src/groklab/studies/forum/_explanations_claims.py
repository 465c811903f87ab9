"""The claims of `forum/explanations`: what the comments say of why networks grok, and controls."""

from groklab.findings.claim import Claim

SOURCE = "Forum post of Nanda and Lieberum 2022, comments"
EACH = "At least 80% of the networks."
CLAIMS = (
    Claim(
        identifier="forum.pressure-by-decay",
        source=SOURCE,
        claim="What drives a network from memory to the general circuit is weight decay: without it the way ends.",
        published=None,
        how="Forks as if from one checkpoint midway in circuit formation, decay on and off: each is trained once more "
        "from the first step, with the same bits up to the change. Share of networks in which only the fork with decay "
        "groks within the budget; an arm that changes only the order of summation tells noise.",
        criterion=EACH,
        since="Reworded on 2026-11-22, after a first look: at first it said only that the forks are from one "
        "checkpoint. What is measured is the same.",
    ),
    Claim(
        identifier="forum.memory-removed",
        source=SOURCE,
        claim="Dampening the memory and strengthening the general circuit go hand in hand: with the memorising part "
        "projected out a network groks sooner.",
        published=None,
        how="Steps from the fork to grokking, projected out over left in, paired by seed.",
        criterion="The 95% interval of the mean ratio lies below 0.8.",
    ),
    Claim(
        identifier="forum.frequencies-amplified",
        source=SOURCE,
        claim="A lottery ticket or a random walk waits for a strong enough circuit: amplifying the key frequencies "
        "brings grokking forward, removing them puts it off.",
        published=None,
        how="Steps from the fork to grokking with the key frequencies of the embedding doubled, and removed, over "
        "those of the null arm.",
        criterion="Below 0.8 when doubled and above 1.2 when removed, both as 95% intervals (partly: one of them).",
    ),
    Claim(
        identifier="forum.circle-at-the-start",
        source=SOURCE,
        claim="Seen in the plane where it ends as a circle, the embedding is circular from the start.",
        published="a video by E. Michaud, cited in the comments",
        how="The random embedding projected on the two leading principal axes of the final one: share of the "
        "projected variance in one frequency, against random planes.",
        criterion="Above the 95th percentile of 1,000 random planes in at least 80% of the networks.",
    ),
    Claim(
        identifier="forum.circle-its-own",
        source="A question beside forum.circle-at-the-start",
        claim="Seen there, it has from the start much of that very frequency as whose circle it ends.",
        published=None,
        how="The same with the share of the frequency that is the largest of the final embedding in that plane.",
        criterion="Above the 95th percentile of 1,000 random planes in at least 80% of the networks.",
    ),
    Claim(
        identifier="forum.forks-noise",
        source="A control beside these claims",
        claim="Rounding alone hardly moves the step of grokking, so that forks can be compared.",
        published=None,
        how="Steps from the fork to grokking of the arm that changes only the order of summation, over those of the "
        "run that was not changed: mean over networks of the absolute value of the logarithm.",
        criterion="The 95% interval lies below log 1.1.",
    ),
    Claim(
        identifier="forum.forks-no-kicks",
        source="A control beside these claims",
        claim="What these changes do is their own: changes as large that leave the weights as large a norm, in random "
        "directions, do something else.",
        published=None,
        how="Steps from the fork to grokking with the memory projected out, the key frequencies doubled and removed, "
        "each over those of its control, paired by seed.",
        criterion="As 95% intervals of the mean ratio: below 0.8 with the memory projected out and with the key "
        "frequencies doubled, above 1.2 with them removed (partly: one or two of them).",
        since="Changed on 2026-11-22 in words only, after a first look: at first it said that random changes 'do "
        "less', of which its measure says nothing.",
    ),
)
