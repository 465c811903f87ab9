"""The critical training-set size: where memorising costs as much parameter norm as generalising (Varma et al. 2023).

A circuit with norm P at logit 1 has norm P y^(1/kappa) at logit y. In logarithms, with D the training-set size:

    Mem: log norm = a + b log D + c log y          Gen: log norm = a' + c' log y

Mem's power law in D is a choice (the paper has none): it has one parameter more than a constant, is a straight line
on the paper's axes, and b > 0 is its claim P1. Each kind has its own c, so that sizes are compared at one logit y.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from groklab.errors import Mistake


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Networks of one circuit each."""

    size: Float[np.ndarray, " network"]
    """D, training-set size."""
    logit: Float[np.ndarray, " network"]
    """Correct logit, or margin: what is to be equal."""
    norm: Float[np.ndarray, " network"]
    """Parameter norm."""
    gen: Bool[np.ndarray, " network"]
    """Whether the network generalises; the others memorise."""
    seed: Int[np.ndarray, " network"]
    """Networks of one seed are drawn together, separately for Gen and Mem."""

    def __post_init__(self) -> None:
        lengths = {len(self.size), len(self.logit), len(self.norm), len(self.gen), len(self.seed)}
        if len(lengths) != 1:
            raise Mistake(f"points need one value a network in every field, given lengths {sorted(lengths)}")
        for name in ("size", "logit", "norm"):
            values = getattr(self, name)
            bad = int(np.sum(~(np.isfinite(values) & (values > 0))))
            if bad:
                raise Mistake(f"{name} must be positive, as its logarithm is fitted; leave out {bad} of {len(values)}")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its 95% bootstrap interval over seeds."""

    value: float
    """The estimate on all points."""
    low: float
    """Lower end; 0 for a critical size means below the range."""
    high: float
    """Upper end; infinity for a critical size means above the range."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CriticalSize:
    """Where the two efficiencies cross."""

    size: Estimate
    """D_crit: 0 where Mem costs more at every size of the range, infinity where Gen does."""
    crosses: float
    """Share of the draws in which they cross within the range."""
    sentence: str
    """The answer in words."""
    at: float
    """The logit y at which they are compared."""
    range: tuple[float, float]
    """Least and largest size of the Mem networks: nothing is said beyond."""
    mem_slope: Estimate
    """b: d log norm / d log D of Mem at equal logit."""
    gen_slope: Estimate
    """The same of Gen, fitted for its own sake: the theory has 0."""
    mem_exponent: Estimate
    """c: d log norm / d log logit of Mem, 1/kappa in the theory."""
    gen_exponent: Estimate
    """c' of Gen."""
    curves: tuple[tuple[float, float, float], ...]
    """Size, norm that Mem needs, norm that Gen needs, at the logit `at`."""


