"""Predicted memory against measured memory; smaller batches instead of a crash; an accelerator kept ahead."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import groklab as gl
from groklab.engines import preparing
from groklab.engines.precision import multiplying
from groklab.engines.preparing import applicable
from groklab.errors import Mistake
from groklab.measures import Measure, built_in
from groklab.models.lookup import rows, rows_by_product
from groklab.store import Reader
from groklab.studies import Study
from groklab.tasks import Task
from groklab.training import Batch, Run, Trainer, memory, plan
from groklab.training import trainer as trainer_file
from groklab.training.history import DECISIVE
from groklab.training.memory import available, demand, fused_demand, largest, shapes
from groklab.training.plan import planned
from groklab.training.state import initial_model
from groklab.training.step import advancing
from memory_sink import MemorySink

SMALL = {
    "modulus": 7,
    "split.fraction": 0.6,
    "d_model": 8,
    "d_mlp": 16,
    "heads": 2,
    "steps": 60,
    "logging.every": 10,
    "checkpoints.every": 20,
}

MEASURE = """
import gc, sys
from pathlib import Path
import jax, jax.numpy as jnp, numpy as np
from groklab.bench.worker import memory
from groklab.engines.compilations import keep_compilations
from groklab.tasks import Split, Task
from groklab.training import Run
from groklab.training.memory import demand, shapes
from groklab.training.state import data_of, initial_model, initial_state, take
from groklab.training.step import advance_program

jax.config.update("jax_disable_most_optimizations", True)
keep_compilations()
run = Run().replace({"modulus": 61, "d_model": 64, "d_mlp": 512, "fraction": 0.9})
for count in map(int, sys.argv[1:]):
    runs = tuple(run.replace({"seed": seed}) for seed in range(count))
    predicted, splits = demand(runs, (), "xla"), [Split.of(Task.of(run.task), r.split, r.data_seed) for r in runs]
    program = advance_program(run, Task.of(run.task))
    compiled = program.lower(*shapes(runs), jnp.int32(1)).compile()
    initial_state(runs, [initial_model(r) for r in runs])
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    whole, given = initial_state(runs, [initial_model(r) for r in runs]), data_of(runs, splits)
    state, data = take(whole, np.arange(count)), take(given, np.arange(count))
    jax.block_until_ready(compiled(state, data, jnp.int32(1)))
    print(predicted, memory("VmHWM") - before, flush=True)
    del whole, given, state, data
"""


def few() -> tuple[Measure, ...]:
    """A handful of the built-in measures: what is decided by, and one of each other kind."""
    names = (*DECISIVE, "train_loss", "test_loss", "trig_share", "restricted_loss", "excluded_loss_by_frequency")
    return tuple(one for one in built_in() if one.name in names)


def small(number: int = 0, **more: Any) -> Run:
    return gl.studies.nanda.mainline("laptop", seeds=1).replace(SMALL).runs[0].replace({"seed": number} | more)


def test_the_memory_of_a_batch_is_predicted_within_a_fifth() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pytest.skip("this system does not tell a process its peak memory")
    # What is freed goes back to the system at once, so that the second batch is measured like the first.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, "9", "15"], capture_output=True, text=True, check=True, env=environment
    )
    for line in done.stdout.splitlines():
        predicted, measured = map(int, line.split())
        assert measured > 100e6
        assert predicted == pytest.approx(measured, rel=0.2)


def test_the_fused_step_counts_its_arrays() -> None:
    runs = tuple(small(seed) for seed in range(2))
    rooms = [fused_demand(runs[:count]) for count in (1, 2)]
    # One run: a weight vector, its gradient and two moments of float32, the examples' four numbers, and a room.
    parameters = sum(leaf.size for leaf in jax.tree.leaves(initial_model(runs[0])))
    assert rooms[0] > 16 * parameters
    assert rooms[0] < rooms[1] <= 2 * rooms[0]


@pytest.fixture
def no_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the fused step's machine code, which takes the same whatever the batch, runs as small as these vanish."""
    monkeypatch.setattr(memory, "COMPILED", 0)


@pytest.mark.usefixtures("no_machine_code")
def test_a_small_limit_makes_small_batches() -> None:
    runs, measures = tuple(small(seed) for seed in range(10)), applicable(small(), few())[0]
    assert largest(runs, measures, 2**62) == 8
    four = demand(runs[:4], measures)
    count = largest(runs, measures, four)
    assert 3 <= count <= 4
    assert demand(runs[:count], measures) <= four
    assert largest(runs, measures, 1) == 1
    assert available() > 2**20


