"""The explorer's data against the networks that they were taken from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import groklab
from fake_record import fake_record
from groklab.circuits import Basis, cosine_coefficients
from groklab.groups import spectrum
from groklab.models import Inputs, MLPSettings, TransformerSettings, answer_logits
from groklab.report import page as pages
from groklab.report.explorer import explorer_data
from groklab.report.packing import Quantised, pack
from groklab.report.rooms import EXPLORERS
from groklab.report.snapshots import packed, tables
from groklab.store import Reader
from groklab.tasks import Task, TaskSettings
from groklab.training.settings import Run
from kept_networks import CURVES, SETTINGS, STEPS, grokking_network, grokking_runs, random_network, store_networks


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[groklab.Record, dict[str, Any], dict[str, Any]]:
    """A record and its explorer's arrays, as the browser gets them, and facts."""
    record = groklab.open(store_networks(tmp_path_factory.mktemp("store") / "out", *grokking_runs()))
    data = explorer_data(record)
    assert data is not None
    arrays = {name: one.restored if isinstance(one, Quantised) else np.asarray(one) for name, one in data[0].items()}
    return record, arrays, data[1]


def rebuilt(one: dict[str, np.ndarray], task: Task, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Attention (position, head) and pre-activations of one pair, written out as the tables' formulas say."""
    tokens = task.tokens[row]
    heads = len(one["scores"])
    scores = one["score_offsets"].T.copy()
    for position in task.operand_positions:
        scores[position] += one["scores"][:, tokens[position]]
    pattern = np.exp(scores) / np.exp(scores).sum(axis=0)
    pre = one["bias"].copy()
    for m in range(len(pre)):
        for head in range(heads):
            for position, token in enumerate(tokens):
                share = one["share_offsets"][m, head, position]
                if position in task.operand_positions:
                    share += one["shares"][m, head, token]
                pre[m] += pattern[position, head] * share
    return pattern, pre


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        (TaskSettings(modulus=7), TransformerSettings(d_model=6, heads=2, d_mlp=5)),
        (
            TaskSettings(operation="divide", modulus=7, layout="a op b ="),
            TransformerSettings(d_model=6, heads=3, d_mlp=5, activation="gelu", attention_biases=True),
        ),
        (TaskSettings(operation="subtract", modulus=6), TransformerSettings(d_model=4, heads=1, mlp_biases=False)),
    ],
)
def test_tables_give_back_attention_and_neurons(task: TaskSettings, settings: TransformerSettings) -> None:
    chosen = Task.of(task)
    model = random_network(settings, chosen, 3)
    neurons = [4, 0, 2]
    found = packed([tables(model, chosen, Basis.of(chosen), neurons, [0, 1])])
    one = {name: (v.restored if isinstance(v, Quantised) else v)[0] for name, v in found.items()}
    _, kept = model.run(chosen.tokens, ["blocks.0.attn.pattern", "blocks.0.mlp.pre"])
    pattern = np.asarray(kept["blocks.0.attn.pattern"])[:, :, -1]
    pre = np.asarray(kept["blocks.0.mlp.pre"])[:, -1][:, neurons]
    for row in range(0, chosen.pairs, 5):
        weights, values = rebuilt(one, chosen, row)
        np.testing.assert_allclose(weights.T, pattern[row], atol=2e-3)
        np.testing.assert_allclose(values, pre[row], atol=3e-3 * np.abs(pre).max())


def test_tokens_lie_where_the_definition_puts_them(found: Any) -> None:
    record, arrays, facts = found
    run = facts["runs"][1]
    W_E = np.asarray(record.model(1, 40).embed.W_E, np.float64)[:13]
    for place, k in enumerate(run["circles"]):
        angle = 2 * np.pi * k * np.arange(13) / 13
        u, v = W_E.T @ np.cos(angle), W_E.T @ np.sin(angle)
        expected = np.stack([W_E @ u / np.linalg.norm(u), W_E @ v / np.linalg.norm(v)], axis=1)
        circle = arrays["1.circles"][STEPS.index(40), place]
        np.testing.assert_allclose(circle, expected, atol=np.abs(expected).max() / 250)


