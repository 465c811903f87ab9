"""The logits as a sum of cosines of a + b - c (Nanda et al. 2023, sections 4.1 and 4.2).

Shares are of the variance of the logits with each pair's mean over answers removed, which no softmax sees.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from groklab.circuits.basis import Basis
from groklab.circuits.projections import difference_profile, on_pairs
from groklab.circuits.scoring import Score, Scorer

RIVALS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Cosines:
    """The logits' form, and how sure its answer is."""

    projected: Float[np.ndarray, " k"]
    """The coefficient of cos w_k(x+y-c) in the logits, for every frequency."""
    least_squares: Float[np.ndarray, " k"]
    """Coefficients of the best sum of key cosines, a constant beside them; 0 for all other frequencies. Equal to
    the projected ones, because the cosines are orthogonal over the whole table."""
    share: float
    """Share of the logits' variance that the key cosines explain."""
    share_all: float
    """The same for the cosines of all frequencies."""
    replaced: Score
    """The score of the sum of key cosines in place of the logits."""
    gap: float
    """How far the sum of key cosines at d = 0 stands above its largest other value, in nats."""
    rivals: tuple[tuple[int, float], ...]
    """The nearest ties: differences d, as numbers of group elements, and how far below d = 0 the sum is there."""
    least_margin: float
    """The least, over the pairs, of the right answer's logit minus the largest other one."""
    median_margin: float
    """The median of the same."""


def read_cosines(
    table: Float[np.ndarray, "x y c"], basis: Basis, key: Bool[np.ndarray, " k"], scorer: Scorer
) -> Cosines:
    """The logits of the group's pairs and answers in cosines."""
    profile = difference_profile(table, basis).astype(np.float64)
    waves = basis.waves
    squares = (waves**2).sum(axis=1)
    projected = waves @ profile / squares
    design = np.concatenate([np.ones((1, basis.order)), waves[key]]).T
    least_squares = np.zeros(len(key))
    least_squares[key] = np.linalg.lstsq(design, profile, rcond=None)[0][1:]
    count = table.shape[0] * table.shape[1]
    mean = table.mean(axis=2, dtype=np.float64)
    squared = np.einsum("xyc,xyc->", table, table, dtype=np.float64)
    variance = float(squared - basis.order * np.sum(mean**2))
    whole = least_squares @ waves
    drop = whole[0] - whole
    # d and its inverse are equally far on a circle: rounding must not choose between them.
    order = [int(d) for d in np.argsort(drop.round(9), kind="stable") if d != 0][:RIVALS]
    margins = margins_of(table.reshape(count, -1), basis.group.product.reshape(-1))
    return Cosines(
        projected=projected,
        least_squares=least_squares,
        share=float(count * np.sum(least_squares**2 * squares) / variance) if variance > 0 else float("nan"),
        share_all=float(count * np.sum(projected**2 * squares) / variance) if variance > 0 else float("nan"),
        replaced=scorer(on_pairs(whole.astype(np.float32), basis)),
        gap=float(drop[order[0]]),
        rivals=tuple((d, float(drop[d])) for d in order),
        least_margin=float(margins.min()),
        median_margin=float(np.median(margins)),
    )


def margins_of(logits: Float[np.ndarray, "pair c"], right: np.ndarray) -> Float[np.ndarray, " pair"]:
    """The right answer's logit minus the largest other one."""
    pair = np.arange(len(right))
    own = logits[pair, right].copy()
    others = logits.copy()
    others[pair, right] = -np.inf
    return own - others.max(axis=1)
