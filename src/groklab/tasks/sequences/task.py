"""A sequence task: what a network must know of it to be built, and its sequences, drawn."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from groklab.tasks.sequences.settings import (
    DigitsSettings,
    SequenceSettings,
    SubsequencesSettings,
    TrigramsSettings,
)

if TYPE_CHECKING:
    from jaxtyping import PRNGKeyArray

    from groklab.tasks.sequences.examples import Examples

TRAIN, TEST = 2, 3
"""What sets are drawn for: folded into the key of the data seed."""


@dataclass(frozen=True)
class SequenceTask:
    """Sequences of tokens with answers at the last positions. Made by `SequenceTask.of`.

    It has no pairs, no group and no frequencies: what is made of those is absent.
    """

    settings: SequenceSettings
    """What the task was made from."""

    @staticmethod
    def of(settings: SequenceSettings) -> "SequenceTask":
        """The task of these settings, the same object whenever it is asked for."""
        return _task_of(settings)

    @property
    def name(self) -> str:
        """Its kind and sizes, such as `digits:5`."""
        return self.settings.name

    @property
    def vocabulary(self) -> int:
        """The number of tokens."""
        return self.settings.vocabulary

    @property
    def classes(self) -> int:
        """The number of possible answers."""
        return self.settings.classes

    @property
    def length(self) -> int:
        """Tokens of a sequence that a network reads."""
        return self.settings.length

    @property
    def group(self) -> None:
        """Nothing: it is no group's product."""
        return

    def draw(self, key: "PRNGKeyArray", count: int) -> "Examples":
        """Independent sequences, drawn from the key on the device."""
        from groklab.tasks.sequences import digits, subsequences, trigrams

        match self.settings:
            case DigitsSettings():
                return digits.draw(self.settings, key, count)
            case SubsequencesSettings():
                return subsequences.draw(self.settings, key, count)
            case TrigramsSettings():
                return trigrams.draw(self.settings, key, count)
            case _:
                raise NotImplementedError(f"nothing draws {type(self.settings).__name__}")

    def training_set(self, data_seed: int) -> "Examples | None":
        """The sequences trained on, drawn from the data seed; nothing where every step draws new ones."""
        import jax

        count = self.settings.examples
        return None if count is None else self.draw(jax.random.fold_in(jax.random.key(data_seed), TRAIN), count)

    def test_set(self, data_seed: int) -> "Examples":
        """The sequences tested on, drawn from the data seed."""
        import jax

        return self.draw(jax.random.fold_in(jax.random.key(data_seed), TEST), self.settings.test)


@lru_cache(maxsize=32)
def _task_of(settings: SequenceSettings) -> SequenceTask:
    return SequenceTask(settings)
