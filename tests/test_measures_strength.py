"""The strength of the two circuits on leads, by loops, and on logits of one circuit alone."""

import jax.numpy as jnp
import numpy as np
import pytest

import slow_measures
from groklab.measures import Labels, View
from groklab.measures.strength import gen_lead, mem_lead
from groklab.models import TransformerSettings
from groklab.tasks import Split, SplitSettings, Task, parse_task


def leads(task: Task, split: Split, logits: np.ndarray) -> tuple[float, float]:
    outline = View.outline(TransformerSettings(d_model=8, heads=2, d_mlp=4), task)
    data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
    view = View(outline.model, task, data)
    view.logits = jnp.asarray(logits, jnp.float32)
    return float(gen_lead.compute(view)), float(mem_lead.compute(view))


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("add:7", {"size": 12}), ("divide:7", {"size": 10, "noise": 0.3}), ("quadratic:5", {"size": 6})],
)
def test_leads_by_a_loop(name: str, chosen: dict[str, float]) -> None:
    task = Task.of(parse_task(name))
    split = Split.of(task, SplitSettings(**chosen), 1)
    logits = np.random.default_rng(2).normal(size=(task.pairs, task.vocabulary))
    wanted = slow_measures.leads(task, split, logits)
    assert np.all(np.isfinite(wanted))
    np.testing.assert_allclose(leads(task, split, logits), wanted, rtol=1e-4)


def test_a_circuit_alone_has_all_the_strength() -> None:
    task = Task.of(parse_task("add:7"))
    split = Split.of(task, SplitSettings(size=12), 1)
    right = np.eye(task.vocabulary)[task.answers]
    assert leads(task, split, 5 * right) == pytest.approx((5, 0), abs=1e-5)
    assert leads(task, split, 5 * right * split.train_mask[:, None]) == pytest.approx((0, 5), abs=1e-5)
