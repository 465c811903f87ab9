"""Claims that no study tests yet, by the study that will, written down before its runs.

When the study comes its file takes its claims over from here, word for word, and they leave this file: a claim stands
in one place only, which a test holds. `results/claims.json` has a digest of each claim's words from now on. What will
count as its contrary follows from the same sentence: its literal opposite, read off as its criterion is.
"""

from collections.abc import Mapping

from groklab.findings.claim import Claim

TASKS = "Nanda et al. 2023, appendix E"
POST = "Forum post of Nanda and Lieberum 2022, comments"
EACH = "At least 80% of the networks."


def _claim(
    identifier: str, claim: str, how: str, criterion: str = EACH, *, source: str = POST, published: str | None = None
) -> Claim:
    return Claim(identifier=identifier, source=source, claim=claim, published=published, how=how, criterion=criterion)


def _task(name: str, words: str, limited: str) -> tuple[Claim, Claim]:
    """The two claims that are made of each of the other tasks."""
    return (
        _claim(
            f"nanda.{name}-phase-change",
            f"With unlimited data {words} is learned in a phase change, without grokking.",
            "The test loss loses half of its whole fall, in log, within a tenth of the steps of training, and the loss "
            "of the batches trained on is never below half the test loss up to the end of that fall.",
            source=TASKS,
            published="shown as curves",
        ),
        _claim(
            f"nanda.{name}-limited-groks",
            f"With limited data {words} is grokked.",
            f"With {limited} the train loss passes half of its way in log at most half as many steps in as the test "
            "loss does, while the test loss is at or above its initial value.",
            source=TASKS,
            published="shown as curves",
        ),
    )


PLANNED: Mapping[str, tuple[Claim, ...]] = {
    "nanda/other_tasks": (
        *_task("digits", "addition of numbers of five digits", "a fixed set of 700 sums"),
        _claim(
            "nanda.digits-one-by-one",
            "Each digit of the sum has a phase change of its own, at a time of its own.",
            "The steps at which the test loss of each output digit passes half of its way in log; of all pairs of "
            "digits, in how many they differ by more than a factor of 1.2.",
            "At least half of the pairs of digits, in at least 80% of the networks.",
            source=TASKS,
            published="shown as curves",
        ),
        *_task("subsequences", "completing repeated subsequences", "512 sequences"),
        _claim(
            "nanda.subsequences-induction",
            "The phase change is the forming of induction heads.",
            "At the end some head of the second layer has a prefix-matching and a copying score above 0.5; the steps "
            "at which its prefix-matching score and the test loss pass half of their ways differ by less than a tenth "
            "of training.",
            source=TASKS,
        ),
        *_task("trigrams", "predicting skip trigrams", "512 sequences"),
    ),
    "forum/linear_model": (
        _claim(
            "forum.linear-sgd-straight",
            "In the linear model of 101 weights SGD goes straight to the solution of least norm, with or without "
            "momentum.",
            "Largest distance of the weights from the line between 0 and the solution of least norm, over that "
            "solution's norm, with plain SGD and with momentum 0.9.",
            "Below 0.05 with both (partly: with one).",
        ),
        _claim(
            "forum.linear-adamw-phase-change",
            "In that model AdamW first memorises and then passes to the general weight (the post's first argument).",
            "In full batch: at some step the 100 memorising weights hold over half of the fit, at a later one the "
            "general weight does.",
            "At all of three strengths of the decay: 0.001, 0.01, 0.1 (partly: at two).",
        ),
        _claim(
            "forum.linear-adamw-alike",
            "In that model, in full batch, AdamW treats the general weight like any other (the post's correction).",
            "Largest difference between the general weight and a memorising one over all steps, relative to the "
            "larger, at decay 0.01.",
            "Below 0.05.",
        ),
        _claim(
            "forum.linear-batches",
            "In that model, with random batches, AdamW keeps the memorising weights smaller, but from the start: it "
            "never groks.",
            "Batches of 10 of 100 samples, learning rate 1e-3, decay 0.01: ratio of the general weight to the mean "
            "memorising one, at a tenth of the steps until the fit is half and at the end.",
            "Above 1 at both times, and the first at least half of the second, in at least 80% of the seeds.",
            published="shown as curves",
        ),
    ),
}
"""The claims of every study to come, by its name."""
