"""One optimiser step of a batch, many of them in one compiled call, and the measures between them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from groklab.losses import pair_loss
from groklab.measures import Measure, Table, view_of
from groklab.models import Inputs, Learner, Linear, answer_logits
from groklab.tasks import Problem, Samples, SequenceTask, Task
from groklab.training.minibatch import minibatch
from groklab.training.optimisers import optimiser, rate
from groklab.training.over_networks import OverNetworks
from groklab.training.problem_data import AnyData
from groklab.training.sample_data import sample_loss
from groklab.training.sequence_data import SequenceData, sequence_loss
from groklab.training.settings import Run
from groklab.training.state import Data, State


def objective(model: Learner, run: Run, task: Problem, data: AnyData, key: PRNGKeyArray) -> Float[Array, ""]:
    """The training objective of one run: the mean loss of its examples, plus l1 times the absolute weights.

    `data` is that of one run, without a run axis; `key` serves the choice of a minibatch and dropout. What is learned
    is known when this is traced: nothing of another kind of problem is in the compiled step.
    """
    choose, drop = jax.random.split(key)
    if isinstance(data, Data):
        assert not isinstance(task, SequenceTask | Samples)
        loss = _table_loss(model, run, task, data, choose, drop)
    elif isinstance(data, SequenceData):
        assert isinstance(task, SequenceTask)
        loss = sequence_loss(model, run, task, data, choose, drop)
    else:
        loss = sample_loss(model, run, choose)
    if run.optimiser.l1:
        # JAX gives |w| the slope 1 at 0, where biases start; w sign(w) has 0 there.
        loss += run.optimiser.l1 * sum(jnp.sum(leaf * jnp.sign(leaf)) for leaf in jax.tree.leaves(model))
    return loss


def step_one(run: Run, task: Problem, step: Int[Array, ""], state: State, data: AnyData) -> State:
    """One step of one run. A loss or gradient that is not finite is noted, and the run stands still from then on."""
    loss, gradient = eqx.filter_value_and_grad(objective)(
        state.model, run, task, data, jax.random.fold_in(jax.random.wrap_key_data(data.key), step)
    )
    share = rate(run.optimiser, run.steps, step)
    transform = optimiser(run.optimiser, data.learning_rate * share, data.weight_decay)
    updates, moments = transform.update(gradient, state.optimiser, _pytree(state.model))
    finite = jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(gradient))
    diverged = jnp.where(finite | (state.diverged >= 0), state.diverged, step)
    moved = (eqx.apply_updates(state.model, updates), moments)
    kept = jax.tree.map(partial(jnp.where, diverged < 0), moved, (state.model, state.optimiser))
    return State(model=kept[0], optimiser=kept[1], step=step + 1, diverged=diverged)


def advancing(run: Run, task: Problem) -> Callable[[State, AnyData, int], State]:
    """The compiled function that takes a batch's state some steps on; the number of steps may vary without recompiling.

    `run` stands for all runs of the batch: of it only what they share is read.
    """
    program = advance_program(run, task)
    return lambda state, data, steps: program(state, data, jnp.int32(steps))


def advance_program(run: Run, task: Problem) -> Any:
    """What `advancing` calls, as JAX's jitted function of the state, the data, and the number of steps as int32."""
    axes = State(model=0, optimiser=0, step=None, diverged=0)  # pyright: ignore[reportArgumentType]
    batched = jax.vmap(partial(step_one, run, task), in_axes=(None, axes, 0), out_axes=axes)

    @partial(jax.jit, donate_argnums=0)
    def advance(state: State, data: AnyData, steps: Int[Array, ""]) -> State:
        return jax.lax.fori_loop(0, steps, lambda _, now: batched(now.step, now, data), state)

    return advance


def measuring(task: Problem, measures: tuple[Measure, ...]) -> OverNetworks:
    """What evaluates every measure on the networks and the labels of all runs: name -> (run, *dims)."""

    def measure_one(model: Learner, table: Table) -> dict[str, Array]:
        view = view_of(model, task, table)
        return {measure.name: measure.compute(view) for measure in measures}

    return OverNetworks(measure_one)


def _table_loss(
    model: Learner, run: Run, task: Task, data: Data, choose: PRNGKeyArray, drop: PRNGKeyArray
) -> Float[Array, ""]:
    """Mean cross-entropy of the pairs trained on."""
    assert not isinstance(model, Linear)
    a, b, answer, weight = data.a, data.b, data.answer, data.weight
    if run.batch_size is not None:
        chosen = minibatch(choose, weight, run.batch_size)
        a, b, answer = a[chosen], b[chosen], answer[chosen]
        weight = jnp.full(run.batch_size, 1 / run.batch_size)
    logits = answer_logits(model, Inputs(a, b, task.template), dropout=run.dropout, key=drop if run.dropout else None)
    return jnp.sum(weight * pair_loss(run.loss)(logits, answer))


def _pytree(model: Learner) -> Any:
    """A network as what Optax takes: any tree of arrays."""
    return model
