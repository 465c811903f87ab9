"""The local learning coefficient of networks: against a literal loop, whatever they are measured beside, on request."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import groklab as gl
from groklab import kept_measures
from groklab.engines import preparing
from groklab.errors import Mistake
from groklab.losses import margin_loss
from groklab.measures import Labels, Langevin, Measure, View, built_in, learning_coefficients, on_request
from groklab.models import (
    Inputs,
    MLPSettings,
    TransformerSettings,
    answer_logits,
    named_parameters,
    skeleton,
    with_parameters,
)
from groklab.studies import Study
from groklab.studies.forum.blind_measures import BLIND, MECHANISTIC
from groklab.tasks import Split, SplitSettings, Task, parse_task
from groklab.training import OptimiserSettings, Run, Schedule, trainer
from groklab.training.afterwards import program
from quick_compiling import QUICK

SHORT = Langevin(chains=3, burn_in=2, draws=3, step_size=1e-3, pull=30.0, batch=9)
TASK = Task.of(parse_task("add:7"))
SMALL = TransformerSettings(d_model=8, heads=2, d_mlp=12)
FEW = (*BLIND, *MECHANISTIC, "test_loss", "train_accuracy", "test_accuracy", "embedding_norm")
NAMES = ("learning_coefficient", "learning_coefficient_error")


def network(seed: int, settings: Any = SMALL) -> Any:
    outline = skeleton(settings, TASK.vocabulary, TASK.length)
    rng = np.random.default_rng(seed)
    shapes = {name: leaf.shape for name, leaf in named_parameters(outline).items()}
    drawn = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    return with_parameters(outline, drawn)


def labels(fraction: float = 0.5, **more: Any) -> Labels:
    split = Split.of(TASK, SplitSettings(fraction=fraction, **more), 0)
    return Labels(*map(jnp.asarray, (split.labels, split.train_mask, split.test)))


@cache
def loss_of(choice: Any) -> Any:
    """Loss and gradient of a network of these settings on rows of the table, from all its weights as one vector."""
    outline = skeleton(choice, TASK.vocabulary, TASK.length)
    leaves = named_parameters(outline)

    @partial(jax.jit, compiler_options=QUICK)
    @jax.value_and_grad
    def loss(w: Any, rows: Any, labels: Any) -> Any:
        ends = np.cumsum([leaf.size for leaf in leaves.values()])[:-1]
        parts = zip(jnp.split(w, ends), leaves.items(), strict=True)
        model = with_parameters(outline, {name: part.reshape(leaf.shape) for part, (name, leaf) in parts})
        logits = answer_logits(model, Inputs(jnp.asarray(TASK.a)[rows], jnp.asarray(TASK.b)[rows], TASK.template))
        return jnp.mean(margin_loss(logits, labels[rows]))

    return loss


@cache
def coefficients() -> Any:
    """Compiled once for all networks of a kind."""
    measures = learning_coefficients(SHORT)

    def compute(model: Any, data: Labels) -> list[jax.Array]:
        view = View(model, TASK, data)
        return [one.compute(view) for one in measures]

    return jax.jit(compute, compiler_options=QUICK)


def by_hand(choice: Any, model: Any, data: Labels, settings: Langevin) -> tuple[float, float]:
    """The formulas step by step, in float64 but for the loss and its gradient."""
    start = np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in named_parameters(model).values()])

    def loss(w: Any, rows: Any) -> Any:
        return loss_of(choice)(w, rows, data.labels)

    train = np.flatnonzero(data.train)
    strength = len(train) / np.log(len(train))
    words = sum(int(word) for word in start.astype(np.float32).view(np.uint32))
    key = jax.random.fold_in(jax.random.key(0), words % 2**32)
    found = []
    for chain in jax.random.split(key, settings.chains):
        w, losses = start, []
        examples, noises = jax.random.split(chain, (2, settings.burn_in + settings.draws))
        for example, noise in zip(examples, noises, strict=True):
            rows = train[np.asarray(jax.random.randint(example, (settings.batch,), 0, len(train)))]
            value, slope = loss(jnp.asarray(w, jnp.float32), rows)
            losses.append(float(value))
            drawn = np.asarray(jax.random.normal(noise, (len(start),)), np.float64)
            drift = strength * np.asarray(slope, np.float64) + settings.pull * (w - start)
            w = w - settings.step_size / 2 * drift + np.sqrt(settings.step_size) * drawn
        found.append(
            strength * (np.mean(losses[settings.burn_in :]) - float(loss(jnp.asarray(start, jnp.float32), train)[0]))
        )
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found)))


@pytest.mark.parametrize(
    ("settings", "more"),
    [(SMALL, {}), (SMALL, {"labels": "random"}), (MLPSettings(d_embed=6, d_mlp=9), {})],
)
def test_it_is_what_the_formulas_say(settings: Any, more: dict[str, Any]) -> None:
    model, data = network(1, settings), labels(**more)
    found = [float(value) for value in coefficients()(model, data)]
    np.testing.assert_allclose(found, by_hand(settings, model, data, SHORT), rtol=2e-3)


def stacked(seeds: list[int], fractions: list[float]) -> tuple[Any, Labels]:
    models = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(network, seeds))
    return models, jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(labels, fractions))


def test_it_is_the_same_to_the_bit_whatever_it_is_measured_beside() -> None:
    compute = program(TASK, learning_coefficients(SHORT))
    seeds, fractions = [1, 2, 3, 4, 5], [0.5, 0.4, 0.3, 0.5, 0.6]
    whole = compute(*stacked(seeds, fractions), None).get()
    chosen = [4, 1, 0]
    part = compute(*stacked([seeds[i] for i in chosen], [fractions[i] for i in chosen]), None).get()
    for name in NAMES:
        np.testing.assert_array_equal(part[name], whole[name][chosen])
        assert len(set(whole[name].tolist())) == 5


def test_they_are_taken_where_they_are_asked_for_alone() -> None:
    assert {one.name for one in on_request()} == set(NAMES)
    assert not {one.name for one in built_in()} & set(NAMES)
    assert all(one.afterwards and one.description.endswith(".") and one.units == "1" for one in on_request())


def test_their_names_are_taken() -> None:
    def learning_coefficient(model: Any, task: Any) -> float:
        return 0.0

    with pytest.raises(Mistake, match="have a learning_coefficient already"):
        Measure.of(learning_coefficient)


def small(seed: int = 0, **more: Any) -> Run:
    return Run(
        task=parse_task("add:7"),
        split=SplitSettings(size=30),
        model=SMALL,
        optimiser=OptimiserSettings(learning_rate=1e-2),
        seed=seed,
        steps=20,
        logging=Schedule(every=5, growth=1),
        checkpoints=Schedule(every=10, growth=1),
    ).replace(more)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of measures, and chains of a few steps."""
    taken = tuple(one for one in built_in() if one.name in FEW)
    short = learning_coefficients(SHORT)
    for module in (preparing, kept_measures):
        monkeypatch.setattr(module, "built_in", lambda: taken)
    monkeypatch.setattr("groklab.training.applicable.on_request", lambda: short)
    monkeypatch.setattr(kept_measures, "on_request", lambda: short)
    monkeypatch.setattr(trainer, "measuring", cache(trainer.measuring))


