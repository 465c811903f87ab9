"""Trackers beside a batch's sink: what they are told, when, and that they can harm nothing."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groklab.errors import Caution, Mistake
from groklab.tracking import TensorBoard, WandB, choosing, chosen, tracked
from groklab.training import Batch, Run
from memory_sink import MemorySink

BATCH = Batch(name="b", members=(3, 5), runs=(Run(seed=3), Run(seed=5)))
NAN = float("nan")


class Sink(MemorySink):
    """One that says which of its measures have a value for each run and step, as the store's writer does."""

    def scalars(self) -> list[str]:
        return [name for name, rows in self.measures.items() if np.ndim(next(iter(rows.values()))) == 0]

    def commits_(self, steps: Sequence[int], runs: Sequence[int] = (3, 5), **measures: Any) -> dict[str, Any]:
        """The arguments of a commit at the last of the steps."""
        arrays = {name: np.asarray(values, dtype=np.float32) for name, values in measures.items()}
        return {
            "step": steps[-1],
            "logged_steps": np.array(steps, dtype=np.int64),
            "measures": arrays,
            "checkpoints": {},
            "state": {},
            "meta": {},
            "runs": runs,
        }


@dataclass
class Book:
    """A tracker that remembers what it was told. What `fails` names raises."""

    told: dict[int, list[tuple[int, dict[str, float]]]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    fails: str = ""
    name: str = "book"

    def open(self, number: int, run: Run) -> "Page":
        assert run.seed == number
        self.note(f"open {number}")
        self.told[number] = []
        return Page(self, number)

    def note(self, words: str) -> None:
        self.said.append(words)
        if self.fails and words.startswith(self.fails):
            raise OSError(f"cannot {words},\n as was asked for")


@dataclass
class Page:
    """One run's curves in a `Book`."""

    book: Book
    number: int

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        self.book.note(f"add {self.number}")
        assert all(value == value for value in scalars.values())
        self.book.told[self.number].append((step, dict(scalars)))

    def flush(self) -> None:
        self.book.note(f"flush {self.number}")

    def close(self) -> None:
        self.book.note(f"close {self.number}")


def test_a_tracker_is_told_what_was_committed_and_nothing_else() -> None:
    sink, book = Sink(BATCH), Book()
    with tracked(sink, [book], BATCH) as both:
        assert both.state() is None
        both.commit(**sink.commits_([0, 10], loss=[[4, 3], [5, NAN]], spectrum=np.ones((2, 2, 7))))
        both.commit(**sink.commits_([20], [5], loss=[[2]]))
        both.commit(**sink.commits_([25], loss=np.zeros((2, 0))) | {"logged_steps": np.array([], int), "measures": {}})
        assert book.told == {3: [(0, {"loss": 4}), (10, {"loss": 3})], 5: [(0, {"loss": 5}), (20, {"loss": 2})]}
        assert both.history(["loss"])[0].tolist() == [0, 10, 20]
    assert sink.commits == [10, 20, 25]
    assert book.said.count("open 3") == book.said.count("close 3") == 1


def test_values_come_as_they_are_in_the_dataset() -> None:
    sink, book, values = Sink(BATCH), Book(), np.random.default_rng(0).normal(size=(2, 50)).astype(np.float32)
    with tracked(sink, [book], BATCH) as both:
        both.commit(**sink.commits_(range(50), loss=values))
    found = np.array([[row["loss"] for _, row in book.told[number]] for number in (3, 5)])
    np.testing.assert_array_equal(found.astype(np.float32), values)
    np.testing.assert_array_equal(found, values.astype(np.float64))


def test_one_that_goes_on_is_told_everything_anew() -> None:
    sink, book = Sink(BATCH), Book()
    with tracked(sink, [book], BATCH) as both:
        both.commit(**sink.commits_([0, 10], loss=[[4, 3], [5, 4]]))
    # Committed by a process that had no time to tell.
    sink.commit(**sink.commits_([20], loss=[[2], [NAN]]))
    with tracked(sink, [book], BATCH) as both:
        assert book.told[3] == [(0, {"loss": 4}), (10, {"loss": 3}), (20, {"loss": 2})]
        assert book.told[5] == [(0, {"loss": 5}), (10, {"loss": 4})]
        both.commit(**sink.commits_([30], [3], loss=[[1]]))
    assert [step for step, _ in book.told[3]] == [0, 10, 20, 30]


def test_what_is_measured_afterwards_comes_at_the_end_once() -> None:
    sink, book = Sink(BATCH), Book()

    def measured_afterwards() -> None:
        for run in (3, 5):
            sink.measures.setdefault("restricted_loss", {})[run, 10] = np.float32(run)

    with tracked(sink, [book], BATCH) as both:
        both.commit(**sink.commits_([0, 10], loss=[[4, 3], [5, 4]]))
        measured_afterwards()
    assert book.told[5] == [(0, {"loss": 5}), (10, {"loss": 4}), (10, {"restricted_loss": 5})]
    with tracked(sink, [book], BATCH):
        pass
    assert book.told[5] == [(0, {"loss": 5}), (10, {"loss": 4, "restricted_loss": 5})]


def test_what_is_not_committed_is_not_told() -> None:
    sink, book = Sink(BATCH), Book()

    def full(**given: Any) -> None:
        raise OSError("no space left")

    sink.commit = full  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no space left"), tracked(sink, [book], BATCH) as both:
        both.commit(**sink.commits_([0], loss=[[4], [5]]))
    assert book.told == {3: [], 5: []}
    assert book.said[-2:] == ["close 3", "close 5"]


def test_an_interruption_closes_curves_and_goes_through() -> None:
    sink, book = Sink(BATCH), Book()
    with pytest.raises(KeyboardInterrupt), tracked(sink, [book], BATCH):
        raise KeyboardInterrupt
    assert book.said == ["open 3", "open 5", "close 3", "close 5"]


@pytest.mark.parametrize("where", ["open 5", "add 3", "flush 5", "close 3"])
def test_one_that_fails_is_given_up_with_one_line(where: str) -> None:
    sink, broken, whole = Sink(BATCH), Book(fails=where), Book()

    def train() -> None:
        with tracked(sink, [broken, whole], BATCH) as both:
            for step in (0, 10, 20):
                both.commit(**sink.commits_([step], loss=[[step], [step]]))

    with pytest.warns(Caution) as said:
        train()
    assert [str(line.message) for line in said] == [
        f"tracking by book ended (cannot {where}, as was asked for); training goes on without it"
    ]
    assert [step for step, _ in whole.told[5]] == sink.steps == [0, 10, 20]
    assert "open 3" in broken.said
    assert "close 3" in broken.said


def test_one_that_fails_stops_nothing_where_warnings_are_errors() -> None:
    """As they are in these tests."""
    sink, broken = Sink(BATCH), Book(fails="add")
    with tracked(sink, [broken], BATCH) as both:
        both.commit(**sink.commits_([0], loss=[[4], [5]]))
    assert broken.said[-2:] == ["close 3", "close 5"]


def test_without_trackers_nothing_is_read() -> None:
    sink = Sink(BATCH)
    sink.commit(**sink.commits_([0], loss=[[4], [5]]))
    sink.scalars = sink.history = None  # type: ignore[assignment,method-assign]
    with tracked(sink, [], BATCH) as both:
        both.commit(**sink.commits_([10], loss=[[4], [5]]))
    assert sink.steps == [0, 10]


def test_names_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    here, board = chosen(["wandb", "tensorboard"], "runs/x", "nanda/mainline")
    base = tmp_path / "runs" / "x" / "tracking"
    assert board == TensorBoard(folder=base / "tensorboard")
    assert here == WandB(folder=base, store=str(tmp_path / "runs" / "x"), study="nanda/mainline", mode="offline")
    (far,) = chosen(["tensorboard"], "s3://bucket/a/b", "nanda/mainline")
    assert far == TensorBoard(folder=tmp_path / "groklab-tracking" / "tensorboard" / "bucket" / "a" / "b")
    (own,) = chosen(["tensorboard"], "runs/x", "nanda/mainline", "curves")
    assert own == TensorBoard(folder=tmp_path / "curves" / "tensorboard" / "runs" / "x")
    (outside,) = chosen(["tensorboard"], "/other/runs/x", "nanda/mainline", tmp_path)
    assert outside == TensorBoard(folder=tmp_path / "tensorboard" / "other" / "runs" / "x")
    assert chosen([], "runs/x", "nanda/mainline") == ()


def test_the_user_decides_when_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    (tracker,) = chosen(["wandb"], tmp_path, "nanda/mainline")
    assert isinstance(tracker, WandB)
    assert (tracker.mode, tracker.project) == ("online", "mine")


def test_runs_of_different_stores_have_different_identifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def identifier(out: str, number: int = 0, seed: int = 0) -> str:
        (tracker,) = chosen(["wandb"], out, "nanda/mainline")
        assert isinstance(tracker, WandB)
        return tracker.identifier(number, Run(seed=seed))

    assert identifier("runs/x") == identifier(str(tmp_path / "runs" / "x"))
    some = [identifier("runs/x"), identifier("runs/y"), identifier("runs/x", 1), identifier("runs/x", seed=1)]
    assert len({*some, identifier("s3://bucket/x")}) == 5


def test_settings_travel_to_other_processes(tmp_path: Path) -> None:
    trackers = chosen(["wandb", "tensorboard"], tmp_path, "nanda/mainline")
    assert pickle.loads(pickle.dumps(trackers)) == trackers


@pytest.mark.parametrize(
    ("names", "missing", "words"),
    [
        (["tensorbord"], "", "no tracker is called 'tensorbord'; did you mean tensorboard?"),
        (["wandb", "wandb"], "", "--track gives wandb twice; give it once"),
        (["tensorboard"], "tensorboardX", "--track tensorboard needs tensorboardX: pip install 'groklab[tensorboard]'"),
        (["tensorboard", "wandb"], "wandb", "--track wandb needs wandb: pip install 'groklab[wandb]'"),
    ],
)
def test_trackers_that_cannot_be(
    names: list[str], missing: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find: Callable[[str], object] = lambda name: None if name == missing else name  # noqa: E731
    monkeypatch.setattr(choosing, "find_spec", find)
    with pytest.raises(Mistake) as raised:
        chosen(names, tmp_path, "nanda/mainline")
    assert str(raised.value) == words
    assert list(tmp_path.iterdir()) == []
