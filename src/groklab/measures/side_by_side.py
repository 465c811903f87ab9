"""Two networks side by side at known weights, Gen written down and Mem, as both proxies of their strengths see them.

What two networks side by side say is the weighted sum of their logits. Weights mean nothing without a unit, as networks
differ in what they say at weight 1; so each network is first divided by how much it says for the train pairs alone.
There are three such units here, since the choice favours a proxy or the other: the paper's strengths are raw logits,
ours are leads. Mem is a trained network, or a lookup table of the same pairs, which has provably nothing of Gen.
"""

from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from groklab.measures import cosines, strength
from groklab.measures.view import Labels, View, masked_mean
from groklab.models import Inputs, Model, answer_logits
from groklab.models.closed_form import lookup_network, quadratic_network, trigonometric_transformer
from groklab.tasks import Split, Task, TaskSettings

PROXIES = {one.name: one for one in (cosines.gen_logit, cosines.mem_logit, strength.gen_lead, strength.mem_lead)}
SHARES = np.linspace(0, 1, 5)
"""Weight of Gen; Mem has the rest."""
KEYS = 5
"""Key frequencies of the Gen network that has few, about as many as trained ones have."""
LEAST = 2 * KEYS + 1
"""The least modulus with so many frequencies."""


def _all_frequencies(modulus: int, seed: int) -> Model:
    """Up to a factor, 1 at the right answer and the same at all others: every frequency alike."""
    return quadratic_network(modulus, dict.fromkeys(range(1, modulus // 2 + 1), 1.0))


def _key_frequencies(modulus: int, seed: int) -> Model:
    """A ReLU transformer of the kind that training finds, its key frequencies drawn by the seed."""
    drawn = np.random.default_rng(seed).choice(np.arange(1, modulus // 2 + 1), KEYS, replace=False)
    return trigonometric_transformer(modulus, dict.fromkeys(sorted(drawn.tolist()), 1.0))


GENS: Mapping[str, Callable[[int, int], Model]] = {
    "all frequencies": _all_frequencies,
    f"{KEYS} key frequencies": _key_frequencies,
}
"""Networks that generalise, for a modulus and a seed."""


class Said(View):
    """What is said of every pair, given as logits. Only they are looked at; the network is there for its shape."""

    def __init__(self, logits: Float[Array, "pair class"], network: Model, task: Task, data: Labels) -> None:
        super().__init__(network, task, data)
        self._said = logits

    @cached_property
    def logits(self) -> Float[Array, "pair class"]:
        """The logits that were given, one for each answer."""
        return self._said

    @property
    def own(self) -> Float[Array, "pair"]:
        """The label's logit."""
        return jnp.take_along_axis(self.logits, self.data.labels[:, None], axis=1)[:, 0]


Unit = Callable[[Said], Float[Array, ""]]


def _logit(view: Said) -> Float[Array, ""]:
    return masked_mean(view.own, view.data.train)


def _lead(view: Said) -> Float[Array, ""]:
    others = (jnp.sum(view.logits, axis=1) - view.own) / (view.task.classes - 1)
    return masked_mean(view.own - others, view.data.train)


def _margin(view: Said) -> Float[Array, ""]:
    return masked_mean(view.margins, view.data.train)


UNITS: Mapping[str, Unit] = {"label's logit": _logit, "lead over all others": _lead, "margin": _margin}
"""How much a network says for the train pairs, in the mean over them. A margin is the lead over the largest other."""


def side_by_side(mem: Said, gen: Said, unit: Unit, share: Float[Array, ""]) -> Said:
    """The weighted sum of what two networks say, each in its unit; `share` is the weight of Gen."""
    both = (1 - share) / unit(mem) * mem.logits + share / unit(gen) * gen.logits
    return Said(both, mem.model, mem.task, mem.data)


def lookup(task: Task, split: Split) -> Model:
    """A Mem network that has nothing of Gen: a neuron for each train pair."""
    rows = split.train_mask
    return lookup_network(task.a[rows], task.b[rows], split.labels[rows], task.classes)


def strengths(mem: Model, task: Task, split: Split, seed: int) -> Float[np.ndarray, "gen unit share proxy"]:
    """All proxies of a Mem network beside each Gen, in every unit and at every weight. `seed` draws key frequencies.

    Everything is NaN for what is no addition, for which no Gen is written down, and for too few frequencies.
    """
    settings = task.settings
    if settings.operation != "add" or settings.modulus < LEAST:
        return np.full((len(GENS), len(UNITS), len(SHARES), len(PROXIES)), np.nan, np.float32)
    data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
    shape = GENS["all frequencies"](settings.modulus, seed)
    said = [_said(settings)(network) for network in (mem, *(made(settings.modulus, seed) for made in GENS.values()))]
    return np.stack([_strengths(settings)(said[0], gen, shape, data) for gen in said[1:]])


@cache
def _said(settings: TaskSettings) -> Callable[[Model], Float[Array, "pair class"]]:
    """A network's logits for the whole table, without extra classes."""
    task = Task.of(settings)
    inputs = Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)
    return jax.jit(lambda network: answer_logits(network, inputs)[:, : task.classes])


@cache
def _strengths(settings: TaskSettings) -> Callable[..., Float[Array, "unit share proxy"]]:
    """All proxies of what Mem and Gen say side by side, in every unit and at every weight."""
    task = Task.of(settings)

    @jax.jit
    def of_both(
        mem: Float[Array, "pair class"], gen: Float[Array, "pair class"], network: Model, data: Labels
    ) -> Float[Array, "unit share proxy"]:
        parts = (Said(mem, network, task, data), Said(gen, network, task, data))

        def at(unit: Unit, share: Float[Array, ""]) -> Float[Array, "proxy"]:
            both = side_by_side(*parts, unit, share)
            return jnp.stack([proxy.compute(both) for proxy in PROXIES.values()])

        shares = jnp.asarray(SHARES, jnp.float32)
        return jnp.stack([jax.vmap(partial(at, unit))(shares) for unit in UNITS.values()])

    return of_both
