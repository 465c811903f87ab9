"""The heads of a one-layer transformer: their scores as one frequency, their softmax as a line, what they carry.

The last position's token is constant, so the score a head gives an operand is a table over that operand's
tokens, s_a(x) and s_b(y). Between the two operands the softmax is a sigmoid of their difference,
p_a / (p_a + p_b) = sigmoid(s_a(x) - s_b(y)), in which the score of the constant tokens cancels.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import expit, ndtr, softmax

from groklab.circuits.products import product
from groklab.models import Transformer
from groklab.models.inputs import OPERAND

CHUNK = 512
"""Pairs whose logits are computed at once."""
EVERYTHING = slice(None)
Optional = Float[Array, "..."] | None


@dataclass(frozen=True)
class Attention:
    """Scores and values of every position, and the network with them changed. numpy, float32 throughout."""

    model: Transformer
    """One layer, no LayerNorm."""
    template: tuple[int, ...]
    """The layout of the tokens, -1 for an operand."""
    a: Int[np.ndarray, " pair"]
    """The first operand's token of every pair."""
    b: Int[np.ndarray, " pair"]
    """The second operand's."""

    @cached_property
    def operands(self) -> tuple[int, int]:
        """The positions of a and b."""
        first = self.template.index(OPERAND)
        return first, self.template.index(OPERAND, first + 1)

    @cached_property
    def scores(self) -> list[Float[np.ndarray, "h v"]]:
        """The score of every token at every position; one column at constant positions."""
        heads = self.model.blocks[0].attn
        width = heads.W_Q.shape[-1]
        query = _plus(np.einsum("vd,hdk->hvk", self._stream[-1], heads.W_Q)[:, 0], heads.b_Q)
        # A bias of the keys moves all positions alike.
        keys = [np.einsum("vd,hdk->hvk", x, heads.W_K) for x in self._stream]
        return [np.einsum("hvk,hk->hv", key, query) / np.float32(math.sqrt(width)) for key in keys]

    @cached_property
    def pattern(self) -> Float[np.ndarray, "position h pair"]:
        """The attention from the last position."""
        return softmax(np.stack([self._of_pairs(s, at) for at, s in enumerate(self.scores)]), axis=0)

    @cached_property
    def difference(self) -> Float[np.ndarray, "h pair"]:
        """s_a(x) - s_b(y)."""
        first, second = self.operands
        return self._of_pairs(self.scores[first], first) - self._of_pairs(self.scores[second], second)

    def lines(self) -> tuple[Float[np.ndarray, "h 2"], Float[np.ndarray, " h"]]:
        """The least-squares line of the sigmoid, slope and intercept, and the share of variance it explains."""
        fits, shares = [], []
        for gap in self.difference.astype(np.float64):
            share = expit(gap)
            spread = gap.var()
            slope = float(np.mean((gap - gap.mean()) * (share - share.mean())) / spread) if spread > 0 else 0.0
            fits.append((slope, float(share.mean() - slope * gap.mean())))
            left = share - slope * gap - fits[-1][1]
            shares.append(1 - left.var() / share.var() if share.var() > 0 else float("nan"))
        return np.array(fits), np.array(shares)

    def linearised(self) -> Float[np.ndarray, "position h pair"]:
        """The pattern with the sigmoid replaced by its line; what the constant tokens get stays as it is."""
        first, second = self.operands
        fits, _ = self.lines()
        line = (fits[:, :1] * self.difference + fits[:, 1:]).astype(np.float32)
        both = self.pattern[first] + self.pattern[second]
        changed = self.pattern.copy()
        changed[first], changed[second] = both * line, both * (1 - line)
        return changed

    def outputs(
        self, pattern: Float[np.ndarray, "position h pair"], head: int, part: slice = EVERYTHING
    ) -> Float[np.ndarray, "pair k"]:
        """What a head takes from the tokens, before W_O, on all pairs or on a part of them."""
        z = np.zeros((len(self.a[part]), self._values[0].shape[-1]), np.float32)
        for at, values in enumerate(self._values):
            z += pattern[at, head, part][:, None] * values[head][self._tokens(at)[part]]
        return z

    def logits(
        self,
        pattern: Float[np.ndarray, "position h pair"],
        columns: Int[np.ndarray, " c"],
        off: tuple[int, ...] = (),
        direct: bool = True,
    ) -> Float[np.ndarray, "pair c"]:
        """The network's logits with another pattern, with heads switched off, or without the path around attention.

        The columns asked for, float32. `direct` False takes the residual stream of the last position out.
        """
        block, unembed = self.model.blocks[0], self.model.unembed
        W_U = np.asarray(unembed.W_U)[:, columns]
        bias = None if unembed.b_U is None else np.asarray(unembed.b_U)[columns]
        logits = np.empty((len(self.a), W_U.shape[1]), np.float32)
        for start in range(0, len(self.a), CHUNK):
            part = slice(start, start + CHUNK)
            x = self._attended(pattern, part, off, direct)
            if block.mlp is not None:
                pre = _plus(product(x, np.asarray(block.mlp.W_in)), block.mlp.b_in)
                post = _activated(block.mlp.activation, pre)
                x += _plus(product(post, np.asarray(block.mlp.W_out)), block.mlp.b_out)
            logits[part] = _plus(product(x, W_U), bias)
        return logits

    def neurons(self, place: slice) -> Float[np.ndarray, "pair part"]:
        """The neurons of these numbers. Raises `ValueError` for a network without any."""
        mlp = self.model.blocks[0].mlp
        if mlp is None:
            raise ValueError("this network is attention only")
        W_in = np.asarray(mlp.W_in)[:, place]
        bias = None if mlp.b_in is None else np.asarray(mlp.b_in)[place]
        neurons = np.empty((len(self.a), W_in.shape[1]), np.float32)
        for start in range(0, len(self.a), CHUNK):
            part = slice(start, start + CHUNK)
            neurons[part] = _activated(mlp.activation, _plus(product(self._attended(self.pattern, part), W_in), bias))
        return neurons

    def _attended(
        self,
        pattern: Float[np.ndarray, "position h pair"],
        part: slice,
        off: tuple[int, ...] = (),
        direct: bool = True,
    ) -> Float[np.ndarray, "pair d"]:
        """The residual stream after attention at the last position."""
        heads = self.model.blocks[0].attn
        W_O, constant = np.asarray(heads.W_O), self._stream[-1] if direct else np.zeros_like(self._stream[-1])
        x = np.repeat(_plus(constant, heads.b_O), len(self.a[part]), axis=0)
        for head in range(len(W_O)):
            if head not in off:
                x += product(self.outputs(pattern, head, part), W_O[head])
        return x

    @cached_property
    def _stream(self) -> list[Float[np.ndarray, "v d"]]:
        W_E, W_pos = np.asarray(self.model.embed.W_E), np.asarray(self.model.pos_embed.W_pos)
        return [(W_E if token == OPERAND else W_E[[token]]) + W_pos[at] for at, token in enumerate(self.template)]

    @cached_property
    def _values(self) -> list[Float[np.ndarray, "h v k"]]:
        heads = self.model.blocks[0].attn
        bias = None if heads.b_V is None else np.asarray(heads.b_V)[:, None]
        return [_plus(np.einsum("vd,hdk->hvk", x, heads.W_V), bias) for x in self._stream]

    def _tokens(self, position: int) -> Int[np.ndarray, " pair"]:
        if position == self.operands[0]:
            return self.a
        return self.b if position == self.operands[1] else np.zeros_like(self.a)

    def _of_pairs(self, table: Float[np.ndarray, "h v"], position: int) -> Float[np.ndarray, "h pair"]:
        return table[:, self._tokens(position)]


def _plus(value: np.ndarray, bias: Optional | np.ndarray) -> np.ndarray:
    return value if bias is None else value + np.asarray(bias)


def _activated(name: str, value: np.ndarray) -> np.ndarray:
    if name == "quadratic":
        return value * value
    return np.maximum(value, 0) if name == "relu" else (value * ndtr(value)).astype(np.float32)
