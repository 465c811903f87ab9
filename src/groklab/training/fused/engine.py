"""Many steps of a batch on the CPU: its runs shared out among threads, or one run's examples between two."""

# pyright: reportMissingParameterType=false

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import jax
import jax.numpy as jnp
import numba
import numpy as np
from jaxtyping import Float, Int

from groklab.machine import cores
from groklab.models import named_parameters
from groklab.models.inputs import OPERAND
from groklab.models.settings import TransformerSettings
from groklab.tasks import Task
from groklab.training.fused.adamw import adamw, penalty, squares
from groklab.training.fused.choose import fits
from groklab.training.fused.examples import examples
from groklab.training.fused.fold import fold, unfold
from groklab.training.fused.layout import Pairs, Room, Sizes, Weights, pairs, room, weights
from groklab.training.problem_data import AnyData
from groklab.training.settings import OptimiserSettings, Run
from groklab.training.state import Data, State

FOLD, FIRST, SECOND, FINISH = 1, 2, 4, 8
WHOLE = FOLD | FIRST | SECOND | FINISH
"""The stages of a step; the two halves of the examples may be taken by two threads at once."""

TURNS = 8
"""In how many turns a run takes its steps, so that threads finish together."""
SHARED_WORK = 20_000_000
"""Multiplications in a step from which on sharing one run between two threads is worth their handing over."""


@dataclass(kw_only=True)
class Trained:
    """One run in training."""

    flat: Float[np.ndarray, " p"]
    gradient: Float[np.ndarray, " p"]
    mu: Float[np.ndarray, " p"]
    nu: Float[np.ndarray, " p"]
    rates: Float[np.ndarray, " rate"]
    """Learning rate, weight decay, beta1, beta2, eps, strength of the l1 penalty."""
    ramps: tuple[int, int, int]
    """Warm-up, cool-down, steps of the whole run."""
    usual: bool
    """Whether the loss has the usual form, not the margin form."""
    weights: Weights
    slopes: Weights
    pairs: Pairs
    spots: Int[np.ndarray, "source 2"]
    place: Int[np.ndarray, "3"]
    """Step, the optimiser's count, the step of divergence or -1."""
    losses: Float[np.ndarray, "2"]

    def advance(self, room: Room, stages: int, steps: int) -> None:
        """Takes the stages of so many steps."""
        _stepping(_sources())(
            self.weights, self.slopes, room, self.pairs, self.spots,
            self.flat, self.gradient, self.mu, self.nu, self.rates, self.ramps, self.usual,
            self.place, self.losses, stages, steps,
        )  # fmt: skip


@cache
def _stepping(sources: str) -> Callable[..., None]:
    """The compiled step. Closing over the digest of the sources keeps the cache on disk from outliving them."""

    @numba.njit(nogil=True, cache=True)
    def stepping(w, g, r, pairs, spots, flat, gradient, mu, nu, rates, ramps, usual, place, losses, stages, steps):
        assert len(sources)
        width = w.W_in.shape[1]
        warmup, cooldown, total = ramps
        one = flat.dtype.type(1)
        for _ in range(steps):
            if place[2] >= 0:
                break
            if stages & FOLD:
                fold(w, r, spots)
            for part in range(2):
                if stages & (FIRST << part):
                    losses[part] = examples(r, pairs, part, width, usual)
            if stages & FINISH:
                unfold(w, g, r, spots)
                if rates[5]:
                    penalty(flat[: len(mu)], gradient[: len(mu)], rates[5])
                if not (math.isfinite(losses[0] + losses[1]) and math.isfinite(squares(gradient[: len(mu)]))):
                    place[2] = place[0]
                    break
                share = one
                if warmup:
                    share = min(share, flat.dtype.type(place[0] + 1) / flat.dtype.type(warmup))
                if cooldown:
                    share = min(share, flat.dtype.type(total - place[0]) / flat.dtype.type(cooldown))
                place[0] += 1
                place[1] += 1
                adamw(
                    flat[: len(mu)], gradient[: len(mu)], mu, nu, flat.dtype.type(place[1]),
                    rates[2], rates[3], rates[4], rates[0] * share, rates[1],
                )  # fmt: skip

    return stepping


@cache
def _sources() -> str:
    folder = Path(__file__).parent
    return sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()


def sizes_of(run: Run, task: Task) -> Sizes:
    """The lengths of a run's axes."""
    model = run.model
    assert isinstance(model, TransformerSettings), fits(run)
    return Sizes(
        v=task.vocabulary, s=task.length, d=model.d_model, h=model.heads, k=model.head_width, m=model.d_mlp,
        c=task.vocabulary if model.classes is None else model.classes, e=task.elements,
    )  # fmt: skip


def spots_of(task: Task) -> Int[np.ndarray, "source 2"]:
    """Token (-1 for an operand) and position of each source: first operand, second, then the constant ones."""
    spots = [(token, position) for position, token in enumerate(task.template)]
    ordered = [spot for spot in spots if spot[0] == OPERAND] + [spot for spot in spots if spot[0] != OPERAND]
    return np.array(ordered, np.int64)


def rates_of(
    settings: OptimiserSettings, learning_rate: float, weight_decay: float, kind: np.dtype
) -> Float[np.ndarray, " rate"]:
    """What AdamW and the penalty need to know, as one vector."""
    rates = (learning_rate, weight_decay, settings.beta1, settings.beta2, settings.eps, settings.l1)
    return np.array(rates, kind)


