"""Restricted loss: what the logits answer when only their key frequencies are kept (Nanda et al. 2023, section 5.1).

The mean over all pairs is kept, class by class, and of the rest the key frequencies' part. The paper's text allows
three readings of that part, which `groklab.circuits` defines: `sums`, the 2 directions cos and sin of w_k(a+b) a key
frequency, is its definition and the default here; `products`, the 4 products of a wave in a and one in b;
`terms`, these and the 4 waves in a or in b alone. On which pairs the loss is taken the paper does not say.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groklab.circuits.projections import by_product, sum_part
from groklab.measures.in_group import averaged, labels, leads_by_label, losses_by_label, scores, table
from groklab.measures.losses import test_loss
from groklab.measures.measure import measure
from groklab.measures.view import View
from groklab.measures.waves import alone, products

NEEDS = ("key", "test")


@measure(units="nats", needs=NEEDS, afterwards=True)
def restricted_loss(view: View) -> Float[Array, ""]:
    """Mean cross-entropy on all pairs when of the logits only the mean and the key sum directions are kept."""
    return view.once(_sums)[0][0]


@measure(units="nats", needs=("key",), afterwards=True)
def restricted_loss_train(view: View) -> Float[Array, ""]:
    """The restricted loss on the train pairs, against the labels trained on."""
    return view.once(_sums)[0][1]


@measure(units="nats", needs=NEEDS, afterwards=True)
def restricted_loss_test(view: View) -> Float[Array, ""]:
    """The restricted loss on the test pairs."""
    return view.once(_sums)[0][2]


@measure(units="1", needs=NEEDS, afterwards=True)
def restricted_accuracy(view: View) -> Float[Array, ""]:
    """Share of all pairs answered right when only the mean and the key sum directions of the logits are kept."""
    return view.once(_sums)[1][0]


@measure(units="1", needs=NEEDS, afterwards=True)
def restricted_ratio(view: View) -> Float[Array, ""]:
    """Restricted loss on the test pairs over the test loss: below 1 where the key frequencies alone do better.

    Both losses are on test pairs, so that what was learned by heart is in neither.
    """
    return restricted_loss_test.compute(view) / test_loss.compute(view)


@measure(units="nats", dims=("reading", "part"), needs=NEEDS, afterwards=True)
def restricted_loss_by_reading(view: View) -> Float[Array, "reading part"]:
    """The restricted loss by what is kept of a key frequency, on all, the train and the test pairs."""
    return jnp.stack([loss for loss, _ in view.once(_readings)])


@measure(units="1", dims=("reading", "part"), needs=NEEDS, afterwards=True)
def restricted_accuracy_by_reading(view: View) -> Float[Array, "reading part"]:
    """The restricted accuracy by what is kept of a key frequency, on all, the train and the test pairs."""
    return jnp.stack([accuracy for _, accuracy in view.once(_readings)])


Scores = tuple[Float[Array, "part"], Float[Array, "part"]]


def _sums(view: View) -> Scores:
    """The kept part is a function r(z, c): its loss is had for every z and label, and looked up for the pairs."""
    basis, label = view.basis, view.once(labels)
    means = by_product(view.once(table), basis)
    kept = jnp.mean(means, axis=0) + sum_part(view.once(table), basis, view.key)
    place = (basis.group.product, jnp.maximum(label, 0))
    return averaged(view, losses_by_label(kept)[place], leads_by_label(kept)[place])


def _readings(view: View) -> list[Scores]:
    logits, basis = view.once(table), view.basis
    of_products = jnp.mean(logits, axis=(0, 1)) + products(logits, basis, view.key)
    of_terms = of_products + alone(logits, basis, view.key)
    return [view.once(_sums), scores(view, of_products), scores(view, of_terms)]
