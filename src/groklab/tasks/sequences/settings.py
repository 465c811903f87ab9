"""Sequence tasks as settings: what a sequence looks like, and from how many of them is learned; without JAX."""

from dataclasses import dataclass

from groklab.errors import Mistake
from groklab.settings import Settings, check_types


@dataclass(frozen=True, kw_only=True)
class SequenceSettings(Settings):
    """What all sequence tasks have: sequences are drawn at random, and there are far more than are ever drawn.

    `positions` of the last tokens of a sequence are where answers are read; which of them count is the sequence's
    own matter.
    """

    examples: int | None = None
    """Sequences of the training set, drawn once; nothing means unlimited data: new ones at every step."""
    test: int = 512
    """Sequences tested on, drawn once."""

    def __post_init__(self) -> None:
        check_types(self)
        at_least(self, 1, "examples", "test")

    @property
    def name(self) -> str:
        """The task's name, such as `digits:5`."""
        raise NotImplementedError

    @property
    def vocabulary(self) -> int:
        """The number of tokens."""
        raise NotImplementedError

    @property
    def classes(self) -> int:
        """The number of possible answers."""
        raise NotImplementedError

    @property
    def length(self) -> int:
        """Tokens of a sequence that a network reads."""
        raise NotImplementedError

    @property
    def positions(self) -> int:
        """How many of the last positions are read."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class DigitsSettings(SequenceSettings):
    """Addition digit by digit: the digits of a, `+`, those of b, `=`, and those of the sum but the last.

    Digits are drawn uniformly, the most significant first, as are the sum's: one more than a number has. At `=` and
    at each digit of the sum the next digit is the answer.
    """

    digits: int = 5
    """Digits of a number."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "digits")

    @property
    def name(self) -> str:
        """`digits:` and how many."""
        return f"digits:{self.digits}"

    @property
    def vocabulary(self) -> int:
        """Ten digits, `+` (10) and `=` (11)."""
        return 12

    @property
    def classes(self) -> int:
        """The ten digits."""
        return 10

    @property
    def length(self) -> int:
        """Two numbers, two signs, and the sum without its last digit."""
        return 3 * self.digits + 2

    @property
    def positions(self) -> int:
        """As many as the sum has digits."""
        return self.digits + 1


@dataclass(frozen=True, kw_only=True)
class SubsequencesSettings(SequenceSettings):
    """Random tokens, among which a block comes twice: the second time all of it but the first token can be known.

    The two places are drawn anew for every sequence, so that no fixed distance serves. Answers are next tokens.
    """

    tokens: int = 128
    """The vocabulary; tokens are drawn uniformly from it."""
    sequence: int = 85
    """Tokens that a network reads."""
    block: int = 24
    """Tokens of the block that comes twice."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 2, "tokens", "block")
        if 2 * self.block > self.sequence + 1:
            raise Mistake(
                f"a block of {self.block} tokens does not fit twice in {self.sequence + 1}; "
                f"give task.block {(self.sequence + 1) // 2} or less"
            )

    @property
    def name(self) -> str:
        """`subsequences:`, tokens, length and block."""
        return f"subsequences:{self.tokens}:{self.sequence}:{self.block}"

    @property
    def vocabulary(self) -> int:
        """The tokens."""
        return self.tokens

    @property
    def classes(self) -> int:
        """Every token may come next."""
        return self.tokens

    @property
    def length(self) -> int:
        """The tokens read."""
        return self.sequence

    @property
    def positions(self) -> int:
        """All from the first at which a block may be coming again."""
        return self.sequence - self.block


@dataclass(frozen=True, kw_only=True)
class TrigramsSettings(SequenceSettings):
    """Skip trigrams A ... B -> C: noise in which one token A stands somewhere, then B at the end; answer C.

    The answer is another for every pair of A and B: C = A * seconds + B, with both counted from 0. The tokens 0 to
    `firsts` - 1 are the A, the next `seconds` the B, the others noise, drawn uniformly.
    """

    firsts: int = 8
    """Tokens A."""
    seconds: int = 8
    """Tokens B."""
    noise: int = 496
    """Tokens of noise."""
    sequence: int = 85
    """Tokens that a network reads."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "firsts", "seconds", "noise")
        at_least(self, 2, "sequence")

    @property
    def name(self) -> str:
        """`trigrams:`, then the numbers of A, of B and of noise, and the length."""
        return f"trigrams:{self.firsts}:{self.seconds}:{self.noise}:{self.sequence}"

    @property
    def vocabulary(self) -> int:
        """A, B and noise."""
        return self.firsts + self.seconds + self.noise

    @property
    def classes(self) -> int:
        """One for every pair of A and B."""
        return self.firsts * self.seconds

    @property
    def length(self) -> int:
        """The tokens read."""
        return self.sequence

    @property
    def positions(self) -> int:
        """B's alone."""
        return 1


def at_least(settings: Settings, least: int, *names: str) -> None:
    """Raises `Mistake` for the first field of a task that is below `least`; nothing is let pass."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and value < least:
            raise Mistake(f"task.{name} must be at least {least}, not {value}")
