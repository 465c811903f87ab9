"""A Gen network that is written down beside a Mem network, at known weights, as both proxies of their strengths see it.

What two networks side by side say is the weighted sum of their logits. Weights mean nothing without a unit, as networks
differ in what they say at weight 1; so each network is first divided by how much it says for the train pairs alone.
There are three such units here, since the choice favours a proxy or the other: the paper's strengths are raw logits,
ours are leads. Mem is a trained network, or a lookup table of the same pairs, which has provably nothing of Gen.
"""

from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from groklab.measures import Labels, View
from groklab.measures.cosines import gen_logit, mem_logit
from groklab.measures.strength import gen_lead, mem_lead
from groklab.measures.view import masked_mean
from groklab.models import Inputs, Model, answer_logits
from groklab.models.closed_form import lookup_network, quadratic_network, trigonometric_transformer
from groklab.tasks import Split, Task, TaskSettings

if TYPE_CHECKING:
    import xarray

    from groklab.record import Record

PROXIES = {one.name: one for one in (gen_logit, mem_logit, gen_lead, mem_lead)}
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
MEMS = ("trained", "lookup table")


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


def mixtures(record: "Record") -> "xarray.Dataset":
    """The last network of every run, and a lookup table of its pairs, beside each Gen at each weight, by all proxies.

    NaN where a run diverged, where the task is not addition, and where it has too few frequencies.
    """
    import xarray as xr

    sizes = {"run": len(record.runs), "mem": len(MEMS), "gen": len(GENS)}
    axes = {"unit": list(UNITS), "share": SHARES, "proxy": list(PROXIES)}
    seen = np.full((*sizes.values(), *map(len, axes.values())), np.nan, np.float32)
    for number, (run, status) in enumerate(zip(record.runs, record.statuses, strict=True)):
        task = run.table
        if status.bad or task.operation != "add" or task.modulus < LEAST:
            continue
        split, trained = record.split(number), record.model(number)
        data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
        for place, mem in enumerate((trained, _lookup(record.task(number), split))):
            for kind, made in enumerate(GENS.values()):
                said = (_said(task)(network) for network in (mem, made(task.modulus, run.seed)))
                seen[number, place, kind] = _strengths(task)(*said, trained, data)
    coords = {"mem": list(MEMS), "gen": list(GENS)} | axes
    return xr.Dataset({"strength": ((*sizes, *axes), seen)}, coords=coords)


def _lookup(task: Task, split: Split) -> Model:
    rows = split.train_mask
    return lookup_network(task.a[rows], task.b[rows], split.labels[rows], task.classes)


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
