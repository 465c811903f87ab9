"""The scores of induction heads, on a network that is written down as one, and against slow loops."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.measures import view_of
from groklab.measures.induction import copying, prefix_matching, previous_token
from groklab.measures.sequence_view import SequenceTable, SequenceView
from groklab.models import Transformer, TransformerSettings, build, skeleton, with_parameters
from groklab.tasks import SequenceTask, SubsequencesSettings
from quick_compiling import QUICK

TASK = SequenceTask.of(SubsequencesSettings(tokens=40, sequence=15, block=6, examples=4, test=25))
V, L = TASK.vocabulary, TASK.length


def table(task: SequenceTask = TASK) -> SequenceTable:
    words: Any = jnp.zeros(2, jnp.uint32)
    step: Any = jnp.int32(0)
    return SequenceTable(test=task.test_set(0), train=task.training_set(0), key=words, step=step, batch=0)


def seen_of(model: Any) -> dict[str, Any]:
    """The three scores of a network, what they are read off, and where it is right."""

    @partial(jax.jit, compiler_options=QUICK)
    def compute(model: Any, table: SequenceTable) -> dict[str, Any]:
        view = view_of(model, TASK, table)
        assert isinstance(view, SequenceView)
        scores = {one.name: one.compute(view) for one in (previous_token, prefix_matching, copying)}
        right = view.by_position(view.correct)
        return scores | {"patterns": view.patterns, "tested": view.tested, "right": right}

    return jax.tree.map(np.asarray, compute(model, table()))


def drawn(settings: TransformerSettings, seed: int) -> Transformer:
    model = jax.jit(lambda key: build(settings, V, L, key=key), compiler_options=QUICK)(jax.random.key(seed))
    assert isinstance(model, Transformer)
    return model


def written_down(sharpness: float = 60.0) -> Transformer:
    """Two heads a layer: 0.0 attends to the token before and notes it, 1.0 looks for its own token in those notes.

    The residual stream has the token, the position, the note and the output, each as a unit vector. Heads 0.1 and 1.1
    do nothing.
    """
    width, head = 3 * V + L, max(V, L)
    settings = TransformerSettings(layers=2, d_model=width, heads=2, d_head=head, d_mlp=0)
    shapes = skeleton(settings, V, L)
    assert isinstance(shapes, Transformer)
    token, place, note, out = 0, V, V + L, 2 * V + L
    weights = {name: np.zeros(leaf.shape, np.float32) for name, leaf in _named(shapes).items()}
    weights["embed.W_E"][:, token : token + V] = np.eye(V)
    weights["pos_embed.W_pos"][:, place : place + L] = np.eye(L)
    for position in range(L):
        weights["blocks.0.attn.W_Q"][0, place + position, position] = sharpness
    for position in range(L - 1):
        weights["blocks.0.attn.W_K"][0, place + position, position + 1] = sharpness
    weights["blocks.0.attn.W_V"][0, token : token + V, :V] = np.eye(V)
    weights["blocks.0.attn.W_O"][0, :V, note : note + V] = np.eye(V)
    weights["blocks.1.attn.W_Q"][0, token : token + V, :V] = sharpness * np.eye(V)
    weights["blocks.1.attn.W_K"][0, note : note + V, :V] = sharpness * np.eye(V)
    weights["blocks.1.attn.W_V"][0, token : token + V, :V] = np.eye(V)
    weights["blocks.1.attn.W_O"][0, :V, out : out + V] = np.eye(V)
    weights["unembed.W_U"][out : out + V] = np.eye(V)
    return with_parameters(shapes, weights)


def _named(shapes: Any) -> dict[str, Any]:
    from groklab.models import named_parameters

    return named_parameters(shapes)


def test_the_network_that_is_an_induction_head_is_found() -> None:
    model = written_down()
    seen = seen_of(model)
    before, prefix, copies = (seen[one.name] for one in (previous_token, prefix_matching, copying))
    assert before[0] == pytest.approx(1, abs=1e-4)
    assert before[2] < 0.2
    # Now and then a token of the block stands elsewhere too, and the head looks at both.
    assert 0.8 < prefix[2] <= 1
    assert prefix[0] < 0.2
    assert copies.tolist() == pytest.approx([1 / V, 1 / V, 1, 1 / V])
    # Where its token stood once before it is always right; where it stood twice it cannot tell which counts. The first
    # token has none before it, and is noted at its own place too.
    tokens, counts = seen["tested"].tokens, seen["tested"].counts
    read = np.arange(L - TASK.settings.positions, L)
    once = np.array([[np.sum(row[:q] == row[q]) == 1 and row[0] != row[q] for q in read] for row in tokens])
    assert np.mean(once[counts]) > 0.6
    assert seen["right"][counts & once].all()


def test_scores_are_those_of_slow_loops() -> None:
    settings = TransformerSettings(layers=2, d_model=12, heads=3, d_mlp=0, init_scale=3.0)
    model = drawn(settings, 1)
    seen = seen_of(model)
    patterns = np.concatenate(seen["patterns"], axis=1)
    source, counts, read = seen["tested"].source, seen["tested"].counts, L - TASK.settings.positions
    taken: list[np.ndarray] = []
    before: list[np.ndarray] = []
    for n in range(len(source)):
        taken += [patterns[n, :, read + q, source[n, q]] for q in np.flatnonzero(counts[n])]
        before += [patterns[n, :, q, q - 1] for q in range(1, L)]
    assert np.allclose(seen["prefix_matching"], np.mean(taken, axis=0), atol=1e-6)
    assert np.allclose(seen["previous_token"], np.mean(before, axis=0), atol=1e-6)
    shares: list[float] = []
    for block in model.blocks:
        for head in range(3):
            way = np.asarray(model.W_E) @ np.asarray(block.attn.W_V[head]) @ np.asarray(block.attn.W_O[head])
            raised = way @ np.asarray(model.W_U)
            shares.append(float(np.mean(raised.argmax(axis=1) == np.arange(V))))
    assert np.allclose(seen["copying"], shares)


def test_logits_at_the_last_positions_are_those_of_all() -> None:
    model, counts = drawn(TransformerSettings(layers=2, d_model=8, heads=2, d_mlp=6), 0), (1, 4, L)
    every = jax.jit(
        lambda tokens: (model(tokens), [model(tokens, last=last) for last in counts]), compiler_options=QUICK
    )
    whole, ends = every(TASK.test_set(0).tokens)
    for last, end in zip(counts, ends, strict=True):
        assert np.allclose(end, whole[:, -last:], atol=1e-5)
