"""What Varma et al. 2023 claim of the simulation and of their theorems, and what ours says: no network is trained.

Criteria were written before the simulation was run. "Half chance" is half the loss of a uniform guess, log(C) / 2.
"""

from collections.abc import Mapping

from groklab.findings import Claim, Finding

GROKKING = Claim(
    identifier="varma.simulation-grokking",
    source="Varma et al. 2023, section 3 and figure 2 (a)",
    claim="With all three ingredients the test loss falls long after the train loss.",
    published="shown as a curve; its numbers are not given",
    how="the simulation at Table 1, with both normalisations of the penalty; times at which losses fall below half "
    "chance, among about 400 recorded steps, geometrically spaced",
    criterion="when the train loss falls below half chance the test loss is above chance, and it falls below half "
    "chance at least 10 times as many steps later; with both normalisations (partly: with one)",
)
INEFFICIENT = Claim(
    identifier="varma.simulation-inefficient-gen",
    source="Varma et al. 2023, section 3 and figure 2 (b)",
    claim="With Gen less efficient than Mem the test loss never falls.",
    published="shown as a curve; its setting is not given",
    how="the simulation at Table 1 but P_g = 4, to convergence, with both normalisations",
    criterion="from the step on at which the train loss is below half chance, to step 1,000,000, the test loss is "
    "above chance and no test answer right; with both normalisations (partly: with one)",
)
EQUAL_SPEEDS = Claim(
    identifier="varma.simulation-equal-speeds",
    source="Varma et al. 2023, section 3 and figure 2 (c)",
    claim="Where Gen is learned as fast as Mem the test loss falls at once.",
    published="shown as a curve; its setting is not given",
    how="the simulation at Table 1 but w_g2(0) = 1, with both normalisations",
    criterion="the test loss is never more than 1% above chance and falls below half chance within twice the steps "
    "that the train loss takes; with both normalisations (partly: with one)",
)
RATIO = Claim(
    identifier="varma.simulation-ratio",
    source="Varma et al. 2023, theorem D.4 (2)",
    claim="For kappa < 2 gradient descent ends with weights in the ratio (P_m / P_g)^(2 kappa / (2 - kappa)).",
    published="2^3 = 8 at Table 1, by the theorem",
    how="w_g / w_m of the simulation at Table 1 after 1,000,000 steps, with both normalisations",
    criterion="within 1e-6 of the closed form, relatively; with both normalisations (partly: with one)",
)
ALLOCATION = Claim(
    identifier="varma.allocation",
    source="Varma et al. 2023, theorem D.4",
    claim="For kappa >= q a circuit of least norm takes all the weight; below, each gets its share by P_i^(-q kappa / "
    "(q - kappa)).",
    published="proved",
    how="200 random instances (1 to 4 circuits, norms over two decades, kappa 0.3 to 5, alpha 1e-4 to 10): a numerical "
    "minimiser that knows nothing of the theorem, from random mixtures of all circuits, beside the closed form",
    criterion="no instance in which the numerical minimum is lower by more than 1e-9 nats, and at least 80% of those "
    "with any weight in which it comes within 1e-6 nats with the same weights, to a thousandth of their total (partly: "
    "50%)",
    since="Changed on 2026-11-23, after a look: at first minima were compared alone, and each circuit alone was among "
    "the starts; 200 of 200 agreed.",
)
SCALING = Claim(
    identifier="varma.scaling",
    source="Varma et al. 2023, theorem D.1",
    claim="Multiplying all logits of a classifier that is right everywhere by c > 1 lowers its loss.",
    published="proved",
    how="1,000 random classifiers right everywhere, margins over 12 decades, c - 1 over 15: margins decide where the "
    "losses of float64 agree to the last bit",
    criterion="the loss is lower on every example in all of them",
)


def findings() -> tuple[Finding, ...]:
    """All of the above, found anew: some seconds, the same every time."""
    from groklab.theory import judging

    return (
        judging.grokking(),
        judging.inefficient_gen(),
        judging.equal_speeds(),
        judging.ratio(),
        judging.allocation(),
        judging.scaling(),
    )


CLAIMS: Mapping[str, Claim] = {
    claim.identifier: claim for claim in (GROKKING, INEFFICIENT, EQUAL_SPEEDS, RATIO, ALLOCATION, SCALING)
}
"""Every claim by its identifier."""
