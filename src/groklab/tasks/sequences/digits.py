"""Addition digit by digit (Nanda et al. 2023, appendix E), drawn."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from groklab.tasks.sequences.examples import Examples
from groklab.tasks.sequences.settings import DigitsSettings

PLUS, EQUALS = 10, 11
"""Tokens of the signs."""


def draw(settings: DigitsSettings, key: PRNGKeyArray, count: int) -> Examples:
    """Sums of numbers whose digits are uniform: all answers count, none is a copy."""
    width = settings.digits
    a, b = jax.random.randint(key, (2, count, width), 0, 10)
    carry = jnp.zeros(count, a.dtype)
    digits = [carry] * (width + 1)
    for place in reversed(range(width)):
        total = a[:, place] + b[:, place] + carry
        digits[place + 1], carry = total % 10, total // 10
    answers = jnp.stack([carry, *digits[1:]], axis=1)
    sign = jnp.ones((count, 1), a.dtype)
    tokens = jnp.concatenate([a, PLUS * sign, b, EQUALS * sign, answers[:, :-1]], axis=1)
    return Examples(
        tokens=tokens,
        answers=answers,
        counts=jnp.ones(answers.shape, bool),
        source=jnp.full(answers.shape, -1),
    )
