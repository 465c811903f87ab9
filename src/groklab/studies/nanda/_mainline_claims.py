"""What is claimed of the main run."""

from groklab.findings.claim import Claim

CLAIMS = (
    Claim(
        identifier="nanda.memorise-then-generalise",
        source="Nanda et al. 2023, section 3, figure 2",
        claim="Networks first memorise their training set, and long after that suddenly generalise.",
        published="memorised by 1,400, generalised at 9,400 to 14,000 steps",
        how="Test accuracy at the first step with train accuracy 1 is below 0.5, and at some later step above 0.99.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.three-phases",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="Training has three phases: memorisation, circuit formation, clean-up.",
        published="0 to 1,400; 1,400 to 9,400; 9,400 to 14,000 steps, set by eye",
        how="All three are found by the rule of docs/phases.md.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.excluded-turns",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The excluded loss first falls with the train loss, and later rises while the train loss stays low.",
        published=None,
        how="Before the test loss has begun to fall (a tenth of its way in log) the excluded loss has a minimum below "
        "half its initial value; from there to the end of training it rises at least twofold, and the train loss "
        "is no higher at the end than at that minimum.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.restricted-first",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The restricted loss falls before the test loss does.",
        published=None,
        how="The restricted loss on test pairs has gone a tenth of its way in log from its highest value to its last "
        "at an earlier step than the test loss has.",
        criterion="At least 80% of the networks.",
    ),
    Claim(
        identifier="nanda.squares-clean-up",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The sum of squared weights falls most in clean-up.",
        published=None,
        how="Of the three phases, its fall from the first to the last step is greatest in clean-up, which lasts to the "
        "end of training where no end of it was seen.",
        criterion="At least 80% of the networks that have all three phases.",
        since="Changed on 2026-11-22 in words only: at first it did not say how long clean-up lasts.",
    ),
    Claim(
        identifier="nanda.squares-sharpest-in-clean-up",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The sum of squared weights drops sharply in clean-up.",
        published=None,
        how="Of the three phases, its fall a step is greatest in clean-up.",
        criterion="At least 80% of the networks that have all three phases.",
    ),
    Claim(
        identifier="nanda.gini-clean-up",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The Gini coefficient of W_L's spectrum rises most in clean-up.",
        published=None,
        how="Of the three phases, the rise of the Gini coefficient of W_L's spectrum is greatest in clean-up.",
        criterion="At least 80% of the networks that have all three phases.",
        since="Changed on 2026-11-22 in words only: at first the claim said 'the Gini coefficients'.",
    ),
    Claim(
        identifier="nanda.gini-sharpest-in-clean-up",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The Gini coefficient of W_L's spectrum rises sharply in clean-up.",
        published=None,
        how="Of the three phases, the rise a step of the Gini coefficient of W_L's spectrum is greatest in clean-up.",
        criterion="At least 80% of the networks that have all three phases.",
        since="Changed on 2026-11-22 in words only: at first the claim said 'the Gini coefficients'.",
    ),
    Claim(
        identifier="nanda.logits-explained",
        source="Nanda et al. 2023, section 4.2",
        claim="The logits are a sum of cosines of the key frequencies.",
        published="95% of variance",
        how="Share of the centred logits' variance in the cosines of the key frequencies, at the last step, mean over "
        "the networks that grokked with a bootstrap interval.",
        criterion="The 95% interval lies above 0.9.",
        since="Changed on 2026-11-22: at first the share of all cosines was averaged over all networks; now it is "
        "that of the key frequencies, over those that grokked.",
    ),
    Claim(
        identifier="nanda.rest-hurts",
        source="Nanda et al. 2023, section 4.4",
        claim="Taking all but the key frequencies out of the logits improves the loss.",
        published="2.4e-7 to 5.6e-8",
        how="At the last step the restricted loss on test pairs is below the test loss.",
        criterion="At least 80% of the networks that grokked.",
    ),
    Claim(
        identifier="nanda.key-needed",
        source="Nanda et al. 2023, sections 4.4 and 5.2",
        claim="Without the key frequencies the trained network is no better than guessing, on its train pairs too.",
        published="5.27 against 4.73 for guessing (at the neurons, all pairs)",
        how="At the last step the excluded loss is at least log P.",
        criterion="At least 80% of the networks that grokked.",
    ),
    Claim(
        identifier="nanda.gini-flat-in-memorisation",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The Gini coefficient of W_L's spectrum stays as it is in memorisation.",
        published=None,
        how="Its change from the first to the last step of memorisation is at most a tenth of that of all training.",
        criterion="At least 80% of the networks that have all three phases.",
        since="Added on 2026-11-22, when the verdicts of the other claims on these runs were known, and before its "
        "own was computed.",
    ),
    Claim(
        identifier="nanda.squares-fall-in-formation",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The sum of squared weights falls in circuit formation already.",
        published=None,
        how="It is smaller at the last step of circuit formation than at the first.",
        criterion="At least 80% of the networks that have all three phases.",
        since="Added on 2026-11-22, when the verdicts of the other claims on these runs were known, and before its "
        "own was computed.",
    ),
    Claim(
        identifier="nanda.excluded-levels-off",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The excluded loss rises in circuit formation and levels off in clean-up.",
        published=None,
        how="Its rise from the first to the last step of circuit formation is positive and greater than that in "
        "clean-up, in nats.",
        criterion="At least 80% of the networks that have all three phases.",
        since="Added on 2026-11-22, when the verdicts of the other claims on these runs were known, and before its "
        "own was computed.",
    ),
    Claim(
        identifier="nanda.restricted-falls-on",
        source="Nanda et al. 2023, section 5.2, figure 7",
        claim="The restricted loss goes on falling in clean-up.",
        published=None,
        how="The restricted loss on test pairs is smaller at the last step of clean-up than at the first.",
        criterion="At least 80% of the networks that have all three phases.",
        since="Added on 2026-11-22, when the verdicts of the other claims on these runs were known, and before its "
        "own was computed; the curves had been seen.",
    ),
)
