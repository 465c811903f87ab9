"""Sequences with their answers, as arrays."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int


class Examples(eqx.Module):
    """Sequences of one task. Axes: example; token, the positions read; answer, the last positions, where answers are.

    May carry a leading run axis.
    """

    tokens: Int[Array, "*run example token"]
    """The tokens read."""
    answers: Int[Array, "*run example answer"]
    """The token or class that comes next."""
    counts: Bool[Array, "*run example answer"]
    """Where the answer can be known, and counts."""
    source: Int[Array, "*run example answer"]
    """The position of the token that tells the answer; -1 where there is no such, or the answer does not count."""

    def __len__(self) -> int:
        return self.tokens.shape[-2]


def one_after_another(first: Examples, second: Examples) -> Examples:
    """The examples of one set, then those of the other."""
    return Examples(
        tokens=jnp.concatenate([first.tokens, second.tokens]),
        answers=jnp.concatenate([first.answers, second.answers]),
        counts=jnp.concatenate([first.counts, second.counts]),
        source=jnp.concatenate([first.source, second.source]),
    )
