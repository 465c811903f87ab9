"""Repeated subsequences (Nanda et al. 2023, appendix E), drawn."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from groklab.tasks.sequences.examples import Examples
from groklab.tasks.sequences.settings import SubsequencesSettings


def draw(settings: SubsequencesSettings, key: PRNGKeyArray, count: int) -> Examples:
    """Random tokens of which those from `first` on come again from `second` on, as many as a block has.

    Of the tokens that are neither, g in number, uniformly many stand before the first copy, and of the rest uniformly
    many between the two. What counts is where the token read is one of the second copy, but its last.
    """
    block, whole = settings.block, settings.sequence + 1
    draw_tokens, draw_first, draw_second = jax.random.split(key, 3)
    left = whole - 2 * block
    first = jax.random.randint(draw_first, (count, 1), 0, left + 1)
    second = first + block + jax.random.randint(draw_second, (count, 1), 0, left - first + 1)
    place = jnp.arange(whole)
    random = jax.random.randint(draw_tokens, (count, whole), 0, settings.tokens)
    again = (place >= second) & (place < second + block)
    text = jnp.take_along_axis(random, jnp.where(again, place - second + first, place), axis=1)
    read = jnp.arange(settings.sequence - settings.positions, settings.sequence)
    counts = (read >= second) & (read < second + block - 1)
    return Examples(
        tokens=text[:, :-1],
        answers=text[:, read + 1],
        counts=counts,
        source=jnp.where(counts, read - second + first + 1, -1),
    )
