"""The induction heads that are shown: found in networks that are written down as such, kept, and read again."""

from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr

import groklab as gl
from groklab.measures import built_in
from groklab.models import Model, TransformerSettings, build, named_parameters, with_parameters
from groklab.studies import find
from groklab.studies.nanda._induction_shown import heads_shown, heads_table, patterns
from groklab.tasks import DigitsSettings, SubsequencesSettings
from groklab.training.settings import OptimiserSettings, Run, Schedule
from groklab.training.status import Status
from kept_networks import store_networks
from test_measures_induction import TASK, L, V, written_down

CURVES = {"train_loss": (1.0,), "test_loss": (1.0,)}


def turned(model: Model) -> Model:
    """The same network with the heads of its last layer in the other order."""
    leaves = {
        name: np.asarray(leaf)[::-1] if name.startswith("blocks.1.attn.W") else np.asarray(leaf)
        for name, leaf in named_parameters(model).items()
    }
    return with_parameters(model, leaves)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> gl.Record:
    """A network whose head 1.0 is an induction head, one whose head 1.1 is, and one that adds digits."""
    assert isinstance(TASK.settings, SubsequencesSettings)
    settings = TransformerSettings(layers=2, d_model=3 * V + L, heads=2, d_head=max(V, L), d_mlp=0)
    run = Run(task=TASK.settings, model=settings, batch_size=4, seed=0, steps=1)
    digits = Run(
        task=DigitsSettings(digits=1, test=4),
        model=TransformerSettings(d_model=4, heads=1, d_mlp=4, classes=10),
        batch_size=2,
        steps=1,
    )
    small = build(digits.model, 12, 5, key=jax.random.key(0))  # type: ignore[arg-type]
    model = written_down()
    runs = [digits, run, run.replace({"seed": 1, "task.examples": None})]
    path = tmp_path_factory.mktemp("heads") / "store"
    return gl.open(store_networks(path, runs, [{1: small}, {1: model}, {1: turned(model)}], CURVES))


@pytest.fixture(scope="module")
def shown(record: gl.Record) -> xr.Dataset:
    return patterns(record)


def test_the_head_that_matches_prefixes_is_found_with_its_scores(record: gl.Record, shown: xr.Dataset) -> None:
    assert shown["network"].values.tolist() == [1, 2]
    assert shown["head"].values.tolist() == ["1.0", "1.1"]
    assert shown["copying"].values.tolist() == [1, 1]
    scores = record.measure(["prefix_matching"], runs=[1, 2])["prefix_matching"].sel(step=1)
    assert scores.argmax("head").values.tolist() == [2, 3]
    np.testing.assert_allclose(shown["prefix_matching"].values, scores.max("head").values, rtol=1e-6)
    xr.testing.assert_identical(patterns(record), shown)


def test_the_sequence_is_the_first_tested_on_and_the_places_are_the_tokens_that_come_next(shown: xr.Dataset) -> None:
    for number, seed in enumerate((0, 1)):
        one, whole = shown.isel(network=number), TASK.test_set(seed)
        token, source = one["token"].values, one["source"].values
        assert token.tolist() == np.asarray(whole.tokens[0]).tolist()
        known = np.flatnonzero(source >= 0)
        assert len(known) == 5
        for place in known:
            # Where the same token stood before, one further on is what comes next.
            assert token[source[place] - 1] == token[place]
            assert source[place] <= place
            assert token[source[place]] == (np.append(token, np.asarray(whole.answers[0, -1]))[place + 1])


def test_the_pattern_is_that_of_the_induction_head(shown: xr.Dataset) -> None:
    for number in range(2):
        one = shown.isel(network=number)
        pattern, source, token = one["pattern"].values, one["source"].values, one["token"].values
        np.testing.assert_allclose(pattern.sum(axis=1), 1, atol=1e-5)
        assert (pattern[np.triu_indices(L, 1)] == 0).all()
        for place in np.flatnonzero(source >= 0):
            # The head looks alike at all tokens whose one before is its own; the first token counts as before itself.
            alike = [at for at in range(1, place + 1) if token[at - 1] == token[place]]
            alike += [0] if token[0] == token[place] else []
            assert pattern[place, source[place]] == pytest.approx(1 / len(alike), abs=1e-3)


def test_table_and_pictures_say_what_was_found(record: gl.Record, shown: xr.Dataset) -> None:
    (table,) = heads_table(shown, record.runs)
    assert [row[:3] for row in table.rows] == [["limited", 0, "1.0"], ["unlimited", 1, "1.1"]]
    for row, one in zip(table.rows, heads_shown(shown, record.runs), strict=True):
        there = [one.values[place][seen] for place, seen in one.marked]
        assert row[5] == pytest.approx(np.mean(there), abs=1e-4)  # type: ignore[arg-type]
        assert row[6] == pytest.approx(np.mean([1 / (place + 1) for place, _ in one.marked]))
        assert float(row[5]) > 4 * float(row[6])  # type: ignore[arg-type]
        assert len(one.marked) == 5


def test_networks_that_ended_badly_are_not_shown(record: gl.Record, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = record.statuses
    bad = Status(state="diverged", step=1, sentence="made up")
    monkeypatch.setattr(gl.Record, "statuses", (ended[0], bad, ended[2]))
    assert patterns(record)["network"].values.tolist() == [2]
    monkeypatch.setattr(gl.Record, "statuses", (bad, bad, bad))
    none = patterns(record)
    assert none["network"].size == 0
    assert heads_table(none, record.runs) == heads_shown(none, record.runs) == []


def test_from_training_to_the_kept_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__("groklab.studies.nanda.other_tasks", fromlist=["network"])
    small = Run(
        task=SubsequencesSettings(tokens=8, sequence=9, block=3, test=8),
        model=TransformerSettings(layers=2, d_model=8, heads=2, d_mlp=0),
        optimiser=OptimiserSettings(learning_rate=1e-2),
        batch_size=4,
        steps=10,
        logging=Schedule(every=5),
    )
    monkeypatch.setattr(module, "network", lambda scale, task: small)
    monkeypatch.setattr(module, "limited", lambda run, scale, task: run.replace({"task.examples": 4}))
    monkeypatch.setattr(module, "LIMITS", {"subsequences": 4})
    few = {"train_loss", "test_loss", "train_accuracy", "test_accuracy", *find("nanda/other_tasks").reads}
    preparing = __import__("groklab.engines.preparing", fromlist=["built_in"])
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in few))
    record = gl.run(find("nanda/other_tasks")("laptop", 2), tmp_path / "store")
    found = record.derived()
    assert found["pattern"].shape == (4, 9, 9)
    xr.testing.assert_identical(found.astype(patterns(record).dtypes), patterns(record)[list(found.data_vars)])
