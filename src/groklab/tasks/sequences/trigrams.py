"""Skip trigrams (Nanda et al. 2023, appendix E), drawn."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from groklab.tasks.sequences.examples import Examples
from groklab.tasks.sequences.settings import TrigramsSettings


def draw(settings: TrigramsSettings, key: PRNGKeyArray, count: int) -> Examples:
    """Noise with one A at a uniform place before the end, and B at the end; the source is A's place."""
    last = settings.sequence - 1
    draw_noise, draw_first, draw_second, draw_place = jax.random.split(key, 4)
    known = settings.firsts + settings.seconds
    noise = jax.random.randint(draw_noise, (count, last), known, settings.vocabulary)
    first = jax.random.randint(draw_first, (count, 1), 0, settings.firsts)
    second = jax.random.randint(draw_second, (count, 1), 0, settings.seconds)
    place = jax.random.randint(draw_place, (count, 1), 0, last)
    before = jnp.where(jnp.arange(last) == place, first, noise)
    return Examples(
        tokens=jnp.concatenate([before, settings.firsts + second], axis=1),
        answers=first * settings.seconds + second,
        counts=jnp.ones((count, 1), bool),
        source=place,
    )
