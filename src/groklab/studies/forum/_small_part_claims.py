"""What a reader of the post proposes: to grok a small part of the data first."""

from groklab.findings.claim import Claim

SOURCE = "Forum post of Nanda and Lieberum 2022, comments"
CLAIMS = (
    Claim(
        identifier="forum.small-part-first",
        source=SOURCE,
        claim="A network that groks a small part of the data first and is then trained on all generalises no worse "
        "than one trained on all at once (a reader's proposal).",
        published=None,
        how="Test loss at the end after equal numbers of steps, and of examples seen: difference of the means of the "
        "logarithms, small part first less all at once, paired by seed.",
        criterion="The 95% interval lies at or below log 1.1 for both counts (partly: for one).",
    ),
    Claim(
        identifier="forum.small-part-soon",
        source="A question beside forum.small-part-first",
        claim="Such a network generalises as soon as one trained on all at once, the steps on the small part counted.",
        published=None,
        how="Steps, and examples seen, until the test loss first falls to 1e-3 nats: small part first over all at "
        "once, mean over seeds in which both get there.",
        criterion="The 95% interval lies at or below 1.1 for both counts (partly: for one).",
        since="Added on 2026-11-23, after a look at the losses.",
    ),
    Claim(
        identifier="forum.small-part-sooner",
        source=SOURCE,
        claim="A network that groks a small part of the data first and is then trained on all generalises in fewer "
        "steps than with the small part alone.",
        published=None,
        how="Step of grokking, the second part's steps counted, over that of training on the small part alone, paired "
        "by seed.",
        criterion="The 95% interval of the mean ratio lies below 1.",
        since="Before the runs: a network that has grokked the small part had the same steps as the one on the small "
        "part alone, so that the ratio of their steps of grokking is 1 whatever comes then. Compared are the steps at "
        "which the test loss first falls to 1e-3 nats. Changed on 2026-11-22, after a first look: at first a pair of "
        "which neither gets there had the ratio 1; now it counts for nothing, and where one does not get there the "
        "interval is open on the side on which its ratio may lie.",
    ),
)
