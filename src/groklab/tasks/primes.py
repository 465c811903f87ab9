"""Arithmetic modulo a prime: primality, reciprocals and logarithms, by tables."""

from functools import cache
from itertools import count

import numpy as np
from jaxtyping import Int


def is_prime(n: int) -> bool:
    """Whether n is prime."""
    return n > 1 and all(n % divisor for divisor in range(2, int(n**0.5) + 1))


def nearest_primes(n: int) -> tuple[int, int]:
    """The largest prime below n and the smallest above, for n > 2."""
    return next(p for p in range(n - 1, 1, -1) if is_prime(p)), next(p for p in count(n + 1) if is_prime(p))


@cache
def logarithms(prime: int) -> Int[np.ndarray, " prime"]:
    """The logarithms of 0, ..., P - 1 to the least primitive root g: g^log[x] = x mod P; -1 for 0."""
    for root in range(1, prime):
        powers = [1]
        while (power := powers[-1] * root % prime) != 1:
            powers.append(power)
        if len(powers) == prime - 1:
            break
    else:
        raise ValueError(f"{prime} is no prime")
    table = np.full(prime, -1, dtype=np.int32)
    table[powers] = np.arange(prime - 1)
    table.flags.writeable = False
    return table


@cache
def reciprocals(prime: int) -> Int[np.ndarray, " prime"]:
    """The y with x y = 1 mod P for x = 0, ..., P - 1; 0 for 0, which has none."""
    table = np.array([0, *(pow(x, -1, prime) for x in range(1, prime))])
    table.flags.writeable = False
    return table
