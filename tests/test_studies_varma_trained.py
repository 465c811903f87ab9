"""The studies of Varma et al. on networks that were really trained, small ones; and their proxies of strength."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import groklab as gl
from groklab.engines import preparing
from groklab.measures import Labels, View, built_in
from groklab.models import TransformerSettings
from groklab.models.closed_form import quadratic_network
from groklab.studies import Study, find
from groklab.studies.varma import _runs
from groklab.studies.varma._efficiency import READS as EFFICIENCY_READS
from groklab.studies.varma._prediction import FILE
from groklab.studies.varma._ungrokking import READS
from groklab.tasks import Split, SplitSettings, Task, TaskSettings, parse_task
from groklab.training.settings import OptimiserSettings, Run, Schedule

PROXIES = ("gen_logit", "mem_logit", "gen_lead", "mem_lead")
MEASURES = {one.name: one for one in built_in() if one.name in PROXIES}
TASK = Task.of(parse_task("add:23"))


def small(scale: str, seed: int) -> Run:
    assert scale == "laptop"
    return Run(
        task=TaskSettings(modulus=11),
        model=TransformerSettings(d_model=16, heads=2, d_mlp=24),
        optimiser=OptimiserSettings(learning_rate=5e-3, weight_decay=0.5),
        split=SplitSettings(fraction=0.5),
        seed=seed,
        steps=100,
        logging=Schedule(every=50),
    )


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks on small tables, and no more measured than is read."""
    monkeypatch.setattr(_runs, "setting", small)
    few = {*READS, *EFFICIENCY_READS, "train_loss", "test_loss", "sum_of_squares"}
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in few))
    for constants, value in (
        (_runs.MODULUS, 11),
        (_runs.WHOLE_STEPS, 400),
        (_runs.PART_STEPS, 200),
        (_runs.UNGROKKING_SIZES, (60, 70, 80)),
    ):
        monkeypatch.setitem(constants, "laptop", value)


def test_ungrokking_from_training_to_findings(tiny: None, tmp_path: Path) -> None:
    record = gl.run(find("varma/ungrokking")("laptop", 1), tmp_path / "store")
    assert {status.state for status in record.statuses} == {"finished"}
    found = record.analysis()
    assert [one.claim for one in found.findings] == list(find("varma/ungrokking").claims)
    stays = {one.claim.identifier: one for one in found.findings}["varma.ungrokking-train-stays"]
    # The network learns the small table, so that the three that go on from it count, and go on answering their pairs.
    assert (stays.value, stays.seeds) == (1.0, 3)
    kept = record.keep(tmp_path / "kept.zip")
    assert gl.open(kept).analysis().findings == found.findings


def test_the_critical_size_is_written_into_the_store(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = __import__("groklab.studies.varma.critical_size", fromlist=["MODULI"])
    for name, value in (
        ("MODULI", (11,)),
        ("MEM_SIZES", (30, 40)),
        ("PART_SIZES", (60, 70, 80)),
        ("STEPS", 200),
        ("DECAYS", (0.25, 0.5)),
    ):
        monkeypatch.setitem(getattr(module, name), "laptop", value)
    record = gl.run(find("varma/critical_size")("laptop", 1), tmp_path / "store")
    found = record.analysis()
    assert [one.claim for one in found.findings] == list(find("varma/critical_size").claims)
    plain = json.loads((tmp_path / "store" / FILE).read_text())
    assert plain["made"]
    assert plain["made"] in found.remarks[0]
    assert {status.state for status in gl.open(tmp_path / "store").statuses} == {"finished"}


@pytest.fixture
def memoriser(tiny: None, tmp_path: Path) -> gl.Record:
    """A network that has learnt the right answers of 150 of 529 pairs by heart."""
    changes = {"fraction": None, "size": 150, "weight_decay": 0.0, "steps": 400, "modulus": 23}
    study = Study(name="mine/memoriser", scale="laptop", runs=(small("laptop", 0).replace(changes),))
    return gl.run(study, tmp_path / "memoriser")


@jax.jit
def measured(logits: jax.Array, data: Labels) -> dict[str, jax.Array]:
    view = View(quadratic_network(23, {1: 1.0}), TASK, data)
    view.__dict__["logits"] = logits
    return {name: measure.compute(view) for name, measure in MEASURES.items()}


def proxies(logits: np.ndarray, split: Split) -> dict[str, float]:
    """What the measures say of a table of logits."""
    data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
    return {name: float(value) for name, value in measured(jnp.asarray(logits), data).items()}


def logits_of(model: gl.models.Model) -> np.ndarray:
    split = Split.of(TASK, SplitSettings(fraction=0.5), 0)
    data = Labels(*(jnp.asarray(part) for part in (split.labels, split.train_mask, split.test)))
    return np.asarray(View(model, TASK, data).logits)[:, :23]


def test_mixtures_of_known_weights_are_read_right_by_leads_and_wrong_by_projections(memoriser: gl.Record) -> None:
    split = memoriser.split(0)
    mem = logits_of(memoriser.model(0))
    gen = logits_of(quadratic_network(23, dict.fromkeys(range(1, 12), 4.0)))
    alone = [proxies(part, split) for part in (gen, mem)]
    mean_lead = alone[1]["gen_lead"] + alone[1]["mem_lead"]
    assert mean_lead > 5
    # The hand-made circuit is all Gen to both.
    assert alone[0]["mem_logit"] == pytest.approx(0, abs=1e-4)
    assert alone[0]["mem_lead"] == pytest.approx(0, abs=1e-4)
    for weights in ((1.0, 0.0), (0.6, 0.4), (0.3, 0.7), (0.0, 1.0)):
        seen = proxies(weights[0] * gen + weights[1] * mem, split)
        # Each proxy is linear in the logits.
        linear = {name: weights[0] * alone[0][name] + weights[1] * alone[1][name] for name in PROXIES}
        assert seen == pytest.approx(linear, abs=1e-3)
        by_leads = seen["gen_lead"] - weights[0] * alone[0]["gen_lead"]
        by_projection = seen["gen_logit"] - weights[0] * alone[0]["gen_logit"]
        # What Mem adds to the strength of Gen: a share of what it has learnt by projection, far less by leads.
        assert abs(by_leads) <= 0.05 * weights[1] * mean_lead
        if weights[1]:
            assert by_projection > 0.1 * weights[1] * mean_lead
