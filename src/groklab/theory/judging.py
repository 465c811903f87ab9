"""The claims held against the simulation and the theorems."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from groklab.findings import Claim, Finding
from groklab.findings.claim import Verdict
from groklab.theory import claims, presets
from groklab.theory.allocation import closed_ratio
from groklab.theory.phases import classify
from groklab.theory.settings import Circuits, Normalisation
from groklab.theory.simulation import Trajectories, recorded_steps, simulate
from groklab.theory.trials import contest, random_scalings

NORMALISATIONS: tuple[Normalisation, ...] = ("alpha", "alpha/2")
SCALE = "simulation"


@cache
def panel(name: str, steps: int = presets.HORIZON) -> Trajectories:
    """A panel of figure 2, or an alternative to it, one simulation a normalisation."""
    return _both((presets.FIGURE_2 | presets.ALTERNATIVES)[name][1], steps)


def _both(setting: Callable[[Normalisation], Circuits], steps: int) -> Trajectories:
    return simulate([setting(normalisation) for normalisation in NORMALISATIONS], recorded_steps(steps))


def grokking() -> Finding:
    """Figure 2 (a)."""
    found = panel("a")
    times = classify(found)
    holds = [times.phase[n] == "groks" and times.delay[n] >= 10 for n in (0, 1)]
    words = [
        f"train loss below half chance at step {times.memorised[n]:,}, test loss at step {times.generalised[n]:,} "
        f"({times.delay[n]:.0f} times as many), first right test answer at step {found.test_flip[n]:,}"
        for n in (0, 1)
    ]
    return _by_normalisation(claims.GROKKING, holds, words, float(times.delay[0]), "times the steps to memorise")


def inefficient_gen() -> Finding:
    """Figure 2 (b)."""
    found = panel("b", presets.CONVERGED)
    times, chance = classify(found), np.log(found.settings[0].classes)
    after = [found.steps >= max(times.memorised[n], 0) for n in (0, 1)]
    least = [float(found.test_loss[n, after[n]].min()) for n in (0, 1)]
    holds = [times.memorised[n] > 0 and least[n] > chance and found.test_flip[n] < 0 for n in (0, 1)]
    words = [
        f"once memorised the test loss rises from {least[n]:.2f} to {found.test_loss[n, after[n]].max():.2f} nats and "
        f"ends at {found.test_loss[n, -1]:.2f} (chance {chance:.2f}), "
        + ("no test answer ever right" if found.test_flip[n] < 0 else f"a right one at step {found.test_flip[n]:,}")
        for n in (0, 1)
    ]
    return _by_normalisation(claims.INEFFICIENT, holds, words, least[0], "nats, the least test loss once memorised")


def equal_speeds() -> Finding:
    """Figure 2 (c)."""
    found = panel("c")
    times, chance = classify(found), np.log(found.settings[0].classes)
    most = found.test_loss.max(axis=1)
    holds = [bool(most[n] <= 1.01 * chance and times.delay[n] <= 2) for n in (0, 1)]
    words = [
        f"train loss below half chance at step {times.memorised[n]:,}, test loss at step {times.generalised[n]:,}, "
        f"never above {most[n]:.2f} nats (chance {chance:.2f})"
        for n in (0, 1)
    ]
    return _by_normalisation(claims.EQUAL_SPEEDS, holds, words, float(times.delay[0]), "times the steps to memorise")


def ratio() -> Finding:
    """Theorem D.4 (2) at the simulation's resting point."""
    found = panel("a", presets.CONVERGED)
    price = found.settings[0].efficiency
    wanted = closed_ratio(price.gen_norm, price.mem_norm, price.kappa)
    ratios = found.gen[:, -1] / found.mem[:, -1]
    arrived = [settled(found, n) for n in (0, 1)]
    words = [
        f"w_g / w_m = {ratios[n]:.9g} ({found.gen[n, -1]:.4f} / {found.mem[n, -1]:.4f}), the closed form {wanted:.9g}; "
        f"within 1% of it from about step {arrived[n]:,} on"
        for n in (0, 1)
    ]
    holds = [bool(abs(value / wanted - 1) < 1e-6) for value in ratios]
    return _by_normalisation(claims.RATIO, holds, words, float(ratios[0]), "w_g / w_m")


def settled(found: Trajectories, n: int, tolerance: float = 0.01) -> int | None:
    """The recorded step from which on w_g / w_m stays so close to the closed form, relatively; nothing if never."""
    price = found.settings[n].efficiency
    wanted = closed_ratio(price.gen_norm, price.mem_norm, price.kappa)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = ~(np.abs(found.gen[n] / found.mem[n] / wanted - 1) <= tolerance)
    last = int(np.flatnonzero(away)[-1]) if away.any() else -1
    return None if last + 1 == len(found.steps) else int(found.steps[last + 1])


def allocation() -> Finding:
    """Theorem D.4 on random instances."""
    found = contest(200)
    some = found.instances - found.zero
    share = found.alike / some
    sound = found.beaten < 1e-9
    verdict: Verdict = "contradicted" if not sound else _share(share)
    return Finding(
        claim=claims.ALLOCATION,
        verdict=verdict,
        sentence=f"in {found.alike} of {some} instances with any weight ({found.one} of all with kappa >= q) the "
        "numerical minimum comes within 1e-6 nats with the same weights to a thousandth; in all "
        f"{found.instances} it is never lower by more than {max(found.beaten, 0):.1g} nats",
        value=share,
        units="share of instances",
        scale=SCALE,
    )


def scaling() -> Finding:
    """Theorem D.1 on random classifiers."""
    found = random_scalings(1000)
    return Finding(
        claim=claims.SCALING,
        verdict="reproduced" if found.lower == found.classifiers else "contradicted",
        sentence=f"lower on every example in {found.lower:,} of {found.classifiers:,} classifiers; in "
        f"{found.visible:,} the mean losses of float64 show it too, in the others margins do",
        value=found.lower / found.classifiers,
        units="share of classifiers",
        scale=SCALE,
    )


def _share(share: float) -> Verdict:
    return "reproduced" if share >= 0.8 else "partly" if share >= 0.5 else "not reproduced"


def _by_normalisation(claim: Claim, holds: Sequence[bool], words: Sequence[str], value: float, units: str) -> Finding:
    """A finding whose value is that of the normalisation of appendix C."""
    return Finding(
        claim=claim,
        verdict="reproduced" if all(holds) else "partly" if any(holds) else "contradicted",
        sentence="; ".join(f"with {name}: {line}" for name, line in zip(NORMALISATIONS, words, strict=True)),
        value=value,
        units=units,
        scale=SCALE,
    )
