"""The local learning coefficient: how fast the volume of almost equally good weights shrinks around a network.

Singular learning theory's measure of complexity (Watanabe 2009), estimated as Lau, Murfet and Wei do (2023,
arXiv:2308.12108, definition 1): with n train pairs and L their mean cross-entropy,

    lambda = n beta (E L(w) - L(w*)),  beta = 1 / log n,

the mean over w near the network w* with a density proportional to exp(-n beta L(w) - gamma / 2 |w - w*|^2), which
chains of Langevin dynamics visit (`groklab.measures.langevin`). Where L is a paraboloid it is half the number of
weights that matter; where valleys cross it is less. It needs the train pairs and the architecture, and knows of no
algorithm.

Where w* is no minimum the chains run downhill and the estimate may be negative: so before memorisation. It depends on
gamma, which says how far is near, so that values compare only at the same settings.
"""

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from groklab.losses import margin_loss
from groklab.measures.langevin import Langevin, own_bits, sampled_losses
from groklab.measures.losses import train_loss
from groklab.measures.measure import Measure, measure
from groklab.measures.view import View
from groklab.models import Inputs, answer_logits


def learning_coefficients(settings: Langevin | None = None) -> tuple[Measure, Measure]:
    """The measures `learning_coefficient` and `learning_coefficient_error` with chains of other settings.

    What is drawn depends on the network's own bits alone: the same network has the same value in every run, batch and
    order, to the bit on one machine. NaN or infinite where a chain ran away: then its steps are too large.
    """
    chosen = Langevin() if settings is None else settings

    def by_chain(view: View) -> Float[Array, "chain"]:
        return _by_chain(view, chosen)

    @measure(units="1", needs=("table",), afterwards=True, on_request=True)
    def learning_coefficient(view: View) -> Float[Array, ""]:
        """Local learning coefficient: n / log n times what the train loss gains, on average, near the network."""
        return jnp.mean(view.once(by_chain))

    @measure(units="1", needs=("table",), afterwards=True, on_request=True)
    def learning_coefficient_error(view: View) -> Float[Array, ""]:
        """Standard error of `learning_coefficient`: the spread of its chains over the root of their number."""
        found = view.once(by_chain)
        return jnp.std(found, ddof=1) / jnp.sqrt(float(len(found)))

    return learning_coefficient, learning_coefficient_error


def _by_chain(view: View, settings: Langevin) -> Float[Array, "chain"]:
    start, network = ravel_pytree(view.model)
    a, b, labels = jnp.asarray(view.task.a), jnp.asarray(view.task.b), view.data.labels
    count = jnp.sum(view.data.train)
    trained = jnp.argsort(~view.data.train, stable=True)
    strength = count / jnp.log(count.astype(jnp.float32))

    def loss(weights: Float[Array, "weight"], key: PRNGKeyArray) -> Float[Array, ""]:
        rows = trained[jax.random.randint(key, (settings.batch,), 0, count)]
        logits = answer_logits(network(weights), Inputs(a[rows], b[rows], view.task.template))
        return jnp.mean(margin_loss(logits, labels[rows]))

    key = jax.random.fold_in(jax.random.key(0), own_bits(start))
    losses = sampled_losses(loss, start, strength, settings, key=key)
    return strength * (jnp.mean(losses, axis=1) - train_loss.compute(view))


learning_coefficient, learning_coefficient_error = learning_coefficients()
