"""Kept results: the same answers as the store's, the same bytes every time, one line for what is damaged."""

import json
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import groklab as gl
from fake_study import STEPS, VARIABLES, known, store  # noqa: F401
from groklab.errors import Mistake, StoreError
from groklab.studies import Experiment

ALL = tuple(VARIABLES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(tmp_path_factory.mktemp("whole") / "store")


@pytest.fixture(scope="module")
def file(whole: Path) -> Path:
    return gl.open(whole).keep(whole.parent / "kept.zip", only=ALL)


def test_a_kept_result_answers_as_its_store_does(whole: Path, file: Path) -> None:
    one, other = gl.open(whole), gl.open(file)
    xr.testing.assert_identical(other.metrics(), one.metrics()[sorted(ALL)])
    for name, variable in one.metrics().variables.items():
        assert other.metrics().variables[name].dtype == variable.dtype, name
    assert other.metrics()["norms"].attrs == {"units": "1", "description": "Norm by irrep ρ."}
    assert (other.study, other.scale, other.runs) == (one.study, one.scale, one.runs)
    assert other.statuses == one.statuses
    assert other.provenance == one.provenance
    assert repr(other.table()) == repr(one.table())
    assert repr(other) == f"Record({str(file)!r}): fake/small at laptop scale, 3 runs"
    assert file.stat().st_size < 6000


def test_what_is_done_to_the_dataset_does_not_stay(file: Path) -> None:
    record = gl.open(file)
    record.metrics()["test_loss"][:] = 7
    assert float(record.metrics()["test_loss"].max()) < 2


def test_keeping_twice_gives_the_same_bytes(whole: Path, file: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(whole, tmp_path / "copy")
    time.sleep(0.01)
    again = gl.open(copy).keep(tmp_path / "deep" / "again.zip", only=ALL[::-1])
    assert again.read_bytes() == file.read_bytes()
    assert gl.open(file).keep(tmp_path / "of-kept.zip", only=ALL).read_bytes() == file.read_bytes()
    assert [path.name for path in again.parent.iterdir()] == ["again.zip"]
    with zipfile.ZipFile(file) as archive:
        assert {info.filename: info.date_time[0] for info in archive.infolist()} == {
            "about.json": 1980,
            "metrics.nc": 1980,
        }


@pytest.mark.usefixtures("known")
def test_by_default_what_the_analysis_reads_and_the_table_shows(whole: Path, tmp_path: Path) -> None:
    kept = gl.open(gl.open(whole).keep(tmp_path / "reads.zip"))
    assert set(kept.metrics().data_vars) == {"test_loss", "test_accuracy", "train_loss"}
    assert [finding.verdict for finding in kept.findings()] == [f.verdict for f in gl.open(whole).findings()]


def test_of_a_study_that_is_not_known_all_without_another_dimension(whole: Path, tmp_path: Path) -> None:
    kept = gl.open(gl.open(whole).keep(tmp_path / "plain.zip"))
    assert set(kept.metrics().data_vars) == set(ALL) - {"norms"}
    assert kept.findings() == ()


def test_thinned_steps_are_early_ones_one_a_stretch_and_every_runs_last(whole: Path, tmp_path: Path) -> None:
    record = gl.open(whole)
    kept = gl.open(record.keep(tmp_path / "thin.zip", only=["test_loss"], every=120))
    # Run 1 diverged at step 100; of the stretch from 120 to 239 the first step stays, of that from 240 on too.
    assert kept.metrics()["step"].values.tolist() == [0, 1, 2, 4, 8, 16, 32, 50, 100, 150, 250, 300]
    assert [row["test_loss"] for row in kept.table()] == [row["test_loss"] for row in record.table()]


@given(every=st.integers(1, 400))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_thinning_leaves_one_step_a_stretch_and_both_ends(every: int) -> None:
    from groklab.store.kept import _thinned

    rng = np.random.default_rng(every)
    values = np.where(rng.random((3, len(STEPS))) < 0.5, np.nan, 1.0)
    values[:, 0] = 1.0
    metrics = xr.Dataset({"a": (("run", "step"), values)}, {"step": STEPS, "run": range(3)})
    chosen = set(_thinned(metrics, every).tolist())
    lasts = {int(np.flatnonzero(~np.isnan(row))[-1]) for row in values}
    early = set(np.flatnonzero(every >= STEPS).tolist())
    assert lasts | early | {0} <= chosen
    for stretch in set(STEPS // every):
        inside = set(np.flatnonzero(STEPS // every == stretch).tolist())
        (one,) = (inside & chosen) - lasts - early or [None]
        if one is not None:
            known = (~np.isnan(values)).sum(axis=0)
            assert known[one] == max(known[list(inside)])


def test_the_networks_were_not_kept(file: Path) -> None:
    record = gl.open(file)
    for asked in (record.model, record.steps):
        with pytest.raises(Mistake, match="holds what was measured, not the networks; give the folder of their runs"):
            asked()
    with pytest.raises(Mistake, match="not the networks"):
        record._reader.saved("a")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "a.nc"}, "end --out in .zip, not 'a.nc'"),
        ({"path": "a.zip", "only": ["test_los"]}, "no variable of .* is called 'test_los'; did you mean test_loss"),
        ({"path": "a.zip", "every": 0}, "--every takes at least 1 step, not 0"),
        ({"path": "taken/a.zip"}, "cannot write .*a.zip"),
    ],
)
def test_what_cannot_be_kept(whole: Path, tmp_path: Path, arguments: dict, said: str) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(Mistake, match=said) as refused:
        gl.open(whole).keep(tmp_path / arguments.pop("path"), **{"only": ALL} | arguments)
    assert "\n" not in str(refused.value)


def test_a_store_where_nothing_was_measured_or_not_what_is_read(known: Experiment, tmp_path: Path) -> None:  # noqa: F811
    empty = gl.open(store(tmp_path / "empty", ended=0))
    with pytest.raises(Mistake, match=r"has no test_loss, test_accuracy, which fake/small reads; go on with its run"):
        empty.keep(tmp_path / "a.zip")
    with pytest.raises(Mistake, match="nothing was measured yet"):
        empty.keep(tmp_path / "a.zip", only=())
    half = gl.open(store(tmp_path / "half", variables=["test_loss"]))
    with pytest.raises(Mistake, match=r"has no test_accuracy, which fake/small reads"):
        half.keep(tmp_path / "a.zip")
    assert set(gl.open(half.keep(tmp_path / "b.zip", only=["test_loss"])).metrics().data_vars) == {"test_loss"}


def test_a_store_that_has_only_begun_is_kept_as_it_stands(tmp_path: Path) -> None:
    record = gl.open(store(tmp_path / "begun", ended=2))
    kept = gl.open(record.keep(tmp_path / "begun.zip"))
    assert kept.statuses == record.statuses
    assert [status.state for status in kept.statuses] == ["finished", "diverged", "waiting"]
    assert np.isnan(kept.metrics()["test_loss"].values[2]).all()


def test_damage_anywhere_is_one_line_or_does_no_harm(file: Path, tmp_path: Path) -> None:
    good = file.read_bytes()
    wanted = gl.open(file).metrics()
    damaged = [good[:length] for length in range(0, len(good), 97)]
    for place in range(0, len(good), 53):
        damaged.append(good[:place] + bytes([good[place] ^ 0x41]) + good[place + 1 :])
    path = tmp_path / "damaged.zip"
    refused: list[str] = []
    for content in damaged:
        path.write_bytes(content)
        try:
            xr.testing.assert_identical(gl.open(path).metrics(), wanted)
        except StoreError as error:
            refused.append(str(error))
    assert len(refused) > 0.9 * len(damaged)
    assert [words for words in refused if "\n" in words or str(path) not in words] == []


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"README": "hello"}, "damaged"),
        ({"about.json": "{"}, "damaged"),
        ({"about.json": "[1]"}, "is no kept result"),
        ({"about.json": '{"format": 1}'}, "is no kept result"),
        (
            {"about.json": '{"format": 99, "manifest": {}}'},
            "has format 99, this groklab reads up to 1; install a newer",
        ),
        ({"about.json": '{"format": 1, "manifest": {"a": 1}}'}, "not a groklab store"),
    ],
)
def test_zips_of_others_and_newer_ones(tmp_path: Path, members: dict[str, str], said: str) -> None:
    with pytest.raises(StoreError, match=said):
        gl.open(zipped(tmp_path / "a.zip", members))


def test_a_manifest_without_its_measures_or_batches(file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        about = json.loads(archive.read("about.json"))
    del about["batches"]
    record = gl.open(zipped(tmp_path / "a.zip", {"about.json": json.dumps(about), "metrics.nc": "CDF\x01 no"}))
    for asked in (record.metrics, lambda: record.statuses):
        with pytest.raises(StoreError, match="damaged"):
            asked()


def test_other_files_and_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("hello")
    with pytest.raises(StoreError, match="is no kept result"):
        gl.open(tmp_path / "words.txt")
    with pytest.raises(StoreError, match="there is no folder"):
        gl.open(tmp_path / "none.zip")