@pytest.mark.usefixtures("few")
def test_a_run_may_ask_for_it(tmp_path: Path) -> None:
    runs = (small(0), small(1, extra_measures=NAMES), small(2, extra_measures=NAMES))
    record = gl.run(Study(name="forum/blind_measures", scale="laptop", runs=runs), tmp_path / "store")
    found = record.analysis()
    assert [one.verdict for one in found.findings] == ["not tested at this scale"]
    assert [row[:2] for row in found.tables[2].rows] == [["not grokked within the budget", 3]]
    metrics = record.metrics()
    assert metrics["learning_coefficient"].isel(run=0).isnull().all()
    taken = metrics["learning_coefficient"].isel(run=[1, 2])
    assert taken.sel(step=[0, 10, 20]).notnull().all()
    assert taken.sel(step=[5, 15]).isnull().all()
    assert (metrics["learning_coefficient_error"].sel(step=10).isel(run=[1, 2]) > 0).all()
    assert "learning_coefficient" not in record.measure(runs=[1])
    again = record.measure("learning_coefficient", steps=[10])
    np.testing.assert_allclose(again["learning_coefficient"].values[1:, 0], taken.sel(step=10), rtol=1e-4)
    assert again["learning_coefficient"].isel(run=0).notnull().all()


@pytest.mark.usefixtures("few")
def test_an_extra_measure_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    study = Study(name="test/extra", scale="laptop", runs=(small(extra_measures=("learning_coefficent",)),))
    with pytest.raises(Mistake, match="no extra measure is called 'learning_coefficent'; did you mean learning_coeff"):
        gl.run(study, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_runs_that_ask_for_nothing_are_what_they_were() -> None:
    assert "extra_measures" not in Run().to_json()
    assert small(extra_measures=NAMES).digest != small().digest
    assert small(extra_measures=NAMES).to_json()["extra_measures"] == list(NAMES)
