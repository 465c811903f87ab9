"""Figures of one network, against the plain forward pass and networks written down by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from circuit_oracles import AMPLITUDES, drawn, task_of
from groklab import figures
from groklab.circuits.basis import Basis
from groklab.errors import Mistake
from groklab.figures.circle import angles, places
from groklab.figures.pictures import strongest_neuron
from groklab.models import MLPSettings, TransformerSettings
from groklab.models.closed_form import trigonometric_transformer

SMALL = TransformerSettings(d_model=12, d_mlp=20, heads=3)


def test_tokens_of_a_network_on_circles_lie_on_the_circle() -> None:
    task, model = task_of(), trigonometric_transformer(23, AMPLITUDES)
    for k in AMPLITUDES:
        circle, tokens = figures.embedding_circle(model, task, k).data
        assert np.allclose(np.hypot(circle.x, circle.y), 1)
        angle = 2 * np.pi * k * np.asarray(tokens.text, float) / 23
        assert np.allclose(tokens.x, np.cos(angle), atol=1e-5)
        assert np.allclose(tokens.y, np.sin(angle), atol=1e-5)
        assert np.allclose(np.asarray(tokens.marker.color), angle % (2 * np.pi))


def test_places_solve_the_least_squares_by_hand() -> None:
    task = task_of(modulus=7)
    basis, embedding = Basis.of(task), np.random.default_rng(1).normal(size=(8, 5))
    x, y = places(basis, embedding, 2)
    cos, sin = np.cos(angles(basis, 2)), np.sin(angles(basis, 2))
    u, v = cos @ embedding[:7] * np.sqrt(2 / 7), sin @ embedding[:7] * np.sqrt(2 / 7)
    gram = np.array([[u @ u, u @ v], [u @ v, v @ v]])
    for token in range(7):
        right = np.array([u @ embedding[token], v @ embedding[token]])
        assert np.allclose(np.linalg.solve(gram, right) * np.sqrt(7 / 2), (x[token], y[token]))


def test_a_frequency_without_a_circle_is_refused() -> None:
    task, model = task_of(), trigonometric_transformer(23, AMPLITUDES)
    with pytest.raises(Mistake, match="Z_23 has frequencies 1 to 11, not 12"):
        figures.embedding_circle(model, task, 12)
    other = task_of("compose", 3)
    label = Basis.of(other).labels[0]
    with pytest.raises(Mistake, match="has no cosine and sine"):
        figures.embedding_circle(drawn(SMALL, other), other, label)  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", ["add", "multiply"])
def test_pictures_are_the_plain_forwards_in_the_groups_order(operation: str) -> None:
    task = task_of(operation, 11)
    model = drawn(SMALL, task)
    names = ("blocks.0.attn.pattern", "blocks.0.mlp.post")
    _, kept = model.run(jnp.asarray(task.tokens), names)
    order = Basis.of(task)
    for head, operand, position in ((0, "a", 0), (2, "b", 1)):
        picture, spectrum = figures.attention_picture(model, task, head, operand).data
        wanted = np.asarray(kept[names[0]])[order.rows, head, -1, position]
        assert np.allclose(np.asarray(picture.z).T, wanted, atol=1e-5)
        assert spectrum.z.shape == (order.order // 2 + 1,) * 2
        variance = np.var(np.asarray(picture.z, float)) * picture.z.size
        assert np.nansum(np.asarray(spectrum.z) ** 2) == pytest.approx(variance, rel=1e-4)
    picture, _ = figures.neuron_picture(model, task, 13).data
    assert np.allclose(np.asarray(picture.z).T, np.asarray(kept[names[1]])[order.rows, -1, 13], atol=1e-4)


def test_a_known_frequency_stands_in_the_spectrum_and_has_the_neuron() -> None:
    task, model = task_of(), trigonometric_transformer(23, AMPLITUDES)
    for k in AMPLITUDES:
        neuron = strongest_neuron(model, task, k)
        figure = figures.neuron_picture(model, task, neuron)
        norms = np.nan_to_num(np.asarray(figure.data[1].z))
        assert k in np.unravel_index(norms.argmax(), norms.shape)
        said = figure.layout.meta["alt"]
        assert f"strongest at frequency {k} in a" in said or f"and {k} in b" in said


def test_what_a_network_lacks_is_said() -> None:
    task = task_of(modulus=7)
    mlp, model = drawn(MLPSettings(d_embed=6, d_mlp=9), task), drawn(SMALL, task)
    deep = drawn(TransformerSettings(layers=2, d_model=12, d_mlp=20, heads=3), task)
    bare = drawn(TransformerSettings(d_model=12, d_mlp=0, heads=3), task)
    for one in (mlp, deep):
        with pytest.raises(Mistake, match="has no attention that two operands' scores decide"):
            figures.attention_picture(one, task)
        assert figures.neuron_picture(one, task, 3).data[0].z.shape == (7, 7)
    with pytest.raises(Mistake, match="heads 0 to 2, not 3"):
        figures.attention_picture(model, task, 3)
    with pytest.raises(Mistake, match="the operands are a and b, not c"):
        figures.attention_picture(model, task, 0, "c")
    with pytest.raises(Mistake, match="neurons 0 to 19, not 20"):
        figures.neuron_picture(model, task, 20)
    with pytest.raises(Mistake, match="has no neurons to look at"):
        figures.neuron_picture(bare, task, 0)
    with pytest.raises(Mistake, match="is no group's product"):
        figures.neuron_picture(model, task_of("cubic", 7), 0)
