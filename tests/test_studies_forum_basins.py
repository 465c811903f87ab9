"""One basin or many: pairs of networks, walls between them that are known, and a tiny study from training on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import groklab as gl
from fake_record import FakeRecord
from groklab.engines import preparing
from groklab.findings import Analysis, Finding
from groklab.measures import built_in
from groklab.models import Model, TransformerSettings
from groklab.models.closed_form import trigonometric_transformer
from groklab.studies import find
from groklab.studies.forum import _lines
from groklab.studies.forum._lines import ALIGNMENTS, PARTS, SHARES, lines, matched, pairs_of
from groklab.tasks import Split, SplitSettings, Task, TaskSettings
from groklab.training.settings import OptimiserSettings, Run, Schedule
from groklab.training.status import Status
from made_up_record import made_up

NAME = "forum/basins"
MODULE = __import__("groklab.studies.forum.basins", fromlist=["SMALL"])


def keys_of(run: Run) -> tuple[int, ...]:
    """Three sets of key frequencies in turn, the first and the second without a common one."""
    return ((1, 3), (2, 4), (1, 5), (1, 3))[run.seed % 4]


def record_of(learns: Callable[[Run], bool] = lambda run: True) -> FakeRecord:
    def values(run: Run) -> dict[str, float | np.ndarray]:
        return {
            "test_accuracy": float(learns(run)),
            "key_frequency": np.isin(np.arange(1, 6), keys_of(run)).astype(float),
        }

    return made_up(NAME, values, seeds=8)


def derived_of(record: FakeRecord, height: Callable[[str, str], float]) -> FakeRecord:
    """Lines whose ends have loss 1e-4 and 2e-4, and whose middle is `height(kind, alignment)` times the larger."""
    sets, pairs = _lines.key_sets(record), pairs_of(record)  # type: ignore[arg-type]
    shape = (len(pairs), len(ALIGNMENTS), len(PARTS), len(SHARES))
    loss = np.broadcast_to(np.linspace(1e-4, 2e-4, len(SHARES)), shape).astype(np.float32)
    for row, pair in enumerate(pairs):
        for column, by in enumerate(ALIGNMENTS):
            loss[row, column, :, len(SHARES) // 2] = 2e-4 * height(_lines.kind_of(record, sets, pair), by)  # type: ignore[arg-type]
    record.together = xr.Dataset(
        {
            "one": ("pair", np.array([one for one, _ in pairs], int)),
            "other": ("pair", np.array([other for _, other in pairs], int)),
            "line_loss": (("pair", "alignment", "part", "share"), loss),
            "line_accuracy": (("pair", "alignment", "share"), np.ones(shape[:2] + shape[3:], np.float32)),
            "cosine": (("pair", "alignment"), np.full(shape[:2], 0.5, np.float32)),
        },
        {"alignment": list(ALIGNMENTS), "part": list(PARTS), "share": SHARES},
    )
    return record


def analysed(record: FakeRecord) -> Analysis:
    analysis = find(NAME).analysis
    assert analysis is not None
    return analysis(record)  # type: ignore[arg-type]


def verdicts(found: Sequence[Finding]) -> list[str]:
    return [one.verdict for one in found]


def test_no_network_is_in_two_pairs_of_a_kind() -> None:
    record = record_of()
    sets, pairs = _lines.key_sets(record), pairs_of(record)  # type: ignore[arg-type]
    by_kind: dict[str, list[int]] = {}
    for one, other in pairs:
        kind = _lines.kind_of(record, sets, (one, other))  # type: ignore[arg-type]
        assert record.runs[one].task == record.runs[other].task  # type: ignore[attr-defined]
        if kind == "no common frequency":
            assert not sets[one] & sets[other]
        elif kind != "shuffled copies":
            assert sets[one] == sets[other]
            assert one != other
        by_kind.setdefault(kind, []).extend({one, other})
    assert set(by_kind) == set(_lines.KINDS)
    assert all(len(runs) == len(set(runs)) for runs in by_kind.values())
    # Of eight networks of the small prime, and eight of the main one, four have the first set.
    assert len(by_kind["equal sets"]) == 2 * (4 + 2 + 2)
    assert len(by_kind["children of one network"]) == 2 * 5


def test_pairs_are_found_in_order() -> None:
    assert matched([1, 2, 3, 4, 5], lambda one, other: (one + other) % 2 == 0) == [(1, 3), (2, 4)]
    assert matched([], lambda one, other: True) == []


def test_networks_that_did_not_learn_are_in_no_pair() -> None:
    record = record_of(lambda run: run.seed % 2 == 0)
    record.statuses = (Status(state="diverged", step=3, sentence="made up"), *record.statuses[1:])
    runs = {run for pair in pairs_of(record) for run in pair}  # type: ignore[arg-type]
    assert runs
    assert 0 not in runs
    assert all(record.runs[run].seed % 2 == 0 for run in runs)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("different", "same", "wanted"),
    [
        (1e4, 2.0, ["reproduced", "reproduced"]),
        # Walls that stand in the control too do not show what makes them.
        (1e4, 1e4, ["partly", "not reproduced"]),
        (5.0, 2.0, ["contradicted", "reproduced"]),
        # Neither joined nor far apart: nothing speaks against.
        (50.0, 50.0, ["not reproduced", "not reproduced"]),
    ],
)
def test_walls_between_pairs_decide(different: float, same: float, wanted: list[str]) -> None:
    heights = {"no common frequency": different, "equal sets": same}
    found = analysed(derived_of(record_of(), lambda kind, by: heights.get(kind, 1.0)))
    assert verdicts(found.findings) == wanted
    assert {one.units for one in found.findings} == {"share of pairs"}
    assert [one.claim for one in found.findings] == list(find(NAME).claims)


def test_the_best_permutation_counts_and_no_rotation() -> None:
    def height(kind: str, by: str) -> float:
        return (
            {"permutations": 3.0, "rotations": 1.0}.get(by, 1e4)
            if kind == "equal sets"
            else 1e4 - 9e3 * (by == "rotations")
        )

    found = analysed(derived_of(record_of(), height))
    assert verdicts(found.findings) == ["reproduced", "reproduced"]
    only_turned = analysed(derived_of(record_of(), lambda kind, by: 1.0 if by == "rotations" else 1e4))
    assert verdicts(only_turned.findings) == ["partly", "not reproduced"]
    assert "at most 10 times that of the ends in 8 of 8 pairs" in " ".join(only_turned.remarks)


def test_the_control_stands_in_both_sentences() -> None:
    heights = {"no common frequency": 2e4, "equal sets": 1e3}
    failed = analysed(derived_of(record_of(), lambda kind, by: heights.get(kind, 1.0) * (2 - (by == "permutations"))))
    different, same = (one.sentence for one in failed.findings)
    assert "weight matching joins 0 of 8 pairs, the median ratio is 1,000 (1,000 to 1,000)" in different
    assert "does not show that the key frequencies make the wall" in different
    for sentence in (different, same):
        # Nats: the ratio times 2e-4, with permutations the least.
        assert "has 4 nats and an accuracy of 1 by the best permutation" in sentence
        assert "0.4 nats and an accuracy of 1 with rotations" in sentence
        assert "equal sets (4 at P = 23, 4 at P = 59)" in sentence
    heights["equal sets"] = 2.0
    held = analysed(derived_of(record_of(), lambda kind, by: heights.get(kind, 1.0)))
    assert "joins 8 of 8 pairs" in held.findings[0].sentence
    assert "does not show" not in held.findings[0].sentence


def test_without_any_pair_nothing_is_tested() -> None:
    found = analysed(derived_of(record_of(lambda run: False), lambda kind, by: 1.0))
    assert set(verdicts(found.findings)) == {"not tested at this scale"}
    assert not found.charts
    for table in found.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)


class Known:
    """As much of a record as pairs and lines ask for, with networks written down by hand."""

    def __init__(self, networks: Sequence[Model], keys: Sequence[tuple[int, ...]]) -> None:
        self.networks = networks
        self.runs = [
            Run(task=TaskSettings(modulus=11), split=SplitSettings(fraction=0.5, seed=0), seed=seed)
            for seed in range(len(networks))
        ]
        self.statuses = [Status(state="finished", step=1, sentence="made up")] * len(networks)
        key = np.array([np.isin(np.arange(1, 6), one) for one in keys], float)
        self.data = xr.Dataset(
            {"key_frequency": (("run", "frequency"), key), "test_accuracy": (("run", "step"), np.ones((len(keys), 1)))},
            {"frequency": np.arange(1, 6)},
        )

    def metrics(self) -> xr.Dataset:
        return self.data

    def model(self, run: int) -> Model:
        return self.networks[run]

    def task(self, run: int) -> Task:
        return Task.of(self.runs[run].task)

    def split(self, run: int) -> Split:
        return Split.of(self.task(run), self.runs[run].split, self.runs[run].data_seed)


def test_lines_between_networks_written_down_by_hand() -> None:
    keys = ((1, 3), (2, 4), (1, 3))
    networks = [trigonometric_transformer(11, dict.fromkeys(one, 12.0), phases=9) for one in keys]
    record = Known([networks[0], networks[1], gl.circuits.shuffled(networks[2], 5)], keys)
    found = lines(record)  # type: ignore[arg-type]
    assert list(zip(found["one"].values, found["other"].values, strict=True)) == [
        (0, 1),
        (0, 2),
        (0, 0),
        (1, 1),
        (2, 2),
    ]
    loss = found["line_loss"].values
    ratio = loss.max(axis=-1) / np.maximum(loss[..., 0], loss[..., -1])
    assert (ratio[0] > 100).all()
    assert (ratio[1:, 0] > 1.5).all()
    assert ratio[1:, 1:] == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(found["cosine"].values[1:, 1:], 1, atol=1e-5)
    # The part of the train pairs is the mean over them alone.
    losses, right = gl.circuits.on_the_line(networks[0], networks[1], Task.of(TaskSettings(modulus=11)), SHARES)
    train = record.split(0).train_mask
    np.testing.assert_allclose(loss[0, 0, 1], losses[:, train].mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(loss[0, 0, 0], losses.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(found["line_accuracy"].values[0, 0], right.mean(axis=1), rtol=1e-4)
    xr.testing.assert_identical(lines(record), found)  # type: ignore[arg-type]


def small(scale: str, seed: int) -> Run:
    return Run(
        task=TaskSettings(modulus=11),
        model=TransformerSettings(d_model=16, heads=2, d_mlp=24),
        optimiser=OptimiserSettings(learning_rate=5e-3, weight_decay=0.5),
        split=SplitSettings(fraction=0.5),
        seed=seed,
        steps=100,
        logging=Schedule(every=50),
    )


def test_from_training_to_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "setting", small)
    monkeypatch.setitem(MODULE.SMALL, "laptop", 7)
    monkeypatch.setitem(MODULE.SMALL_STEPS, "laptop", 100)
    monkeypatch.setattr(_lines, "grokked", lambda accuracy: accuracy >= 0)
    few = {"train_accuracy", "test_accuracy", "sum_of_squares", "restricted_loss_test", "neuron_logit_norm"}
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in few))
    # Children go on for 3,000 steps in the study.
    study = find(NAME)("laptop", 3, steps=100)
    record = gl.run(study, tmp_path / "store")
    assert {status.state for status in record.statuses} == {"finished"}
    derived = record.derived()
    assert np.isfinite(derived["line_loss"].values).all()
    kept = gl.open(record.keep(tmp_path / "kept.zip"))
    xr.testing.assert_identical(kept.derived(), derived)
    assert kept.analysis().findings == record.analysis().findings
