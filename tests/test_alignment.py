"""Networks laid onto each other: the best of all orders by trying them all, and what lies on the line between."""

from collections.abc import Callable
from itertools import permutations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groklab.circuits import align, cosine, on_the_line, shuffled
from groklab.circuits.alignment import By
from groklab.errors import Mistake
from groklab.models import Inputs, Transformer, TransformerSettings, named_parameters, with_parameters
from groklab.models.closed_form import trigonometric_transformer
from groklab.tasks import Task, TaskSettings
from kept_networks import random_network

TASK = Task.of(TaskSettings(modulus=7))
INPUTS = Inputs(jnp.asarray(TASK.a), jnp.asarray(TASK.b), TASK.template)
SMALL = TransformerSettings(d_model=4, heads=2, d_head=2, d_mlp=4)
WAYS: tuple[By, ...] = ("neurons and heads", "permutations", "rotations")


def network(settings: TransformerSettings, seed: int) -> Transformer:
    model = random_network(settings, TASK, seed)
    assert isinstance(model, Transformer)
    return model


@jax.jit
def _logits(model: Transformer) -> jax.Array:
    return model(INPUTS, last=True)[:, 0]


def logits(model: Transformer) -> np.ndarray:
    return np.asarray(_logits(model))


def weights(model: Transformer) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf, np.float64) for name, leaf in named_parameters(model).items()}


def inner(one: Transformer, other: Transformer) -> float:
    a, b = weights(one), weights(other)
    return float(sum(np.sum(a[name] * b[name]) for name in a))


def changed(model: Transformer, change: Callable[[dict[str, np.ndarray]], None]) -> Transformer:
    values = weights(model)
    change(values)
    return with_parameters(model, values)


def in_another_basis(model: Transformer, basis: np.ndarray) -> Transformer:
    """The residual stream turned, written out parameter by parameter."""

    def turn(w: dict[str, np.ndarray]) -> None:
        for name in ("embed.W_E", "pos_embed.W_pos", "blocks.0.attn.W_O", "blocks.0.mlp.W_out", "blocks.0.mlp.b_out"):
            w[name] = w[name] @ basis
        for name in ("blocks.0.attn.W_Q", "blocks.0.attn.W_K", "blocks.0.attn.W_V", "blocks.0.mlp.W_in"):
            w[name] = np.einsum("de,...dk->...ek", basis, w[name])
        w["unembed.W_U"] = np.einsum("de,dc->ec", basis, w["unembed.W_U"])

    return changed(model, turn)


def every_order(model: Transformer) -> list[Transformer]:
    """The network in all orders of its four neurons, its two heads and the two coordinates inside each, one by one."""
    found: list[Transformer] = []
    pair = ([0, 1], [1, 0])
    for neurons, heads, *insides in product(permutations(range(4)), pair, *[pair] * 4):

        def move(
            w: dict[str, np.ndarray], neurons: tuple[int, ...] = neurons, heads: list[int] = heads, insides=insides
        ) -> None:
            order = list(neurons)
            for name, axis in (("W_in", 1), ("b_in", 0), ("W_out", 0)):
                w[f"blocks.0.mlp.{name}"] = np.take(w[f"blocks.0.mlp.{name}"], order, axis)
            for part, which in (("Q", 0), ("K", 0), ("V", 1), ("O", 1)):
                name = f"blocks.0.attn.W_{part}"
                axis = 0 if part == "O" else 1
                w[name] = np.stack(
                    [np.take(w[name][head], insides[2 * place + which], axis) for place, head in enumerate(heads)]
                )

        found.append(changed(model, move))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_neurons_and_heads_are_laid_as_near_as_any_order_lays_them(seed: int) -> None:
    one, other = network(SMALL, seed), network(SMALL, 100 + seed)
    best = max(inner(one, moved) for moved in every_order(other))
    assert inner(one, align(one, other, "neurons and heads")) == pytest.approx(best, rel=1e-5)


@given(
    seed=st.integers(0, 1000),
    heads=st.sampled_from([1, 3]),
    mlp=st.sampled_from([0, 5]),
    layers=st.sampled_from([1, 2]),
    biases=st.booleans(),
)
@settings(max_examples=6, deadline=None, derandomize=True)
def test_the_function_stays_and_the_weights_come_nearer(
    seed: int, heads: int, mlp: int, layers: int, biases: bool
) -> None:
    shape = TransformerSettings(
        d_model=6, heads=heads, d_head=3, d_mlp=mlp, layers=layers, attention_biases=biases, mlp_biases=biases
    )
    one, other = network(shape, seed), network(shape, seed + 1)
    wanted, reached = logits(other), [inner(one, other)]
    for by in WAYS:
        laid = align(one, other, by)
        np.testing.assert_allclose(logits(laid), wanted, rtol=1e-3, atol=1e-3)
        assert sum(np.sum(w**2) for w in weights(laid).values()) == pytest.approx(
            sum(np.sum(w**2) for w in weights(other).values()), rel=1e-5
        )
        reached.append(inner(one, laid))
    nothing, order, every, _ = reached
    assert nothing - 1e-4 <= order <= every + 1e-4


