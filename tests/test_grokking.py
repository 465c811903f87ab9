"""Real training, from random weights through memorisation to grokking, and the page that shows it."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import groklab as gl
from groklab.models import Inputs, answer_logits
from groklab.studies import Study
from groklab.tasks import Split
from groklab.theory import scale

SEEDS, STEPS = (3, 5), 2600


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> gl.Record:
    whole = gl.studies.nanda.mainline("laptop", seeds=max(SEEDS) + 1)
    runs = tuple(dataclasses.replace(whole.runs[seed], steps=STEPS) for seed in SEEDS)
    return gl.run(Study(name=whole.name, scale="laptop", runs=runs), tmp_path_factory.mktemp("grokking") / "store")


@pytest.mark.parametrize("run", range(len(SEEDS)))
def test_a_network_memorises_and_then_generalises(record: gl.Record, run: int) -> None:
    metrics = record.metrics().isel(run=run)
    row = record.table()[run]
    memorised, grokked = row["memorised"], row["grokked"]
    assert memorised is not None
    assert grokked is not None
    assert grokked > 4 * memorised
    assert float(metrics["test_accuracy"].sel(step=memorised)) < 0.5
    assert row["test_accuracy"] > 0.99
    assert row["test_loss"] < 1e-3
    later = metrics["train_loss"].sel(step=slice(memorised, None)).values
    fallen = np.flatnonzero(later < 1e-2)[0]
    assert later[fallen:].max() < 1e-2
    assert row["trig_share"] > 0.9
    assert record.statuses[run].state == "finished"
    assert f"grokked at step {grokked:,}" in record.statuses[run].sentence


def test_early_test_accuracy_is_that_of_mirror_pairs(record: gl.Record) -> None:
    """A memoriser that knows a + b = b + a answers mirrored pairs, and no others."""
    for run, row in enumerate(record.table()):
        early = record.metrics().isel(run=run).sel(step=row["memorised"])
        assert float(early["mirror_accuracy_untrained"]) < 0.05 < float(early["mirror_accuracy_trained"])


def test_weights_shrink_and_spectra_sharpen_while_it_generalises(record: gl.Record) -> None:
    for run, row in enumerate(record.table()):
        metrics = record.metrics().isel(run=run)
        before, after = metrics.sel(step=row["memorised"]), metrics.sel(step=STEPS)
        assert float(after["sum_of_squares"]) < 0.6 * float(before["sum_of_squares"])
        assert float(after["gini_neuron_logit"]) > float(before["gini_neuron_logit"]) + 0.3


def test_larger_logits_lower_the_loss_of_networks_that_are_right(record: gl.Record) -> None:
    """Theorem D.1 of Varma et al. 2023 on a trained network that has memorised, and where it generalises."""
    task = record.task(0)
    inputs = Inputs(jnp.asarray(task.a), jnp.asarray(task.b), task.template)
    train = Split.of(task, record.runs[0].split, record.runs[0].data_seed).train_mask
    kept = np.array(record.steps(0))
    memorised = int(kept[kept >= 2 * record.table()[0]["memorised"]][0])
    premises: list[bool] = []
    for step in (memorised, int(kept[-1])):
        logits = np.asarray(answer_logits(record.model(0, step), inputs), float)
        found = scale(logits[train], task.answers[train], [1.0, 1.001, 1.5, 4.0])
        assert found.premise
        assert found.lower.tolist() == [False, True, True, True]
        assert (np.diff(found.losses) < 0).all()
        premises.append(scale(logits[~train], task.answers[~train], [1.0]).premise)
    # Of the pairs that it was not trained on the memoriser is wrong: there the theorem has nothing to say.
    assert not premises[0]


def test_the_page_of_a_grokked_record(record: gl.Record, tmp_path: Path) -> None:
    page = record.report(tmp_path / "report.html").read_text()
    assert "nanda/mainline" in page
    for row in record.table():
        assert f"grokked at step {row['grokked']:,}" in page