def critical_size(points: Points, *, at: float | None = None, draws: int = 1000, seed: int = 0) -> CriticalSize:
    """Fits both efficiencies by least squares in logarithms and crosses them.

    `at` is the logit of the comparison, by default the geometric middle of those that both kinds have. The interval
    resamples seeds, with all their networks, of Gen and of Mem apart. Raises `Mistake` where a kind has too few
    points or two sizes cannot be told apart, or where no logit is common and `at` is not given.
    """
    gen, mem = points.gen, ~points.gen
    y = _common_logit(points) if at is None else at
    if not y > 0:
        raise Mistake(f"efficiencies are compared at a positive logit, not {y}")
    span = (float(points.size[mem].min()), float(points.size[mem].max())) if mem.any() else (1.0, 1.0)
    whole = _fit(points, np.flatnonzero(gen), np.flatnonzero(mem))
    if whole is None:
        raise Mistake("the fit needs Mem networks at two sizes and logits at least, and Gen networks at two logits")
    generator = np.random.default_rng(seed)
    samples = [_fit(points, _redraw(points, gen, generator), _redraw(points, mem, generator)) for _ in range(draws)]
    fits = [found for found in samples if found is not None]
    crossings = np.array([_crossing(found, y, span) for found in fits])
    within = (crossings > 0) & np.isfinite(crossings)
    size = _estimate(_crossing(whole, y, span), crossings)
    sizes = np.geomspace(*span, 25)
    return CriticalSize(
        size=size,
        crosses=float(np.mean(within)) if len(fits) else 0.0,
        sentence=_sentence(size, y, span),
        at=y,
        range=span,
        mem_slope=_estimate(whole.mem[1], [found.mem[1] for found in fits]),
        gen_slope=_estimate(whole.gen_slope, [found.gen_slope for found in fits]),
        mem_exponent=_estimate(whole.mem[2], [found.mem[2] for found in fits]),
        gen_exponent=_estimate(whole.gen[1], [found.gen[1] for found in fits]),
        curves=tuple((float(d), math.exp(whole.mem_needs(float(d), y)), math.exp(whole.gen_needs(y))) for d in sizes),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fit:
    """Both lines in logarithms."""

    mem: Float[np.ndarray, "3"]
    gen: Float[np.ndarray, "2"]
    gen_slope: float

    def mem_needs(self, size: float, logit: float) -> float:
        """Log norm that Mem needs at a size and a logit."""
        return float(self.mem @ [1.0, math.log(size), math.log(logit)])

    def gen_needs(self, logit: float) -> float:
        """Log norm that Gen needs at a logit."""
        return float(self.gen @ [1.0, math.log(logit)])


def _fit(points: Points, gen: Int[np.ndarray, " g"], mem: Int[np.ndarray, " m"]) -> _Fit | None:
    """The lines through these networks; nothing where they do not determine them."""
    size, logit, norm = np.log(points.size), np.log(points.logit), np.log(points.norm)

    def solve(of: Int[np.ndarray, " n"], with_size: bool) -> Float[np.ndarray, " term"] | None:
        columns = [np.ones(len(of)), *([size[of]] if with_size else []), logit[of]]
        solution, _, rank, _ = np.linalg.lstsq(np.stack(columns, axis=1), norm[of], rcond=1e-9)
        return solution if rank == len(columns) else None

    ours, theirs, sloped = solve(mem, True), solve(gen, False), solve(gen, True)
    if ours is None or theirs is None:
        return None
    return _Fit(mem=ours, gen=theirs, gen_slope=math.nan if sloped is None else float(sloped[1]))


def _redraw(points: Points, kind: Bool[np.ndarray, " network"], generator: np.random.Generator) -> np.ndarray:
    """The networks of as many seeds as there are, drawn with replacement."""
    seeds = np.unique(points.seed[kind])
    drawn = generator.choice(seeds, len(seeds))
    return np.concatenate([np.flatnonzero(kind & (points.seed == one)) for one in drawn])


def _crossing(fit: _Fit, logit: float, span: tuple[float, float]) -> float:
    """The size at which both need the same norm; 0 where Mem needs more all along, infinity where Gen does.

    A Mem whose norm falls with size does not cross from below: its mean over the range then decides.
    """
    gaps = [fit.mem_needs(size, logit) - fit.gen_needs(logit) for size in span]
    if gaps[0] <= 0 <= gaps[1] and fit.mem[1] > 0:
        return math.exp(math.log(span[0]) - gaps[0] / float(fit.mem[1]))
    return 0.0 if sum(gaps) > 0 else math.inf


def _common_logit(points: Points) -> float:
    kinds = [points.logit[points.gen], points.logit[~points.gen]]
    if not all(len(values) for values in kinds):
        raise Mistake("a critical size needs networks of both kinds, generalising and memorising ones")
    low, high = max(values.min() for values in kinds), min(values.max() for values in kinds)
    if low > high:
        raise Mistake(
            f"no logit is common to both kinds ({low:.3g} is the least of one, {high:.3g} the largest of the other); "
            "give the logit to compare at"
        )
    return math.sqrt(float(low) * float(high))


def _estimate(value: float, samples: "np.ndarray | list[float]") -> Estimate:
    known = np.asarray(samples, float)
    known = known[~np.isnan(known)]
    if not len(known) or math.isnan(value):
        return Estimate(value=value, low=math.nan, high=math.nan)
    # Order statistics: some draws may be infinite.
    low, high = np.quantile(known, [0.025, 0.975], method="inverted_cdf")
    return Estimate(value=value, low=float(low), high=float(high))


def _sentence(size: Estimate, logit: float, span: tuple[float, float]) -> str:
    scope = f"between D = {span[0]:.0f} and {span[1]:.0f} at logit {logit:.3g}"
    low = f"below {span[0]:.0f}" if size.low == 0 else f"{size.low:.0f}"
    high = f"above {span[1]:.0f}" if size.high == math.inf else f"{size.high:.0f}"
    if size.value == 0:
        return f"no crossing in the range: Mem needs more norm than Gen {scope} (95% interval {low} to {high})"
    if size.value == math.inf:
        return f"no crossing in the range: Gen needs more norm than Mem {scope} (95% interval {low} to {high})"
    return f"Mem and Gen need the same norm at D = {size.value:.0f} (95% interval {low} to {high}), {scope}"