@pytest.mark.usefixtures("no_machine_code")
def test_a_study_under_a_small_limit_ends_the_same_and_keeps_its_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "built_in", few)
    study = Study(name="test", scale="laptop", runs=tuple(small(seed) for seed in range(3)))
    wide = gl.run(study, tmp_path / "wide")
    limit = demand(study.runs[:2], applicable(small(), few())[0])
    narrow = gl.run(study, tmp_path / "narrow", memory=limit)
    sizes = [sorted(map(len, Reader(tmp_path / name).manifest.batches.values())) for name in ("wide", "narrow")]
    assert sizes == [[3], [1, 2]]
    for name in ("train_loss", "test_loss"):
        np.testing.assert_allclose(wide.metrics()[name], narrow.metrics()[name], rtol=1e-4)
    monkeypatch.setattr(preparing, "largest", None)
    again = gl.run(study, tmp_path / "narrow")
    assert again.metrics().equals(narrow.metrics())
    assert narrow.provenance[0]["compiling_seconds"] > 0
    assert narrow.provenance[0]["precision"] == "float32"


def test_batches_of_an_earlier_plan_are_followed() -> None:
    parent = small()
    child = dataclasses.replace(parent, start=parent)
    runs = (parent, child, small(1))
    batches = plan(runs, lambda alike: 1)
    assert [len(batch.runs) for batch in batches] == [1, 1, 1]
    stored = {batch.name: batch.members for batch in reversed(batches)}
    followed = planned(runs, stored)
    assert {batch.name: batch for batch in followed} == {batch.name: batch for batch in batches}
    assert followed[-1].runs == (child,)


def test_keeping_the_device_ahead_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_file, "AHEAD_SECONDS", 0.01)
    batch = Batch(name="test", members=(0, 1), runs=(small(0), small(1)))
    measures = tuple(one for one in built_in() if one.name in (*DECISIVE, "train_loss"))
    sinks: list[MemorySink] = []
    ticks: list[list[int]] = []
    for ahead in (False, True):
        sink, told = MemorySink(batch), list[int]()
        trainer = Trainer(
            batch, measures, lambda: [initial_model(run) for run in batch.runs], sink,
            session={}, ahead=ahead, watch=lambda tick, told=told: told.append(tick.done),
        )  # fmt: skip
        trainer.train()
        sinks.append(sink)
        ticks.append(told)
    calm, ahead = sinks
    assert calm.steps == ahead.steps
    for one in measures:
        np.testing.assert_array_equal(calm.values(one.name), ahead.values(one.name))
    assert calm.saved is not None
    assert ahead.saved is not None
    for path, array in calm.saved.arrays.items():
        np.testing.assert_array_equal(array, ahead.saved.arrays[path])
    assert ticks[1] == sorted(ticks[1])
    assert set(ticks[0]) == set(ticks[1])


def test_rows_by_product_are_rows_with_the_same_gradient() -> None:
    rng = np.random.default_rng(0)
    table = jnp.asarray(rng.standard_normal((3, 7, 2, 5)), jnp.float32)
    index = jnp.asarray(rng.integers(0, 7, (3, 4, 6)))
    weights = jnp.asarray(rng.standard_normal((3, 4, 6, 2, 5)), jnp.float32)

    def total(look: Any) -> Any:
        return lambda table: jnp.sum(weights * jax.vmap(look)(table, index) ** 2)

    np.testing.assert_array_equal(jax.vmap(rows)(table, index), jax.vmap(rows_by_product)(table, index))
    ours, usual = (jax.grad(total(look))(table) for look in (rows_by_product, rows))
    np.testing.assert_allclose(ours, usual, rtol=1e-5, atol=1e-5)
    for look, scatters in ((rows, True), (rows_by_product, False)):
        assert ("scatter" in str(jax.make_jaxpr(jax.grad(total(look)))(table))) == scatters


def test_an_accelerator_gets_the_gradient_without_a_scatter(monkeypatch: pytest.MonkeyPatch) -> None:
    run, task = small(), Task.of(small().task)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    state, data = shapes((run, small(1)))
    assert "scatter" not in str(jax.make_jaxpr(lambda s, d: advancing(run, task)(s, d, 3))(state, data))


def test_precision_is_explicit_on_accelerators_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with multiplying("float32"):
        assert jax.config.jax_default_matmul_precision is None
    with pytest.raises(Mistake, match="on this machine's CPU take float32"):
        multiplying("tf32")
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    with multiplying("float32"):
        assert jax.config.jax_default_matmul_precision == "highest"
    for name, passes in (("tf32", "tf32"), ("bf16_3x", "bf16")):
        with multiplying(name):
            lowered = jax.export.export(jax.jit(jnp.matmul), platforms=["cuda"])(*[jnp.ones((4, 4))] * 2)
        assert f"precision_type = {passes}" in lowered.mlir_module()
    with pytest.raises(Mistake, match="no precision is called 'fp8'"):
        multiplying("fp8")  # type: ignore[arg-type]