def advancing(run: Run, task: Task, threads: int | None = None) -> Callable[[State, AnyData, int], State]:
    """The same as `groklab.training.step.advancing`, for the runs that `fits` allows.

    `threads` is at most how many run at once; by default one for each core. The results' bits do not depend
    on it.
    """
    sizes, spots = sizes_of(run, task), spots_of(task)
    workers = threads or cores()
    rooms: list[Room] = []
    prepared: list[tuple[Any, list[Pairs]]] = []

    def advance(state: State, data: AnyData, steps: int) -> State:
        assert isinstance(data, Data)
        adam, *rest = state.optimiser
        names = list(named_parameters(state.model))
        flat, mu, nu = (_flattened(tree, sizes) for tree in (state.model, adam.mu, adam.nu))
        used = sum(math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(state.model))
        short = tuple(name.rsplit(".", 1)[1] for name in names)
        if not prepared or prepared[0][0] is not data:
            prepared[:] = [(data, _all_pairs(data))]
        count, diverged, step = np.asarray(adam.count), np.asarray(state.diverged), int(state.step)
        learning_rate, weight_decay = np.asarray(data.learning_rate), np.asarray(data.weight_decay)
        trained: list[Trained] = []
        for number in range(len(flat)):
            gradient = np.zeros_like(flat[number])
            trained.append(
                Trained(
                    flat=flat[number], gradient=gradient,
                    mu=mu[number, :used], nu=nu[number, :used],
                    rates=rates_of(run.optimiser, learning_rate[number], weight_decay[number], flat.dtype),
                    ramps=(run.optimiser.warmup, run.optimiser.cooldown, run.steps),
                    usual=run.loss == "log_softmax",
                    weights=weights(flat[number], sizes, short), slopes=weights(gradient, sizes, short),
                    pairs=prepared[0][1][number], spots=spots,
                    place=np.array([step, count[number], diverged[number]]), losses=np.zeros(2),
                )
            )  # fmt: skip
        while len(rooms) < min(workers, len(trained)):
            rooms.append(room(sizes, flat.dtype))
        _train(trained, rooms, workers, steps)
        places = np.stack([one.place for one in trained])
        return State(
            model=_restored(state.model, flat),
            optimiser=(
                adam._replace(
                    count=jnp.asarray(places[:, 1], adam.count.dtype),
                    mu=_restored(adam.mu, mu),
                    nu=_restored(adam.nu, nu),
                ),
                *rest,
            ),
            step=jnp.int32(step + steps),
            diverged=jnp.asarray(places[:, 2], state.diverged.dtype),
        )

    return advance


def _train(trained: list[Trained], rooms: list[Room], threads: int, steps: int) -> None:
    work = (
        max(len(one.pairs.a) for one in trained) * trained[0].weights.W_out.shape[0] * trained[0].weights.W_U.shape[1]
    )
    if threads == 1 or (len(trained) == 1 and work < SHARED_WORK):
        for one in trained:
            one.advance(rooms[0], WHOLE, steps)
        return
    with ThreadPoolExecutor(threads) as pool:
        if 2 * len(trained) <= threads or len(trained) == 1:
            jobs = [
                pool.submit(_in_halves, one, space, pool, steps) for one, space in zip(trained, rooms, strict=False)
            ]
        else:
            waiting: SimpleQueue[tuple[Trained, int]] = SimpleQueue()
            for one in trained:
                waiting.put((one, steps))
            jobs = [pool.submit(_in_turns, waiting, space, -(-steps // TURNS)) for space in rooms]
        for job in jobs:
            job.result()


def _in_turns(waiting: "SimpleQueue[tuple[Trained, int]]", space: Room, turn: int) -> None:
    """Advances whichever run waits, by a turn, until none does."""
    while True:
        try:
            one, left = waiting.get_nowait()
        except Empty:
            return
        one.advance(space, WHOLE, min(turn, left))
        if left > turn:
            waiting.put((one, left - turn))


def _in_halves(one: Trained, space: Room, pool: ThreadPoolExecutor, steps: int) -> None:
    """Advances one run, a second thread taking half of the examples."""
    for _ in range(steps):
        one.advance(space, FOLD, 1)
        other = pool.submit(one.advance, space, SECOND, 1)
        one.advance(space, FIRST, 1)
        other.result()
        one.advance(space, FINISH, 1)


def _all_pairs(data: Data) -> list[Pairs]:
    """The sorted examples of every run."""
    columns = [np.asarray(column) for column in (data.a, data.b, data.answer, data.weight)]
    return [pairs(*row) for row in zip(*columns, strict=True)]


def _flattened(tree: Any, sizes: Sizes) -> Float[np.ndarray, "run p"]:
    """Every run's leaves as one vector, followed by zeros for the parameters that are switched off."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    rows = [leaf.reshape(len(leaf), -1) for leaf in leaves]
    room = sum(math.prod(shape) for shape in sizes.shapes().values()) - sum(row.shape[1] for row in rows)
    return np.concatenate([*rows, np.zeros((len(rows[0]), room), rows[0].dtype)], axis=1)


def _restored(tree: Any, flat: Float[np.ndarray, "run p"]) -> Any:
    """The tree whose leaves the vectors hold."""
    leaves, structure = jax.tree.flatten(tree)
    ends = np.cumsum([math.prod(leaf.shape[1:]) for leaf in leaves])
    parts = np.split(flat, ends, axis=1)[: len(leaves)]
    return jax.tree.unflatten(structure, [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)])
