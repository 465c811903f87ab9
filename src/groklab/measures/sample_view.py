"""The linear model and its samples as measures see them: a row a sample, and one for a sample never seen."""

from functools import cached_property

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from groklab.measures.view import Labels, View
from groklab.models import Learner, Linear
from groklab.tasks.samples import Samples


class SampleTable(eqx.Module):
    """Nothing: the samples are the same in every run."""


class SampleView(View):
    """A view whose rows are the samples, all trained on, and one never seen, which is what is tested on.

    The target is 1 everywhere, the loss is squared, and a row is right where it is nearer to 1 than to 0. There are no
    classes.
    """

    def __init__(self, model: Learner, task: Samples) -> None:
        last = jnp.arange(task.vocabulary) == task.settings.count
        super().__init__(model, task, Labels(labels=jnp.ones(task.vocabulary, jnp.int32), train=~last, test=last))

    @property
    def linear(self) -> Linear:
        """The linear model."""
        assert isinstance(self.learner, Linear)
        return self.learner

    @property
    def losses(self) -> Float[Array, "row"]:
        """The squared difference from 1."""
        return (self.linear() - 1) ** 2

    @cached_property
    def correct(self) -> Bool[Array, "row"]:
        """Whether it is nearer to 1 than to 0, or to 2 than to 1."""
        return jnp.abs(self.linear() - 1) < 0.5
