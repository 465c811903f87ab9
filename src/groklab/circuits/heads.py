"""What each head reads and writes, in frequencies (Nanda et al. 2023, section 4.3 and Table 2)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from groklab.circuits.attention import Attention
from groklab.circuits.basis import Basis
from groklab.circuits.periodic import pair_coefficients, term_power


@dataclass(frozen=True, kw_only=True, eq=False)
class Heads:
    """One entry a head."""

    frequency: tuple[int | str, ...] | None
    """The frequency that explains most of the variance of s_a(x) - s_b(y); nothing without a group."""
    share: Float[np.ndarray, " h"] | None
    """How much it explains (Table 2)."""
    line_share: Float[np.ndarray, " h"]
    """Share of the variance of the two operands' softmax that its best line in the score difference explains."""
    on_constants: Float[np.ndarray, " h"]
    """Mean attention to the constant tokens, the operation and the `=`."""
    output_frequency: tuple[int | str, ...] | None
    """The frequency of which the head's output to the residual stream carries most."""
    output_share: Float[np.ndarray, " h"] | None
    """Share of the output's variance over the pairs in the 8 terms of that frequency."""
    output_share_own: Float[np.ndarray, " h"] | None
    """The same for the frequency of the head's scores."""


def score_spectra(attention: Attention, basis: Basis) -> Float[np.ndarray, "h operand k"]:
    """Norms of the scores' Fourier components, over the tokens of a and of b."""
    tables = []
    for position, of in zip(attention.operands, ("a", "b"), strict=True):
        order = basis.structure.in_order(of)
        coefficients = basis.group.basis @ attention.scores[position][:, order].T.astype(np.float64)
        tables.append(np.sqrt(basis.group.membership.T @ coefficients**2))
    return np.transpose(np.stack(tables), (2, 0, 1))


def read_heads(attention: Attention, basis: Basis | None) -> Heads:
    """The heads on the attention's pairs, which are those of the basis where there is one."""
    _, line_share = attention.lines()
    constants = [at for at in range(len(attention.template)) if at not in attention.operands]
    on_constants = attention.pattern[constants].sum(axis=0).mean(axis=-1)
    if basis is None:
        return Heads(
            frequency=None,
            share=None,
            line_share=line_share,
            on_constants=on_constants,
            output_frequency=None,
            output_share=None,
            output_share_own=None,
        )
    # The variance of a difference of a function of x and one of y is the sum of their variances.
    power = (score_spectra(attention, basis) ** 2).sum(axis=1)
    best, share = _best(power, power.sum(axis=1))
    carried = np.stack([_carried(attention, head, basis) for head in range(len(power))])
    most, output_share = _best(carried[:, :-1], carried[:, -1])
    with np.errstate(invalid="ignore", divide="ignore"):
        own = carried[np.arange(len(best)), best] / carried[:, -1]
    return Heads(
        frequency=tuple(basis.labels[k] for k in best),
        share=share,
        line_share=line_share,
        on_constants=on_constants,
        output_frequency=tuple(basis.labels[k] for k in most),
        output_share=output_share,
        output_share_own=own,
    )


def _carried(attention: Attention, head: int, basis: Basis) -> Float[np.ndarray, " 1+k"]:
    """Power of a head's output in each frequency's 8 terms, and last in all but the constant."""
    z = attention.outputs(attention.pattern, head).reshape(basis.order, basis.order, -1)
    W_O = np.asarray(attention.model.blocks[0].attn.W_O, np.float64)[head]
    coefficients = pair_coefficients(z, basis).astype(np.float64)
    # The squared norm after W_O, without the larger array that W_O would make.
    power = np.einsum("ijk,ijk->ij", coefficients @ (W_O @ W_O.T), coefficients)
    power[0, 0] = 0
    return np.append(term_power(power, basis), power.sum())


def _best(
    power: Float[np.ndarray, "h k"], total: Float[np.ndarray, " h"]
) -> tuple[np.ndarray, Float[np.ndarray, " h"]]:
    best = power.argmax(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return best, power[np.arange(len(best)), best] / total
