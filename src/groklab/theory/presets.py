"""The three settings of Figure 2 of Varma et al. 2023.

(a) is Table 1. Those of (b) and (c) are not published: ours change one number of Table 1 each, and stop at the same
step. How many steps the figure shows is not known either; 20,000 show all phases under both normalisations.
"""

from groklab.theory.settings import Circuits, Normalisation

HORIZON = 20_000
"""Steps of the figure, chosen."""
CONVERGED = 1_000_000
"""Steps after which nothing moves any more, under either normalisation."""


def all_ingredients(normalisation: Normalisation = "alpha") -> Circuits:
    """Figure 2 (a): Table 1 as it stands."""
    return Circuits().replace({"normalisation": normalisation})


def inefficient_gen(normalisation: Normalisation = "alpha") -> Circuits:
    """Figure 2 (b): P_g = 4 instead of 1, so that Gen costs twice what Mem does, as Mem cost twice what Gen did."""
    return all_ingredients(normalisation).replace({"gen_norm": 4.0})


def equal_speeds(normalisation: Normalisation = "alpha") -> Circuits:
    """Figure 2 (c): w_g2(0) = 1 instead of 0.005, so that Gen starts as Mem does."""
    return all_ingredients(normalisation).replace({"gen_second": 1.0})


FIGURE_2 = {
    "a": ("all three ingredients", all_ingredients),
    "b": ("Gen less efficient than Mem", inefficient_gen),
    "c": ("equal speeds", equal_speeds),
}
"""Panel: title and setting."""


def exchanged_norms(normalisation: Normalisation = "alpha") -> Circuits:
    """Another (b): P_g = 2 and P_m = 1, the two norms of Table 1 exchanged."""
    return all_ingredients(normalisation).replace({"gen_norm": 2.0, "mem_norm": 1.0})


def both_slow(normalisation: Normalisation = "alpha") -> Circuits:
    """Another (c): w_m2(0) = 0.005 as well, so that Mem starts as Gen does."""
    return all_ingredients(normalisation).replace({"mem_second": 0.005})


ALTERNATIVES = {
    "b'": ("the two norms exchanged", exchanged_norms),
    "c'": ("equal speeds, both slow", both_slow),
}
"""What (b) and (c) could have been as well; no claim rests on these."""
