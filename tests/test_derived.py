"""What a study computes of its networks together: once, in one commit, kept with the rest."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import fake_study
import groklab as gl
from fake_study import NAME, experiment, known, store  # noqa: F401
from groklab.engines import preparing
from groklab.engines.deriving import derive
from groklab.errors import Mistake, StoreError
from groklab.measures import built_in
from groklab.record import Record
from groklab.store import DerivedWriter, Folder, Kept, Reader, keep
from groklab.store.place import Place
from groklab.store.repositories import open_or_create
from groklab.studies import Experiment, catalogue


def together(count: int = 3) -> xr.Dataset:
    """A dataset with a dimension of words, one of numbers, one without labels of its own and whole numbers."""
    return xr.Dataset(
        {
            "wall": (
                ("pair", "way", "share"),
                np.arange(count * 10, dtype=np.float32).reshape(count, 2, 5),
                {"units": "nats", "description": "Loss ½ of the way."},
            ),
            "one": ("pair", np.arange(count), {"units": "1", "description": "First run."}),
        },
        {"pair": np.arange(count), "way": ["raw", "ordered"], "share": np.linspace(0, 1, 5)},
    )


def commit_derived(path: Path, dataset: xr.Dataset) -> None:
    with DerivedWriter(path) as writer:
        writer.commit(dataset)


def derive_in(path: Path | Place) -> None:
    with Folder(path, Reader(path).manifest) as folder:
        derive(folder)


@pytest.mark.parametrize("count", [3, 0])
def test_a_dataset_comes_back_from_store_and_kept_result_as_it_was(tmp_path: Path, count: int) -> None:
    path, given = store(tmp_path / "store"), together(count)
    assert Reader(path).derived() is None
    before = Reader(path).manifest
    commit_derived(path, given)
    found = Reader(path).derived()
    assert found is not None
    xr.testing.assert_identical(found, given)
    assert Reader(path).manifest == before
    kept = Kept(keep(Reader(path), tmp_path / "kept.zip", ["test_loss"]))
    again = kept.derived()
    assert again is not None
    xr.testing.assert_identical(again, given)
    for name, variable in given.variables.items():
        assert found.variables[name].dtype == again.variables[name].dtype == variable.dtype, name
    twice = keep(kept, tmp_path / "twice.zip", ["test_loss"])
    assert twice.read_bytes() == (tmp_path / "kept.zip").read_bytes()


def test_it_is_committed_once(tmp_path: Path) -> None:
    path = store(tmp_path / "store")
    commit_derived(path, together(3))
    commit_derived(path, together(2))
    found = Reader(path).derived()
    assert found is not None
    assert found.sizes["pair"] == 3
    commits = open_or_create(path / "derived").ancestry(branch="main")
    assert [one.message for one in commits][:2] == ["derived", "begin"]


def test_a_kept_result_without_it_and_a_damaged_one(tmp_path: Path) -> None:
    path = store(tmp_path / "store")
    without = keep(Reader(path), tmp_path / "without.zip", ["test_loss"])
    assert Kept(without).derived() is None
    commit_derived(path, together())
    content = keep(Reader(path), tmp_path / "with.zip", ["test_loss"]).read_bytes()
    place = content.index(b"derived.nc") + 40
    (tmp_path / "with.zip").write_bytes(content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1 :])
    with pytest.raises(StoreError, match=r"with\.zip is damaged"):
        Kept(tmp_path / "with.zip").derived()


@pytest.fixture
def deriving(known: Experiment, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: F811
    """The made-up study, which derives something now; where it did is noted."""
    asked: list[str] = []

    def of(record: Record) -> xr.Dataset:
        asked.append(str(record.path))
        return together()

    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(experiment(), derived=of))
    return asked


def test_it_is_derived_once_all_runs_have_ended_and_never_again(deriving: list[str], tmp_path: Path) -> None:
    derive_in(store(tmp_path / "half", ended=2))
    whole = gl.open(store(tmp_path / "whole"))
    derive_in(whole.path)
    derive_in(whole.path)
    assert deriving == [str(whole.path)]
    xr.testing.assert_identical(whole.derived(), together())


def test_what_ends_it_leaves_nothing(deriving: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(record: Record) -> xr.Dataset:
        raise KeyboardInterrupt

    path = store(tmp_path / "store")
    fine = catalogue()[NAME]
    monkeypatch.setitem(catalogue(), NAME, dataclasses.replace(fine, derived=broken))
    with pytest.raises(KeyboardInterrupt):
        derive_in(path)
    assert Reader(path).derived() is None
    monkeypatch.setitem(catalogue(), NAME, fine)
    derive_in(path)
    assert Reader(path).derived() is not None


def test_without_it_there_are_no_findings_and_nothing_is_kept(deriving: list[str], tmp_path: Path) -> None:
    record = gl.open(store(tmp_path / "store"))
    said = "go on with its run, which does so once all runs have ended"
    assert {one.verdict for one in record.findings()} == {"not run"}
    assert all(said in one.sentence for one in record.findings())
    for asked in (record.derived, lambda: record.keep(tmp_path / "a.zip")):
        with pytest.raises(Mistake, match=said) as refused:
            asked()
        assert "\n" not in str(refused.value)
    derive_in(record.path)
    kept = gl.open(record.keep(tmp_path / "a.zip"))
    xr.testing.assert_identical(kept.derived(), together())
    assert kept.findings() == record.findings()
    assert {one.verdict for one in kept.findings()} != {"not run"}


@pytest.mark.usefixtures("known")
def test_a_study_that_derives_nothing_says_so(tmp_path: Path) -> None:
    record = gl.open(store(tmp_path / "store"))
    derive_in(record.path)
    with pytest.raises(Mistake, match="fake/small is not a study that does so"):
        record.derived()


def test_the_engine_derives_from_the_networks(
    deriving: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runs(scale: str, seeds: int) -> Iterator[gl.Run]:
        for run in fake_study.runs(scale, seeds):
            yield run.replace({"d_model": 8, "heads": 2, "d_mlp": 8, "steps": 0, "fraction": 0.5})

    def norms(record: Record) -> xr.Dataset:
        found = [float(np.sum(np.asarray(record.model(run).W_E) ** 2)) for run in range(len(record.runs))]  # type: ignore[union-attr]
        return xr.Dataset({"norm": ("run", np.array(found))}, {"run": np.arange(len(found))})

    made = dataclasses.replace(experiment(), runs=runs, derived=norms)
    monkeypatch.setitem(catalogue(), NAME, made)
    few = {"train_accuracy", "test_accuracy", "sum_of_squares"}
    monkeypatch.setattr(preparing, "built_in", lambda: tuple(one for one in built_in() if one.name in few))
    record = gl.run(made("laptop", 2), tmp_path / "store")
    found = record.derived()
    assert found["norm"].values[1] == pytest.approx(np.sum(np.asarray(record.model(1).W_E) ** 2))  # type: ignore[union-attr]
    xr.testing.assert_identical(gl.run(made("laptop", 2), tmp_path / "store").derived(), found)
