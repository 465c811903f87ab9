"""What operations work on: the integers mod n, the field of a prime, the permutations of n things."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from groklab.errors import Mistake
from groklab.tasks.primes import is_prime, nearest_primes

LARGEST_MODULUS = 2000
"""A table of four million pairs; far above what is trained, far below what fills the memory."""
LARGEST_DEGREE = 5
"""S_5 has 120 elements, S_6 would have half a million pairs."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A family of finite sets, one for each modulus."""

    elements: Callable[[int], int]
    """The number of elements for a modulus."""
    check: Callable[[str, int], None]
    """Given an operation's name and a modulus, raises `Mistake` for a modulus that is not in the family."""


def _check_modulus(name: str, modulus: int, kind: str = "modulus") -> None:
    if not 2 <= modulus <= LARGEST_MODULUS:
        raise Mistake(f"{name} needs a {kind} from 2 to {LARGEST_MODULUS}, not {modulus}")


def _check_prime(name: str, modulus: int) -> None:
    _check_modulus(name, modulus, kind="prime modulus")
    if not is_prime(modulus):
        below, above = nearest_primes(modulus)
        raise Mistake(f"{name} needs a prime modulus, not {modulus}; the nearest primes are {below} and {above}")


def _check_degree(name: str, modulus: int) -> None:
    if not 2 <= modulus <= LARGEST_DEGREE:
        raise Mistake(f"{name} permutes 2 to {LARGEST_DEGREE} things, not {modulus}; give their number as the modulus")


INTEGERS = Domain(elements=int, check=_check_modulus)
"""0, ..., P - 1 for any P from 2 on."""
PRIME_FIELD = Domain(elements=int, check=_check_prime)
"""0, ..., P - 1 for a prime P."""
PERMUTATIONS = Domain(elements=math.factorial, check=_check_degree)
"""The permutations of n things, numbered in lexicographic order as in `groklab.groups.Symmetric`."""