def test_spectra_and_cosines_are_those_of_the_networks(found: Any) -> None:
    record, arrays, _ = found
    task = record.task(0)
    basis = Basis.of(task)
    for at, step in enumerate(STEPS):
        model = record.model(0, step)
        logits = np.asarray(answer_logits(model, Inputs(task.a, task.b, task.template)))
        alpha = cosine_coefficients(basis.table(logits), basis)
        W_L = np.asarray(model.neuron_logit_map)[:13]
        np.testing.assert_allclose(arrays["0.logit_cosine"][at], alpha, atol=1e-4)
        np.testing.assert_allclose(arrays["0.neuron_logit_norm"][at], spectrum(basis.group, W_L), rtol=1e-4)
        W_E = np.asarray(model.embed.W_E)[:13]
        np.testing.assert_allclose(arrays["0.embedding_norm"][at], spectrum(basis.group, W_E), rtol=1e-4)
    for name, values in CURVES.items():
        np.testing.assert_array_equal(arrays[f"0.{name}"], np.array(values, np.float32))
    assert arrays["0.trig_share"][0] < 0.5 < 0.7 < arrays["0.trig_share"][-1] <= 1


def test_the_facts_name_what_is_there(found: Any) -> None:
    record, arrays, facts = found
    assert facts["left_out"] == ""
    assert [(run["run"], run["last"]) for run in facts["runs"]] == [(0, STEPS[-1]), (1, STEPS[-1])]
    for run in facts["runs"]:
        assert run["steps"] == list(STEPS)
        assert run["key"] == [2, 5]
        assert run["circles"][:2] == [2, 5]
        assert [one["frequency"] for one in run["neurons"]] == [2, 5, 2, 5, 2, 5]
        assert all(one["share"] > 0.5 for one in run["neurons"])
        assert run["formula"] == "x + y mod 13"
        assert run["phases"][-1]["name"] == "clean-up"
        trained = record.split(run["run"]).train_mask.reshape(13, 13)
        np.testing.assert_array_equal(arrays[f"{run['run']}.trained"], trained)
    assert facts["runs"][0]["name"] == "run 0 · seed 0"


def test_neurons_are_the_strongest_of_their_frequency(found: Any) -> None:
    record, _, facts = found
    task, run = record.task(0), facts["runs"][0]
    model = record.model(0)
    _, kept = model.run(task.tokens, ["blocks.0.mlp.post"])
    values = np.asarray(kept["blocks.0.mlp.post"])[:, -1]
    power = values.var(axis=0) * (np.asarray(model.neuron_logit_map)[:13] ** 2).sum(axis=0)
    first, second = (one["number"] for one in run["neurons"][:2])
    assert power.argmax() in (first, second)
    assert power[run["neurons"][4]["number"]] <= power[run["neurons"][2]["number"]] <= power[first]