def test_a_shuffled_copy_is_found_again() -> None:
    shape = TransformerSettings(d_model=8, heads=3, d_head=4, d_mlp=12)
    model = network(shape, 0)
    copy = shuffled(model, 1)
    np.testing.assert_allclose(logits(copy), logits(model), rtol=1e-4, atol=1e-4)
    assert cosine(model, copy) < 0.9
    assert align(model, copy, "nothing") is copy
    for by in WAYS:
        assert cosine(model, align(model, copy, by)) == pytest.approx(1, abs=1e-6)


def test_what_turned_the_residual_stream_is_undone_by_what_may_turn_it() -> None:
    shape = TransformerSettings(d_model=8, heads=2, d_head=4, d_mlp=12)
    model, rng = network(shape, 0), np.random.default_rng(0)
    order = np.eye(8)[rng.permutation(8)]
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    found = {
        (name, by): cosine(model, align(model, shuffled(in_another_basis(model, basis), 2), by))
        for name, basis in (("order", order), ("turn", turn))
        for by in WAYS
    }
    for name, basis in (("order", order), ("turn", turn)):
        np.testing.assert_allclose(logits(in_another_basis(model, basis)), logits(model), rtol=1e-3, atol=1e-3)
        assert found[name, "neurons and heads"] < 0.9
        assert found[name, "rotations"] == pytest.approx(1, abs=1e-5)
    assert found["order", "permutations"] == pytest.approx(1, abs=1e-6)
    assert found["turn", "permutations"] < 0.9


def test_what_cannot_be_aligned() -> None:
    one = network(SMALL, 0)
    with pytest.raises(Mistake, match="no alignment is called 'neurons'; did you mean neurons and heads"):
        align(one, one, "neurons")  # type: ignore[arg-type]
    with pytest.raises(Mistake, match="only networks of the same shape can be aligned"):
        align(one, network(TransformerSettings(d_model=4, heads=2, d_mlp=5), 0), "permutations")
    normed = network(TransformerSettings(d_model=4, heads=2, d_mlp=4, layer_norm=True), 0)
    with pytest.raises(Mistake, match="LayerNorm leaves the residual stream no other basis: not permutations, but"):
        align(normed, normed, "permutations")
    assert cosine(normed, align(normed, shuffled(normed, 1), "neurons and heads")) == pytest.approx(1, abs=1e-6)


def test_losses_on_the_line_are_those_of_mixed_networks() -> None:
    one, other = network(SMALL, 0), network(SMALL, 1)
    shares = np.array([0.0, 0.25, 1.0])
    losses, right = on_the_line(one, other, TASK, shares)
    assert losses.shape == right.shape == (3, TASK.pairs)
    for row, share in enumerate(shares):
        a, b = weights(one), weights(other)
        mixed = logits(with_parameters(one, {name: (1 - share) * a[name] + share * b[name] for name in a}))
        for pair in range(0, TASK.pairs, 5):
            answer = TASK.answers[pair]
            shifted = mixed[pair] - mixed[pair].max()
            loss = np.log(np.exp(shifted.astype(np.float64)).sum()) - shifted[answer]
            assert losses[row, pair] == pytest.approx(loss, rel=1e-3, abs=1e-4)
            assert right[row, pair] == (mixed[pair].argmax() == answer)


def test_frequencies_in_common_can_be_joined_and_others_cannot() -> None:
    task = Task.of(TaskSettings(modulus=11))
    one, other = (trigonometric_transformer(11, dict.fromkeys(keys, 12.0), phases=9) for keys in ((1, 3), (2, 4)))
    shares = np.linspace(0, 1, 5)
    joined, _ = on_the_line(one, align(one, shuffled(one, 3), "permutations"), task, shares)
    np.testing.assert_allclose(joined.mean(axis=1), joined.mean(axis=1)[0], rtol=1e-3)
    for by in WAYS:
        apart, _ = on_the_line(one, align(one, other, by), task, shares)
        ends = max(apart.mean(axis=1)[[0, -1]])
        assert apart.mean(axis=1).max() > 100 * ends, by