def test_the_budget_thins_the_steps_evenly_and_keeps_both_ends(tmp_path: Path) -> None:
    steps = list(range(0, 56, 2))
    run = Run(task=TaskSettings(modulus=13), model=SETTINGS, steps=54)
    task = Task.of(run.task)
    networks = [{step: random_network(SETTINGS, task, 100 * seed + step) for step in steps} for seed in range(2)]
    curves = {name: [1.0] * len(steps) for name in CURVES}
    path = store_networks(tmp_path / "out", [replace(run, seed=seed) for seed in range(2)], networks, curves)
    record = groklab.open(path)
    whole, all_facts = explorer_data(record) or ({}, {})
    assert [run["steps"] for run in all_facts["runs"]] == [steps] * 2
    budget = len(pack(whole, all_facts)) * 94 // 100
    arrays, facts = explorer_data(record, budget) or ({}, {})
    assert len(pack(arrays, facts)) <= budget * 1.05
    for one in facts["runs"]:
        assert 24 <= len(one["steps"]) < len(steps)
        assert (one["steps"][0], one["steps"][-1]) == (0, 54)
        assert set(np.diff(one["steps"])) <= {2, 4}
    assert facts["left_out"].endswith("of these runs' 56 kept networks, evenly chosen.")
    _, few = explorer_data(record, budget // 2) or ({}, {})
    assert len(few["runs"]) == 1
    assert "1 of 2 runs" in few["left_out"]
    assert len(few["runs"][0]["steps"]) >= 24


def test_a_page_reads_a_record_once_and_shares_the_room_among_explorers(
    found: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record, budgets, reads = found[0], list[int](), list[Path]()
    read = Reader.metrics

    def counted(self: Reader) -> Any:
        reads.append(self.path)
        return read(self)

    def noted(record: groklab.Record, budget: int) -> Any:
        budgets.append(budget)
        return explorer_data(record, budget)

    monkeypatch.setattr(Reader, "metrics", counted)
    monkeypatch.setattr(pages, "explorer_data", noted)
    others: list[Any] = [fake_record(tmp_path / "none", runs=1, points=2) for _ in range(3)]
    pages.page([others[0], record, *others[1:]])
    assert budgets == [EXPLORERS]
    assert reads == [record.path]
    pages.page([record, others[0], record])
    assert budgets[1:] == [EXPLORERS // 2] * 2


@pytest.mark.parametrize(
    "run",
    [
        Run(task=TaskSettings(modulus=5), model=MLPSettings(d_embed=3, d_mlp=4), steps=1),
        Run(task=TaskSettings(modulus=5), model=TransformerSettings(d_model=4, heads=1, d_mlp=3, layers=2), steps=1),
        Run(
            task=TaskSettings(modulus=5),
            model=TransformerSettings(d_model=4, heads=1, d_mlp=3, layer_norm=True),
            steps=1,
        ),
        Run(task=TaskSettings(operation="compose", modulus=3), model=TransformerSettings(d_model=4, heads=1), steps=1),
        Run(task=TaskSettings(operation="squares", modulus=5), model=TransformerSettings(d_model=4, heads=1), steps=1),
    ],
)
def test_networks_that_cannot_be_shown_give_nothing(tmp_path: Path, run: Run) -> None:
    network = random_network(run.model, Task.of(run.task), 0)
    record = groklab.open(store_networks(tmp_path / "out", [run], [{0: network, 1: network}]))
    assert explorer_data(record) is None


def test_a_kept_result_and_a_record_without_networks_give_nothing(found: Any, tmp_path: Path) -> None:
    record = found[0]
    kept = record.keep(tmp_path / "small.zip", only=["test_loss"])
    assert explorer_data(groklab.open(kept)) is None
    assert explorer_data(fake_record(tmp_path / "none")) is None  # pyright: ignore[reportArgumentType]


def test_attention_alone_has_no_neurons_and_shows_the_rest(tmp_path: Path) -> None:
    run = Run(task=TaskSettings(modulus=7), model=TransformerSettings(d_model=4, heads=2, d_mlp=0), steps=1)
    network = random_network(run.model, Task.of(run.task), 0)
    record = groklab.open(store_networks(tmp_path / "out", [run], [{0: network, 1: network}]))
    arrays, facts = explorer_data(record) or ({}, {})
    assert facts["runs"][0]["neurons"] == []
    assert {"0.scores", "0.circles", "0.embedding_norm"} <= set(arrays)
    assert not {"0.shares", "0.bias", "0.neuron_logit_norm"} & set(arrays)


def test_a_network_that_is_not_finite_comes_as_nan(tmp_path: Path) -> None:
    run = Run(task=TaskSettings(modulus=13), model=SETTINGS, steps=60)
    networks = {step: grokking_network(step, 0) for step in (0, 60)}
    broken = random_network(run.model, Task.of(run.task), 0)
    broken = groklab.models.with_parameters(
        broken, {name: np.full(leaf.shape, np.nan) for name, leaf in groklab.models.named_parameters(broken).items()}
    )
    record = groklab.open(store_networks(tmp_path / "out", [run], [networks | {60: broken}]))
    arrays, facts = explorer_data(record) or ({}, {})
    assert facts["runs"][0]["last"] == 0
    circles = arrays["0.circles"]
    assert isinstance(circles, Quantised)
    assert np.isfinite(circles.restored[0]).all()
    assert np.isnan(circles.restored[1]).all()
    pack(arrays, facts)
